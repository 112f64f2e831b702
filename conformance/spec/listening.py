"""What a rule asks about, found in the text of its templates (RUL-2, RUL-3, LOP-3, STP-2)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, TypeAlias

from jinja2 import meta, nodes

from noetl.compiler.document import (
    Action,
    CaseRule,
    CollectByPath,
    CollectFrom,
    Model,
    ResultFrom,
    ToolSpec,
    holds_template,
)
from noetl.compiler.expr import strip_braces
from noetl.compiler.expr.sandbox import SANDBOX
from noetl.compiler.nodes import Map, Node, Scalar, Seq

OUTCOMES: Final = ("response", "result", "this")
PER_ITERATION: Final = frozenset({"loop", "loop_index", "error", *OUTCOMES})
UNRENDERED: Final = frozenset({"code_b64", "command_b64"})
BODY_METHODS: Final = ("POST", "PUT", "PATCH")
SQL_TEXT: Final = ("command", "command_b64", "script")
_STATUS: Final = (("status",), ("status_code",), ("metadata", "status_code"))
Path: TypeAlias = tuple[str, ...]


def condition(rule: CaseRule) -> str:
    """The `when` as one expression without braces (DOC-8)."""
    value = rule.when.value
    return strip_braces(value)[0] if isinstance(value, str) else str(value).lower()


@lru_cache(4096)
def _parsed(expression: str) -> nodes.Template:
    return SANDBOX.parse(f"{{{{ ({expression}) }}}}")


@lru_cache(4096)
def names_of(template: str) -> frozenset[str]:
    """The names that a template takes from its scope."""
    return frozenset(meta.find_undeclared_variables(SANDBOX.parse(template)))


def _reads(expression: str) -> Iterator[tuple[str, Path | None, bool]]:
    """Each name read, the constant path after it (None: it is followed by what is not constant), and whether
    `is defined` is all that is asked of it."""

    def walk(node: nodes.Node, path: Path | None, asked: bool) -> Iterator[tuple[str, Path | None, bool]]:
        if isinstance(node, nodes.Name):
            yield node.name, path, asked
        elif isinstance(node, nodes.Getattr):
            yield from walk(node.node, None if path is None else (node.attr, *path), asked)
        elif isinstance(node, nodes.Getitem):
            item = node.arg.value if isinstance(node.arg, nodes.Const) else None
            yield from walk(node.node, (item, *(path or ())) if isinstance(item, str) else None, asked)
            yield from walk(node.arg, (), False)
        elif isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
            yield from walk(node.node, (), True)
        else:
            for child in node.iter_child_nodes():
                yield from walk(child, (), False)

    return walk(_parsed(expression), (), False)


@lru_cache(4096)
def asks_for_event(expression: str) -> bool:
    """RUL-2: whether `event.name` is mentioned, by itself or within the whole of `event`."""
    return any(name == "event" and (not path or path[0] == "name") for name, path, _ in _reads(expression))


@lru_cache(4096)
def asks_about_failure(expression: str) -> bool:
    """RUL-3."""
    if any(text.value == "call.error" for text in _parsed(expression).find_all(nodes.Const)):
        return True
    return any(
        name == "error" or (name in OUTCOMES and path is not None and (not path or _by_status(path)))
        for name, path, _ in _reads(expression)
    )


def _by_status(path: Path) -> bool:
    return any(path[: len(status)] == status for status in _STATUS)


def is_about_iteration(rule: CaseRule, iterator: str) -> bool:
    """LOP-3: whether a step.exit rule hears the exits of iterations, not the last exit of the step."""
    wanted = PER_ITERATION | {iterator}
    for name, path, asked in _reads(condition(rule)):
        if name in wanted and not (asked and path == () and name in OUTCOMES):
            return True
    return any(_takes_outcome(action) or not wanted.isdisjoint(_read_by(action)) for action in rule.then)


def _takes_outcome(action: Action) -> bool:
    """Whether an action takes the response or the result without naming it: a collect by path, a sink's default."""
    if isinstance(action.collect, CollectByPath):
        return True
    return action.sink is not None and defaults_to_result(action.sink.tool)


def entry_reads(node: Node, names: frozenset[str]) -> bool:
    """Whether a template of a free value reads one of the names (STP-2)."""
    return any(not names.isdisjoint(names_of(text)) for text in _templates(node))


def _read_by(action: Action) -> set[str]:
    found: set[str] = set()
    for name in action.model_fields_set:
        value = getattr(action, name)
        if isinstance(value, CollectFrom | ResultFrom):
            found |= names_of(f"{{{{ ({strip_braces(value.source.text)[0]}) }}}}")
        else:
            for text in _texts(value):
                found |= names_of(text)
    return found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, Model):
        kind = value.kind.text if isinstance(value, ToolSpec) else ""
        for key, node in value.node.entries:
            if isinstance(getattr(value, key.text, None), Model):
                yield from _texts(getattr(value, key.text))
            elif not is_unrendered(kind, key.text):
                yield from _templates(node)
    elif isinstance(value, Scalar | Seq | Map):
        yield from _templates(value)


def _templates(node: Node) -> Iterator[str]:
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and holds_template(node.value):
            yield node.value
    elif isinstance(node, Seq):
        for item in node.items:
            yield from _templates(item)
    else:
        for _, item in node.entries:
            yield from _templates(item)


def is_unrendered(kind: str, field: str) -> bool:
    """Whether a tool's field is taken as it stands (TPL-8, TOO-5)."""
    return field in UNRENDERED or (field == "code" and kind in ("python", "script"))


def defaults_to_result(sink: ToolSpec) -> bool:
    """SNK-1: whether a sink takes the result, because nothing that is written gives it data."""
    given = {key.text: node for key, node in sink.node.entries}
    args = given.get("args")
    match sink.kind.text:
        case "http":
            method = given.get("method")
            text = method.text if isinstance(method, Scalar) else ""
            return "body" not in given and (holds_template(text) or text.upper() in BODY_METHODS)
        case "python":
            return "data" not in given and not (isinstance(args, Map) and args.key("data") is not None)
    empty = args is None or _is_null(args) or (isinstance(args, Map) and not args.entries)
    return empty and not given.keys() & {"data", *SQL_TEXT}


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
