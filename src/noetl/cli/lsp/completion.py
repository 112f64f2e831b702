"""What can be written at the cursor: keys, values, names of steps and tasks, and in templates names, filters, tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, cast

from lsprotocol import types

from noetl import schema
from noetl.compiler import ir, language
from noetl.compiler.language import Key, Place, kinds, names
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.tools import BOOLEANS, KINDS

from . import scope
from .cursor import Cursor, locate
from .playbooks import Playbook

_FILTER: Final = re.compile(r"\|\s*\w*$")
_TEST: Final = re.compile(r"\bis\s+(?:not\s+)?\w*$")
_EVENT: Final = re.compile(r"event\.name\b[^'\"]*(?:['\"][^'\"]*['\"][^'\"]*)*['\"]([\w.]*)$")
_MEMBER: Final = re.compile(r"([^\W\d]\w*(?:\.\w+)*)\.\w*$")
_NEXT_STEP: Final = ("next", "step")
_KIND: Final = types.CompletionItemKind


def complete(playbook: Playbook, last: Playbook | None, position: types.Position) -> list[types.CompletionItem]:
    """The words that fit, those of `last`, the last version that could be read, where this one cannot."""
    text = playbook.text
    offset = text.offset(position)
    cursor = locate(text.text, offset)
    known = playbook if playbook.root is not None or last is None else last
    match cursor.at:
        case "template":
            found = _template(playbook, known, cursor, offset)
        case "key":
            found = [*_keys(cursor), *_items(known, cursor)]
        case "value":
            found = _values(known, cursor)
        case _:
            found = []
    span = text.between(offset - len(_word(cursor)), offset)
    return [_placed(item, span) for item in found]


def _word(cursor: Cursor) -> str:
    event = _EVENT.search(cursor.expression) if cursor.at == "template" else None
    return event[1] if event else cursor.word


def _placed(item: types.CompletionItem, span: types.Range) -> types.CompletionItem:
    item.text_edit = types.TextEdit(span, item.insert_text or item.label)
    item.insert_text = None
    return item


# -- keys ------------------------------------------------------------------------------------------------------------


def _keys(cursor: Cursor) -> Iterator[types.CompletionItem]:
    place = language.find(cursor.path, cursor.kind).place
    if place is None:
        return
    for key in _keys_of(place, cursor.kind):
        if key.name not in cursor.values:
            yield _key(key)


def _keys_of(place: Place, kind: str | None) -> list[Key]:
    found = list(place.keys)
    if place.name in ("tool", "call", "retry", "sink"):
        found += kinds.fields(kind) if kind in KINDS and kind is not None else ()
    if place.name == "then":
        found.append(language.PLACES["transition"].keys[0])
    unique = {key.name: key for key in found}
    return list(unique.values())


def _key(key: Key) -> types.CompletionItem:
    deep = key.inside is not None and key.name != "next"
    return types.CompletionItem(
        label=key.name,
        kind=_KIND.Property,
        detail=key.clause,
        documentation=key.about,
        insert_text=f"{key.name}:" if deep else f"{key.name}: ",
    )


# -- values ----------------------------------------------------------------------------------------------------------


def _items(playbook: Playbook, cursor: Cursor) -> list[types.CompletionItem]:
    """A line without a key yet may become an entry of a list: of `next`, a step's name."""
    in_list = len(cursor.path) >= 2 and cursor.path[-1] == 0 and cursor.path[-2] == "next"
    return _steps(playbook) if in_list else []


def _values(playbook: Playbook, cursor: Cursor) -> list[types.CompletionItem]:
    keys = [part for part in cursor.path if isinstance(part, str)]
    name = keys[-1] if keys else ""
    owner = language.find(cursor.path, cursor.kind).owner
    if name == "next" or (name == "step" and owner is not None and owner.name in ("transition", "then")):
        return _steps(playbook)
    if owner is None and "then" in keys and name == "step":
        return _steps(playbook)
    if owner is None:
        return []
    if name in ("kind", "backend") and owner.name in ("tool", "sink"):
        return [_item(kind, _KIND.EnumMember, text.about, text.clause) for kind, text in kinds.TEXTS.items()]
    if name == "tool" and owner.name in ("sink", "task"):
        return [_item(kind, _KIND.EnumMember, text.about, text.clause) for kind, text in kinds.TEXTS.items()]
    if owner.name == "tool" and name in ("name", "task") and cursor.kind == "workbook":
        return [
            _item(task, _KIND.Method, "A task of the workbook.") for task in _named(playbook.root, "workbook", "name")
        ]
    if name in BOOLEANS or name == "fail_workflow":
        return [_item(word, _KIND.Keyword) for word in ("true", "false")]
    return [_item(word, _KIND.EnumMember) for word in _choices(owner.name, name)]


def _choices(place: str, name: str) -> list[str]:
    """What the schema allows for a key, where it lists it."""
    whole = schema.load("playbook")
    definition = whole if place == "playbook" else cast("dict[str, object]", whole["$defs"]).get(place, {})
    properties = cast("dict[str, dict[str, object]]", cast("dict[str, object]", definition).get("properties", {}))
    found = properties.get(name, {})
    listed = found.get("enum") or ([found["const"]] if "const" in found else [])
    return [str(word) for word in cast("list[object]", listed)]


def _steps(playbook: Playbook) -> list[types.CompletionItem]:
    found = dict.fromkeys([*_named(playbook.root, "workflow", "step"), ir.END])
    return [_item(name, _KIND.Function, "A step of this playbook.") for name in found]


def _named(root: Node | None, section: str, key: str) -> list[str]:
    """The names of the entries of a list at the top level."""
    listed = root.get(section) if isinstance(root, Map) else None
    found = [item.get(key) for item in (listed.items if isinstance(listed, Seq) else []) if isinstance(item, Map)]
    return [name.text for name in found if isinstance(name, Scalar) and isinstance(name.value, str)]


# -- templates -------------------------------------------------------------------------------------------------------


def _template(playbook: Playbook, known: Playbook, cursor: Cursor, offset: int) -> list[types.CompletionItem]:
    expression = cursor.expression
    if _FILTER.search(expression):
        return [_item(name, _KIND.Function, found.about, found.clause) for name, found in names.filters().items()]
    if _TEST.search(expression):
        return [_item(name, _KIND.Keyword, found.about, found.clause) for name, found in names.tests().items()]
    if _EVENT.search(expression):
        return [_item(name, _KIND.Event, found.about, found.clause) for name, found in names.EVENTS.items()]
    text = playbook.text.text
    path = _MEMBER.search(expression)
    start = offset - len(path[0]) if path else offset - len(cursor.word)
    at = scope.here(text, start, offset, playbook.path)
    if path:
        found_members = scope.members(at, known.workflow, tuple(path[1].split(".")))
        return [_item(name, _KIND.Field) for name in found_members]
    offered = dict(scope.readable(at)) if at is not None else _everything(known)
    made = [_item(name, _KIND.Variable, about) for name, about in offered.items()]
    return made + [_item(name, _KIND.Function, found.about) for name, found in names.FUNCTIONS.items()]


def _everything(playbook: Playbook) -> dict[str, str]:
    """Every root and step, where it cannot be told what is in scope."""
    found = {name: root.about for name, root in names.ROOTS.items()}
    steps: Iterable[str] = (name for name in _named(playbook.root, "workflow", "step") if name.isidentifier())
    return {**{name: f"The result of step {name}." for name in steps}, **found}


def _item(
    label: str, kind: types.CompletionItemKind, about: str | None = None, detail: str | None = None
) -> types.CompletionItem:
    return types.CompletionItem(label=label, kind=kind, documentation=about, detail=detail)
