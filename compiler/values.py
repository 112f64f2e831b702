"""Values that cross step boundaries, and how a template sees them.

A value at rest is JSON (VAL-1). A template also meets three things that are not: an undefined value (TPL-4), a view of
a root value (VAL-2, TPL-9), and a secret that is still a name (TOO-7, TOO-11). `to_json` is for what a tool hands
over, `plain` for what a template gave.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from pathlib import PurePath
from typing import Final, Literal, TypeAlias, cast
from uuid import UUID

from jinja2.runtime import ChainableUndefined

from noetl.errors import ExecutionError, NoetlError

from .ir import Json
from .secrets import Encoded, SecretNames, SecretRef, SecretText

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

MAX_DEPTH: Final = 256
"""Lists and maps may nest this deep; more is `NotSerializable`, so that no encoder on the way runs out of stack."""
MAX_DIGITS: Final = 4300
"""Decimal digits of an integer; beyond it Python itself refuses to write or read the number as text."""
_INT_BITS: Final = 14_284
_FALSE_TEXTS: Final = frozenset(("false", "0", "no", "off", "none", "null", ""))

Kind: TypeAlias = Literal["http", "sql", "plain"]


class NotSerializable(NoetlError):
    """A value is not JSON, so that it cannot leave the step."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message)
        self.path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return f"{super().__str__()} (at {place[:80]})" if place else super().__str__()

    def inside(self, part: str | int) -> NotSerializable:
        """The same error, seen from the list or map that holds the value under `part`."""
        self.path = (part, *self.path)
        return self


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


def to_json(value: object) -> Json:
    """A fresh copy of `value` as JSON (VAL-1); raises `NotSerializable`.

    >>> to_json((Decimal("2.0"), {1: date(2024, 5, 1)}))
    [2, {'1': '2024-05-01'}]
    """
    return _convert(value, MAX_DEPTH, _refuse)


def plain(value: object) -> Json:
    """What a template gave, as a fresh JSON value: views unwrapped, undefined as null; raises `NotSerializable`.

    A secret is refused: its value never leaves the call (TOO-7).
    """
    return _convert(value, MAX_DEPTH, _unwrap)


def mask(value: object) -> Json:
    """Like `plain`, with each secret shown by its name, for events, logs and reports."""
    return _convert(value, MAX_DEPTH, _masked)


def open_secrets(value: object, resolve: Callable[[SecretRef], str]) -> Json:
    """Like `plain`, with each secret replaced by what `resolve` gives for it; used at the moment of the call."""

    def opened(part: object, depth: int, again: _Foreign) -> Json:
        if isinstance(part, SecretRef | SecretText):
            return SecretText.of(part).open(resolve)
        return _unwrap(part, depth, again)

    return _convert(value, MAX_DEPTH, opened)


_Foreign: TypeAlias = Callable[[object, int, "_Foreign"], Json]
"""Converts a value that is no VAL-1 value; gets the depth that is left and itself, for what lies inside."""


def _refuse(value: object, _depth: int, _again: _Foreign) -> Json:
    raise NotSerializable(f"a value of type {type(value).__name__} is not JSON")


def _unwrap(value: object, depth: int, again: _Foreign) -> Json:
    if is_undefined(value):
        return None
    if isinstance(value, View):
        return _convert(value.value, depth, again)
    if isinstance(value, Mapping):
        return _map(value, depth, again)
    if isinstance(value, SecretRef | SecretText | SecretNames):
        raise NotSerializable(f"{value} is a secret: it can only be used in the fields of a tool")
    return _refuse(value, depth, again)


def _masked(value: object, depth: int, again: _Foreign) -> Json:
    if isinstance(value, SecretRef | SecretText):
        return str(value)
    return _unwrap(value, depth, again)


def _convert(value: object, depth: int, foreign: _Foreign) -> Json:
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        if not isfinite(value):
            raise NotSerializable(f"the number {float(value)} is not JSON")
        return float(value)
    if isinstance(value, dict):
        return _map(value, depth, foreign)
    if isinstance(value, list | tuple):
        return _list(value, depth, foreign)
    return _special(value, depth, foreign)


def _special(value: object, depth: int, foreign: _Foreign) -> Json:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | PurePath):
        return _text(str(value))
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, set | frozenset):
        deeper = _descend(depth)
        return sorted((_convert(item, deeper, foreign) for item in value), key=_set_order)
    return foreign(value, depth, foreign)


def _descend(depth: int) -> int:
    if depth <= 0:
        raise NotSerializable(f"a value nests deeper than {MAX_DEPTH} levels")
    return depth - 1


def _map(value: Mapping[object, object], depth: int, foreign: _Foreign) -> dict[str, Json]:
    deeper = _descend(depth)
    made: dict[str, Json] = {}
    for key, item in value.items():
        name = _text(key) if isinstance(key, str) else _key(key)
        if name in made:
            raise NotSerializable(f'two keys of a map become "{name}"')
        try:
            made[name] = _convert(item, deeper, foreign)
        except NotSerializable as error:
            raise error.inside(name) from None
    return made


def _list(value: Sequence[object], depth: int, foreign: _Foreign) -> list[Json]:
    deeper = _descend(depth)
    made: list[Json] = []
    try:
        for item in value:
            made.append(_convert(item, deeper, foreign))
    except NotSerializable as error:
        raise error.inside(len(made)) from None
    return made


def _key(key: object) -> str:
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int):
        return str(_integer(key))
    if isinstance(key, float) and isfinite(key):
        return float.__repr__(key)
    raise NotSerializable(f"a key of type {type(key).__name__} is not JSON")


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotSerializable("a text holds a lone surrogate, which is not JSON") from None
    if "\0" in value:
        raise NotSerializable("a text holds a NUL character, which is not JSON")
    return value if type(value) is str else str.__str__(value)


def _integer(value: int) -> int:
    if value.bit_length() > _INT_BITS and abs(value) >= 10**MAX_DIGITS:
        raise NotSerializable(f"an integer has more than {MAX_DIGITS} digits")
    return int(value)


def _decimal(value: Decimal) -> Json:
    if not value.is_finite():
        raise NotSerializable(f"the number {value} is not JSON")
    if value.adjusted() > MAX_DIGITS:  # before int(), which would write out every digit
        raise NotSerializable(f"an integer has more than {MAX_DIGITS} digits")
    if value == value.to_integral_value():
        return _integer(int(value))
    return float(value)


def _set_order(value: Json) -> tuple[str, str]:
    return type(value).__name__, repr(value)
