"""Values that cross step boundaries, and how a template sees them.

A value at rest is JSON (VAL-1). A template also meets three things that are not: an undefined value (TPL-4), a view of
a root value (VAL-2, TPL-9), and a secret that is still a name (TOO-7, TOO-11). `to_json` is for what a tool hands
over, `plain` for what a template gave.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Final, Literal, TypeAlias, cast

from jinja2.runtime import ChainableUndefined

from noetl.errors import ExecutionError

from .ir import Json
from .jsonable import MAX_DEPTH, MAX_DIGITS, Foreign, NotSerializable, convert, convert_map, refuse, to_json
from .secrets import Encoded, Reference, Sealed, SecretMisuse, SecretNames, SecretRef, SecretText

__all__ = [
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MISSING",
    "Encoded",
    "Kind",
    "NotSerializable",
    "SecretNames",
    "SecretRef",
    "SecretText",
    "TemplateFailed",
    "Undefined",
    "View",
    "contents",
    "is_undefined",
    "mask",
    "open_secrets",
    "plain",
    "to_json",
    "truth",
    "view",
]

_FALSE_TEXTS: Final = frozenset(("false", "0", "no", "off", "none", "null", ""))

Kind: TypeAlias = Literal["http", "sql", "secret", "plain"]


class TemplateFailed(ExecutionError):
    """A template raised when it was evaluated (`TemplateError`, TPL-4)."""


class Missing:
    """The type of `MISSING`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
"""What a scope answers for a name that is not bound."""


class Undefined(ChainableUndefined):
    """A name or a part that is not there (TPL-4); every part of it is undefined too."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        return f'"{name}" is undefined' if name is not None else self._undefined_hint or "a value is undefined"


class View(Mapping[object, object]):
    """A map that is a root value: `response`, `result`, `this` or a step's result, with its kind (VAL-2).

    The map is never copied or changed. Of kind `sql`, index, length, iteration and truth act on its rows (TOO-2).
    """

    __slots__ = ("kind", "value")

    def __init__(self, kind: Kind, value: dict[str, Json]) -> None:
        self.kind = kind
        self.value = value

    @property
    def _rows(self) -> list[Json] | None:
        rows = self.value.get("rows") if self.kind == "sql" else None
        return rows if isinstance(rows, list) else None

    def read(self, name: str) -> object:
        """The part called `name` by the forgiving reads of TPL-9 and TOO-1, or `MISSING`."""
        value = self.value
        if name in value:
            return value[name]
        data = value.get("data")
        if isinstance(data, dict) and name in data and (self.kind == "http" or "status" in value):
            return data[name]
        return self if name in ("data", "result") else MISSING

    def __getitem__(self, key: object) -> object:
        rows = self._rows
        if rows is not None and isinstance(key, int | slice):
            return rows[key]
        return self.value[cast(str, key)]

    def __iter__(self) -> Iterator[object]:
        rows = self._rows
        return iter(self.value if rows is None else rows)

    def __len__(self) -> int:
        rows = self._rows
        return len(self.value if rows is None else rows)

    def __contains__(self, key: object) -> bool:
        rows = self._rows
        return key in self.value if rows is None or isinstance(key, str) else key in rows

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, View) else other)

    __hash__ = None  # type: ignore[assignment]

    def keys(self) -> KeysView[object]:
        """The keys of the map, also where iteration acts on rows."""
        return cast("KeysView[object]", self.value.keys())

    def items(self) -> ItemsView[object, object]:
        """The entries of the map."""
        return cast("ItemsView[object, object]", self.value.items())

    def values(self) -> ValuesView[object]:
        """The values of the map."""
        return cast("ValuesView[object]", self.value.values())

    def __repr__(self) -> str:
        return repr(self.value)


def view(kind: Kind, value: Json) -> object:
    """What templates see as the root value `value` of this kind; only maps need a view."""
    if kind == "secret" and isinstance(value, dict):
        return Reference(value)
    return View(kind, value) if isinstance(value, dict) else value


def contents(value: object) -> object:
    """What `loop.in` and `collect.from` take from a value: of an SQL view its rows, of another view its map (VAL-2)."""
    if not isinstance(value, View):
        return value
    rows = value._rows
    return value.value if rows is None else rows


def is_undefined(value: object) -> bool:
    """Whether a template's value is undefined (TPL-4)."""
    return isinstance(value, ChainableUndefined) or value is MISSING


def truth(value: object) -> bool:
    """The truth of a `when` (TPL-5). A secret has none: `TemplateFailed`."""
    if isinstance(value, str):
        return value.lower() not in _FALSE_TEXTS
    if isinstance(value, SecretRef | SecretText | SecretNames):
        raise TemplateFailed(f"{value} is a secret, which is neither true nor false")
    return bool(value)


def plain(value: object) -> Json:
    """What a template gave, as a fresh JSON value: views unwrapped, undefined as null; raises `NotSerializable`.

    A secret is refused: its value never leaves the call (TOO-7).
    """
    return convert(value, MAX_DEPTH, _unwrap)


def mask(value: object) -> Json:
    """Like `plain`, with each secret shown by its name, for events, logs and reports."""
    return convert(value, MAX_DEPTH, _masked)


def open_secrets(value: object, resolve: Callable[[SecretRef], str]) -> Json:
    """Like `plain`, with each secret replaced by what `resolve` gives for it; used at the moment of the call."""

    def opened(part: object, depth: int, again: Foreign) -> Json:
        if isinstance(part, SecretRef | SecretText):
            return SecretText.of(part).open(resolve)
        return _unwrap(part, depth, again)

    return convert(value, MAX_DEPTH, opened)


def _unwrap(value: object, depth: int, again: Foreign) -> Json:
    if is_undefined(value):
        return None
    if isinstance(value, View):
        return convert(value.value, depth, again)
    if isinstance(value, Mapping):
        return convert_map(value, depth, again)
    if isinstance(value, Sealed):  # inside a list or map of a template that still runs
        raise SecretMisuse
    if isinstance(value, SecretRef | SecretText | SecretNames):
        raise NotSerializable(f"{value} is a secret: it can only be used in the fields of a tool")
    return refuse(value, depth, again)


def _masked(value: object, depth: int, again: Foreign) -> Json:
    if isinstance(value, SecretRef | SecretText):
        return str(value)
    if isinstance(value, Reference):
        return convert(dict(value.envelope), depth, again)
    return _unwrap(value, depth, again)
