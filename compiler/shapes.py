"""What the values of known shape hold: roots, and what tools and loops give (RUL-5, LOP-1, LOP-5, TOO-1, TOO-2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from .expr.scan import Path

Shape: TypeAlias = "Map | None"
"""A map of known keys; None for a value without parts, such as a number."""


class Map(NamedTuple):
    """A map with these keys and no others; a key without a shape of its own may hold anything."""

    keys: frozenset[str]
    parts: Mapping[str, Shape] = MappingProxyType({})
    more: re.Pattern[str] | None = None
    """What other keys look like."""
    open: bool = False
    """Whether any other key may be found too."""


class Lacking(NamedTuple):
    """The first part of a path that is not there, and the keys that are; None where the value has no parts."""

    depth: int
    keys: frozenset[str] | None


LOOP: Final = Map(frozenset(("results", "stats")), {"stats": Map(frozenset(("total", "success", "failed", "skipped")))})
"""The result of a loop step."""
SQL: Final = Map(frozenset(("rows", "row_count", "columns")), {"row_count": None}, re.compile(r"command_\d+"))
HTTP: Final = Map(
    frozenset(("status", "status_code", "headers", "url", "elapsed", "data", "body", "metadata")),
    {
        **dict.fromkeys(("status", "status_code", "elapsed", "url")),
        "metadata": Map(frozenset(("status_code", "url", "elapsed"))),
    },
    open=True,
)
"""A missing attribute falls through to `data`, which may hold anything."""
KINDS: Final[Mapping[str, Map]] = {"http": HTTP, "postgres": SQL, "duckdb": SQL}
"""The responses of kinds of tools; those of others are not known."""
_ASKED: Final = re.compile("status|status_code")
"""What rules ask errors of any kind for (RUL-3); only http has it."""
_ERROR: Final = frozenset(("type", "message"))
ERRORS: Final[Mapping[str, Map]] = {
    "http": Map(
        _ERROR | {"status", "status_code", "headers", "body"},
        dict.fromkeys(("type", "message", "status", "status_code")),
    ),
    **dict.fromkeys(
        ("postgres", "duckdb"),
        Map(_ERROR | {"statement", "sqlstate"}, dict.fromkeys(("type", "message", "statement", "sqlstate")), _ASKED),
    ),
    "python": Map(_ERROR | {"traceback"}, dict.fromkeys(("type", "message", "traceback")), _ASKED),
}
"""What failed calls of kinds of tools leave as `error` (TOO-1 to TOO-3); that of others is not known."""
ROOTS: Final[Mapping[str, Shape]] = {
    "event": Map(frozenset(("name", "step", "attempt", "call", "payload")), dict.fromkeys(("name", "step"))),
    "loop": Map(frozenset(("index", "first", "last", "length"))),
    "job": Map(frozenset(("uuid",))),
    "execution_id": None,
    "loop_index": None,
}
"""The roots of known shape."""
_ITSELF: Final = ("data", "result")
"""Forgiving reads of a root value (TPL-9), where the map has no such key."""


def lacking(shape: Shape, path: Path, *, forgiving: bool) -> Lacking | None:
    """Where a path leaves the shape; `forgiving`: it starts at a root value that TPL-9 is about."""
    for depth, key in enumerate(path):
        if shape is None:
            return Lacking(depth, None)
        if not isinstance(key, str):
            return None  # an index: of the rows of SQL, or a key by number, which no shape here has
        if key not in shape.keys:
            if forgiving and key in _ITSELF:
                continue
            if shape.open or (shape.more is not None and shape.more.fullmatch(key)):
                return None
            return Lacking(depth, shape.keys)
        if key not in shape.parts:
            return None
        shape, forgiving = shape.parts[key], False
    return None
