"""VAL-1: any value as JSON. Kept free of heavy imports, because worker processes load it when they start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from noetl.errors import NoetlError

if TYPE_CHECKING:
    from .ir import Json

MAX_DEPTH: Final = 256
"""Lists and maps may nest this deep; more is `NotSerializable`, so that no encoder on the way runs out of stack."""
MAX_DIGITS: Final = 4300
"""Decimal digits of an integer; beyond it Python itself refuses to write or read the number as text."""
_INT_BITS: Final = 14_284


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


Foreign: TypeAlias = "Callable[[object, int, Foreign], Json]"
"""Converts a value that is no VAL-1 value; gets the depth that is left and itself, for what lies inside."""


def to_json(value: object) -> Json:
    """A fresh copy of `value` as JSON (VAL-1); raises `NotSerializable`.

    >>> to_json((Decimal("2.0"), {1: date(2024, 5, 1)}))
    [2, {'1': '2024-05-01'}]
    """
    return convert(value, MAX_DEPTH, refuse)


def refuse(value: object, _depth: int, _again: Foreign) -> Json:
    """The `Foreign` of `to_json`: whatever VAL-1 does not name is not JSON."""
    raise NotSerializable(f"a value of type {type(value).__name__} is not JSON")


def convert(value: object, depth: int, foreign: Foreign) -> Json:
    """A fresh copy of `value` as JSON that nests at most `depth` deep; `foreign` does what VAL-1 does not name."""
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
        return convert_map(value, depth, foreign)
    if isinstance(value, list | tuple):
        return _list(value, depth, foreign)
    return _special(value, depth, foreign)


def _special(value: object, depth: int, foreign: Foreign) -> Json:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | PurePath):
        return _text(str(value))
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, set | frozenset):
        deeper = _descend(depth)
        return sorted((convert(item, deeper, foreign) for item in value), key=_set_order)
    return foreign(value, depth, foreign)


def _descend(depth: int) -> int:
    if depth <= 0:
        raise NotSerializable(f"a value nests deeper than {MAX_DEPTH} levels")
    return depth - 1


def convert_map(value: Mapping[object, object], depth: int, foreign: Foreign) -> dict[str, Json]:
    """Like `convert`, for a mapping of any class."""
    deeper = _descend(depth)
    made: dict[str, Json] = {}
    for key, item in value.items():
        name = _text(key) if isinstance(key, str) else _key(key)
        if name in made:
            raise NotSerializable(f'two keys of a map become "{name}"')
        try:
            made[name] = convert(item, deeper, foreign)
        except NotSerializable as error:
            raise error.inside(name) from None
    return made


def _list(value: Sequence[object], depth: int, foreign: Foreign) -> list[Json]:
    deeper = _descend(depth)
    made: list[Json] = []
    try:
        for item in value:
            made.append(convert(item, deeper, foreign))
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
