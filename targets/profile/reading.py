"""Reads profiles: YAML as strict as a playbook's, every problem at its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from noetl.compiler import findings as kinds
from noetl.compiler.findings import Findings, close_to, described, listed, quoted
from noetl.compiler.ir import Json
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.source import parse as parse_yaml
from noetl.compiler.source import read
from noetl.diagnostics import START_OF_FILE, Diagnostic, Kind, Severity, Span, in_order

from .models import Profile

_NAMED: Final = frozenset({"credentials", "playbooks", "steps"})
"""Whose keys are names."""
_KEY: Final = "[key]"
"""What pydantic calls the key of an entry."""
_TYPES: Final = {
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "a boolean",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


@dataclass(slots=True)
class Read:
    """A profile with its places; None if it has an error."""

    path: str
    text: str
    profile: Profile | None
    diagnostics: list[Diagnostic]
    patterns: dict[tuple[str, ...], Span] = field(default_factory=dict)
    """Where each name or pattern stands, by the keys that lead to it."""


def load(path: str) -> Read:
    """The profile in a file; one that cannot be read is a diagnostic."""
    found = read(path)
    if found.data is None:
        return Read(path, "", None, list(found.diagnostics))
    return parse(found.data, found.path)


def parse(data: bytes | str, path: str) -> Read:
    """The profile in a text."""
    parsed = parse_yaml(data, path)
    found = Findings(path)
    profile: Profile | None = None
    patterns: dict[tuple[str, ...], Span] = {}
    if isinstance(parsed.root, Map):
        patterns = dict(_patterns(parsed.root))
        try:
            profile = Profile.model_validate(_value(parsed.root))
        except ValidationError as refused:
            _tell(refused, parsed.root, found)
    elif not any(d.severity is Severity.ERROR for d in parsed.diagnostics):
        at = START_OF_FILE if parsed.root is None else parsed.root.span
        found.add(kinds.WRONG_TYPE, "a profile must be a mapping", at)
    diagnostics = in_order([*parsed.diagnostics, *found.items])
    if any(d.severity is Severity.ERROR for d in diagnostics):
        profile = None
    return Read(path, parsed.text, profile, diagnostics, patterns)


def _value(node: Node) -> Json:
    match node:
        case Map():
            # An optional key without a value counts as absent, as in a playbook (DOC-4).
            return {key.text: _value(inner) for key, inner in node.entries if not kinds.is_null(inner)}
        case Seq():
            return [_value(item) for item in node.items]
    return node.value


def _patterns(root: Map) -> Iterator[tuple[tuple[str, ...], Span]]:
    yield from _entries(root, ())
    playbooks = root.get("playbooks")
    if isinstance(playbooks, Map):
        for key, part in playbooks.entries:
            yield ("playbooks", key.text), key.span
            if isinstance(part, Map):
                yield from _entries(part, ("playbooks", key.text))


def _entries(part: Map, before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Span]]:
    steps = part.get("steps")
    if isinstance(steps, Map):
        for key, _ in steps.entries:
            yield (*before, "steps", key.text), key.span


def _tell(refused: ValidationError, root: Map, found: Findings) -> None:
    for problem in refused.errors(include_url=False, include_context=True):
        path = problem["loc"]
        _add(problem, path, *_place(root, path), found)


def _place(root: Map, path: tuple[int | str, ...]) -> tuple[Scalar | None, Node, Map]:
    """The key and the node at the end of a path, as far as there is one, and the mapping around it."""
    key: Scalar | None = None
    node: Node = root
    owner = root
    for part in path:
        if isinstance(node, Map) and isinstance(part, str):
            owner, inner = node, node.get(part)
            if inner is None:
                return key, node, owner
            key, node = node.key(part), inner
        elif isinstance(node, Seq) and isinstance(part, int):
            key, node = None, node.items[part]
    return key, node, owner


def _add(
    problem: ErrorDetails, path: tuple[int | str, ...], key: Scalar | None, node: Node, owner: Map, found: Findings
) -> None:
    last = str(path[-1]) if path else ""
    type_ = problem["type"]
    if type_ == "extra_forbidden" and key is not None:
        allowed = _model(path[:-1]).model_fields
        message = f"unexpected key {quoted(last)} in {_label(path[:-1])}; allowed: {listed(allowed)}"
        found.add(kinds.UNKNOWN_KEY, message, key.span, hint=close_to(last, allowed))
    elif type_ == "missing":
        at = key.span if key is not None else owner.entries[0][0].span if owner.entries else owner.span
        found.add(kinds.MISSING_KEY, f"missing key {quoted(last)} in {_label(path[:-1])}", at)
    elif last == _KEY and key is not None:
        found.add(*_told(problem, node, f"the key {_subject(path[:-1])}"), key.span)
    else:
        found.add(*_told(problem, node, _subject(path)), node.span)


def _told(problem: ErrorDetails, node: Node, subject: str) -> tuple[Kind, str]:
    wanted = _TYPES.get(problem["type"])
    if wanted is not None:
        return kinds.WRONG_TYPE, f"{subject} must be {wanted}, not {described(node)}"
    text = re.sub(r"^(Value error, |Input should )", "", problem["msg"]).replace("'", '"')
    text = f"must {text}" if text.startswith("be ") else text
    if text.startswith(("String should", "List should")):
        text = text.split(" ", 1)[1].replace("should", "must", 1)
    return kinds.WRONG_VALUE, f"{subject} {text[0].lower()}{text[1:]}"


def _model(path: tuple[int | str, ...]) -> type[BaseModel]:
    """The model of the mapping at a path."""
    model: type[BaseModel] = Profile
    parts = iter(path)
    for part in parts:
        (model,) = _models_in(model.model_fields[str(part)].annotation)
        if part in _NAMED:
            next(parts)
    return model


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that a type is made of: `dict[str, X] | None` holds X."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _label(path: tuple[int | str, ...]) -> str:
    if not path:
        return "the profile"
    if len(path) >= 2 and path[-2] in _NAMED:
        return f"{quoted(str(path[-1]))} of {quoted(str(path[-2]))}"
    return quoted(str(path[-1]))


def _subject(path: tuple[int | str, ...]) -> str:
    if not path:
        return "a profile"
    if isinstance(path[-1], int):
        return f"an entry of {quoted(str(path[-2]))}"
    before = path[:-1]
    return quoted(path[-1]) if not before else f"{quoted(path[-1])} in {_label(before)}"
