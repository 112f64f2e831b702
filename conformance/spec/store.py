"""Keys, and the store as the fold of what was written before (CAU-1 to CAU-3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from noetl.compiler.ir import Json
from noetl.compiler.values import Kind, view

Key: TypeAlias = tuple[int, ...]
"""The numbers of a key's pairs, one after the other; with one number more, where an iteration's writes belong."""
Mode: TypeAlias = Literal["set", "append", "extend", "merge"]
EMPTY: Final[Mapping[Mode, type]] = {"append": list, "extend": list, "merge": dict}
"""What the modes of COL-1 work on."""


def text_of(key: Key) -> str:
    """The key as a place names it."""
    return "/".join(f"{index}.{entry}" for index, entry in zip(key[::2], key[1::2], strict=True)) or "-"


def pairs_of(key: Key) -> list[Json]:
    """The key as a summary shows it."""
    return [[index, entry] for index, entry in zip(key[::2], key[1::2], strict=True)]


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a run."""

    name: str
    mode: Mode
    value: Json

    def to(self, store: dict[str, Json]) -> None:
        """Apply it. A value that another branch left in another type starts anew from empty (CAU-2)."""
        old = store.get(self.name)
        if self.mode == "append":
            store[self.name] = [*(old if isinstance(old, list) else ()), self.value]
        elif self.mode == "extend" and isinstance(self.value, list):
            store[self.name] = [*(old if isinstance(old, list) else ()), *self.value]
        elif self.mode == "merge" and isinstance(self.value, dict):
            store[self.name] = {**(old if isinstance(old, dict) else {}), **self.value}
        else:
            store[self.name] = self.value


Writes: TypeAlias = Mapping[Key, Sequence[Write]]


def fold(*histories: Writes) -> dict[str, Json]:
    """The store after all these writes, in key order."""
    writes = {key: made for history in histories for key, made in history.items()}
    store: dict[str, Json] = {}
    for key in sorted(writes):
        for write in writes[key]:
            write.to(store)
    return store


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run, with its kind (VAL-2)."""

    step: str
    kind: Kind
    value: Json

    def seen(self) -> object:
        """What templates see."""
        return view(self.kind, self.value)


@dataclass(slots=True)
class Past:
    """Everything that happened before a run: what its ancestors wrote, and their results, by key (CAU-1)."""

    writes: dict[Key, tuple[Write, ...]] = field(default_factory=dict)
    results: dict[Key, Result] = field(default_factory=dict)

    def add(self, other: Past) -> None:
        """The ancestors of another token too."""
        self.writes |= other.writes
        self.results |= other.results

    def by_step(self) -> dict[str, Result]:
        """RES-1: of each step the result with the largest key."""
        return {result.step: result for _, result in sorted(self.results.items(), key=lambda entry: entry[0])}
