"""A file of manifests as what the rules ask about: documents, templates, tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.source import parse
from noetl.diagnostics import START_OF_FILE, Severity

from .problem import Problem
from .shape import DOCUMENTS, misshapen

Kind: TypeAlias = Literal["container", "dag", "steps", "suspend"]
_KINDS: Final[tuple[Kind, ...]] = ("container", "dag", "steps", "suspend")
_SEPARATOR: Final = re.compile(r"^---[ \t]*$", re.MULTILINE)
_EMPTY: Final = Map([], START_OF_FILE)
_OLD_BOOLEANS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})
"""What Argo's parser takes for booleans where it stands without quotes."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a manifest, and where it is."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Output:
    """A declared output parameter."""

    name: str
    source: Literal["path", "parameter", "expression"]
    value: Text
    default: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a dag, or a step of a group."""

    name: str
    template: str
    arguments: tuple[tuple[str, Text], ...]
    depends: Text | None
    when: Text | None
    count: Text | None
    line: int


@dataclass(frozen=True, slots=True)
class Template:
    """A template. Of a dag the tasks are in `groups[0]`."""

    name: str
    kind: Kind
    inputs: tuple[tuple[str, Text | None], ...]
    """Names with defaults."""
    outputs: tuple[Output, ...]
    groups: tuple[tuple[Task, ...], ...]
    argv: tuple[Text, ...]
    """Command and arguments of its container."""
    env: tuple[Text, ...]
    """The values of its container's variables."""
    mounts: tuple[Text, ...]
    """The volumes that it mounts."""
    others: tuple[Text, ...]
    """Every other text of it, in which Argo replaces tags, too."""
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """An object."""

    kind: str
    name: str
    root: Map
    size: int
    """Bytes of its text."""
    templates: tuple[Template, ...]
    parameters: tuple[tuple[str, Text], ...]
    """The arguments of the Workflow."""

    def names(self, *path: str) -> list[Text]:
        """The `name` of each entry of a list, by the way to it."""
        node: Node | None = self.root
        for part in path:
            node = node.get(part) if isinstance(node, Map) else None
        return [text for one in _seq(node).items if (text := _found(one, "name")) is not None]

    def text(self, *path: str) -> Text | None:
        """A text, by the way to it."""
        node: Node | None = self.root
        for part in path:
            node = node.get(part) if isinstance(node, Map) else None
        return Text(node.text, node.span.line) if isinstance(node, Scalar) else None

    def configs(self) -> Iterator[Text]:
        """The names of the ConfigMaps that its pods mount."""
        for volume in _list(self.root.get("spec"), "volumes"):
            name = _found(_map(volume, "configMap"), "name")
            if name is not None:
                yield name

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.root.span.line


@dataclass(frozen=True, slots=True)
class Manifests:
    """A file."""

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    """Of `yaml` and `shape`; with one of them the documents are not all there."""


def read(text: str) -> Manifests:
    """The documents of a file. Nothing that is no YAML, or of another shape, raises."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for part, line in _parts(text):
        parsed = parse("\n" * line + part, "")
        errors = [d for d in parsed.diagnostics if d.severity is Severity.ERROR]
        problems += (Problem("yaml", error.span.line, error.message) for error in errors)
        if errors or parsed.root is None:
            continue
        found = [*_booleans(parsed.root), *_misshapen(parsed.root)]
        problems += found
        if not found and isinstance(parsed.root, Map):
            documents.append(_document(parsed.root, len(part.encode())))
    return Manifests(tuple(documents), tuple(problems))


def _parts(text: str) -> Iterator[tuple[str, int]]:
    """The texts of the documents, each with the number of lines before it."""
    at = 0
    for found in [*_SEPARATOR.finditer(text), None]:
        end = len(text) if found is None else found.start()
        part = text[at:end]
        if any(line.strip() and not line.startswith("#") for line in part.splitlines()):
            yield part, text.count("\n", 0, at)
        at = end if found is None else found.end()


def _misshapen(root: Node) -> Iterator[Problem]:
    kind = root.get("kind") if isinstance(root, Map) else None
    name = kind.text if isinstance(kind, Scalar) else None
    shape = DOCUMENTS.get(name or "")
    if shape is None:
        yield Problem("shape", root.span.line, f"an object of kind {name} is none that noetl writes")
    else:
        yield from misshapen(root, shape, name or "")


def _booleans(node: Node) -> Iterator[Problem]:
    """Texts without quotes that Argo's parser takes for something else."""
    match node:
        case Map():
            for key, value in node.entries:
                yield from _booleans(key)
                yield from _booleans(value)
        case Seq():
            for item in node.items:
                yield from _booleans(item)
        case Scalar() if node.style == "plain" and node.text.lower() in _OLD_BOOLEANS:
            yield Problem("yaml", node.span.line, f"{node.text} without quotes is a boolean for Argo")


def _document(root: Map, size: int) -> Document:
    spec = root.get("spec")
    return Document(
        _text(root, "kind"),
        _text(_map(root, "metadata"), "name"),
        root,
        size,
        tuple(_template(node) for node in _list(spec, "templates") if isinstance(node, Map)),
        tuple(_parameters(_map(spec, "arguments"))),
    )


def _template(node: Map) -> Template:
    kind = next(kind for kind in _KINDS if node.get(kind) is not None)
    groups: list[Seq] = []
    if kind == "dag":
        groups = [_seq(_map(node, "dag").get("tasks"))]
    elif kind == "steps":
        groups = [_seq(group) for group in _list(node, "steps")]
    container = _map(node, "container")
    known = {"container", "dag", "inputs", "name", "outputs", "steps"}
    others = [text for key, value in node.entries if key.text not in known for text in texts(value)]
    others += (text for key, value in container.entries for text in texts(value) if key.text not in _INSIDE)
    return Template(
        _text(node, "name"),
        kind,
        tuple(_inputs(_map(node, "inputs"))),
        tuple(_outputs(_map(node, "outputs"))),
        tuple(tuple(_task(task) for task in group.items if isinstance(task, Map)) for group in groups),
        (*texts(container.get("command")), *texts(container.get("args"))),
        tuple(_values(container)),
        tuple(text for one in _list(container, "volumeMounts") if (text := _found(one, "name")) is not None),
        tuple(others),
        node.span.line,
    )


_INSIDE: Final = frozenset({"args", "command", "env"})


def _task(node: Map) -> Task:
    return Task(
        _text(node, "name"),
        _text(node, "template"),
        tuple(_parameters(_map(node, "arguments"))),
        _found(node, "depends"),
        _found(node, "when"),
        _found(_map(node, "withSequence"), "count"),
        node.span.line,
    )


def _values(container: Map) -> Iterator[Text]:
    for one in _list(container, "env"):
        value = _found(one, "value")
        if value is not None:
            yield value


def _parameters(node: Map) -> Iterator[tuple[str, Text]]:
    for one in _list(node, "parameters"):
        value = _found(one, "value")
        if value is not None:
            yield _text(one, "name"), value


def _inputs(node: Map) -> Iterator[tuple[str, Text | None]]:
    for one in _list(node, "parameters"):
        yield _text(one, "name"), _found(one, "value") or _found(one, "default")


def _outputs(node: Map) -> Iterator[Output]:
    for one in _list(node, "parameters"):
        source = _map(one, "valueFrom")
        for kind in ("path", "parameter", "expression"):
            value = _found(source, kind)
            if value is not None:
                yield Output(_text(one, "name"), kind, value, _text(source, "default"))


def texts(node: Node | None) -> Iterator[Text]:
    """Every text below a node, keys included."""
    match node:
        case Map():
            for key, value in node.entries:
                yield Text(key.text, key.span.line)
                yield from texts(value)
        case Seq():
            for item in node.items:
                yield from texts(item)
        case Scalar():
            yield Text(node.text, node.span.line)


def _map(node: Node | None, name: str) -> Map:
    found = node.get(name) if isinstance(node, Map) else None
    return found if isinstance(found, Map) else _EMPTY


def _list(node: Node | None, name: str) -> list[Node]:
    return _seq(node.get(name) if isinstance(node, Map) else None).items


def _seq(node: Node | None) -> Seq:
    return node if isinstance(node, Seq) else Seq([], _EMPTY.span)


def _found(node: Node, name: str) -> Text | None:
    found = node.get(name) if isinstance(node, Map) else None
    return Text(found.text, found.span.line) if isinstance(found, Scalar) else None


def _text(node: Node | None, name: str) -> str:
    found = _found(node, name) if node is not None else None
    return "" if found is None else found.text
