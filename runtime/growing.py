"""Lists and maps that grow without being copied, and never change under those who hold an earlier state (CAU-1).

A state is a buffer and how much of it counts. Whoever adds to the newest state writes behind it in place; whoever adds
to an older one gets a copy. So a loop that collects costs what it adds, and every reader keeps what it saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from noetl.compiler.ir import Json


class Rows:
    """A list of which this is one state."""

    __slots__ = ("_buffer", "_length", "_told")

    def __init__(self, buffer: list[Json], length: int) -> None:
        self._buffer = buffer
        self._length = length
        self._told: list[Json] | None = None

    @classmethod
    def of(cls, items: Sequence[Json]) -> Rows:
        """A state that owns a copy of the items."""
        return cls([*items], len(items))

    def extended(self, items: Sequence[Json]) -> Rows:
        """The state with these items behind it. The same items behind the same state are kept once."""
        end = self._length + len(items)
        there = len(self._buffer)
        if there == self._length:
            self._buffer.extend(items)
        elif there < end or any(self._buffer[self._length + i] is not item for i, item in enumerate(items)):
            return Rows([*self._buffer[: self._length], *items], end)
        return Rows(self._buffer, end)

    def plain(self) -> list[Json]:
        """The list, which later states do not change; made once for all who ask."""
        if self._told is None:
            self._told = self._buffer[: self._length]
        return self._told

    def __eq__(self, other: object) -> bool:
        return self.plain() == (other.plain() if isinstance(other, Rows) else other)

    __hash__ = None  # type: ignore[assignment]  # it equals a list


class Entries:
    """A map of which this is one state."""

    __slots__ = ("_buffer", "_length", "_order", "_told")

    def __init__(self, buffer: dict[str, Json], order: list[str], length: int) -> None:
        self._told: dict[str, Json] | None = None
        self._buffer = buffer
        self._order = order
        self._length = length

    @classmethod
    def of(cls, entries: Mapping[str, Json]) -> Entries:
        """A state that owns a copy of the entries."""
        return cls(dict(entries), list(entries), len(entries))

    def merged(self, entries: Mapping[str, Json]) -> Entries:
        """The state with these entries over it."""
        there, end = len(self._order), self._length + len(entries)
        if there == self._length and not any(name in self._buffer for name in entries):
            self._buffer.update(entries)
            self._order.extend(entries)
        elif there < end or not self._continued_by(entries):
            return Entries.of({**self.plain(), **entries})
        return Entries(self._buffer, self._order, end)

    def _continued_by(self, entries: Mapping[str, Json]) -> bool:
        behind = self._order[self._length : self._length + len(entries)]
        return behind == list(entries) and all(self._buffer[name] is value for name, value in entries.items())

    def plain(self) -> dict[str, Json]:
        """The map, which later states do not change; made once for all who ask."""
        if self._told is None:
            self._told = {name: self._buffer[name] for name in self._order[: self._length]}
        return self._told

    def __eq__(self, other: object) -> bool:
        return self.plain() == (other.plain() if isinstance(other, Entries) else other)

    __hash__ = None  # type: ignore[assignment]  # it equals a map


Stored: TypeAlias = "Json | Rows | Entries"
"""The value of a store name."""


def plain_json(value: Stored) -> Json:
    """The value as JSON."""
    return value.plain() if isinstance(value, Rows | Entries) else value


def extended(value: list[Json] | Rows, items: Sequence[Json]) -> Rows:
    """The list with the items behind it."""
    return (value if isinstance(value, Rows) else Rows.of(value)).extended(items)


def merged(value: dict[str, Json] | Entries, entries: Mapping[str, Json]) -> Entries:
    """The map with the entries over it."""
    return (value if isinstance(value, Entries) else Entries.of(value)).merged(entries)
