"""Run and token keys (CAU-3): the order that makes a playbook mean one thing."""

from __future__ import annotations

from functools import total_ordering
from hashlib import blake2b
from typing import Final

from noetl.compiler.ir import Json

SHOWN_PAIRS: Final = 50
"""Keys longer than this are printed as their parent and their last pair."""


@total_ordering
class Key:
    """A sequence of `(index, entry)` pairs; keys share their tails in memory, so a child costs one pair.

    Compares lexicographically, a prefix first, which extends causality: a run comes after all its ancestors.
    """

    __slots__ = ("_digest", "_hash", "depth", "pair", "parent")

    def __init__(self, parent: Key | None, pair: tuple[int, int]) -> None:
        self.parent = parent
        self.pair = pair
        self.depth: int = 0 if parent is None else parent.depth + 1
        self._digest: str | None = None
        self._hash: int = hash((self.depth, pair, 0 if parent is None else parent._hash))

    @classmethod
    def root(cls) -> Key:
        """The key of the run of `start`."""
        return _ROOT

    @classmethod
    def from_json(cls, pairs: object) -> Key:
        """The key written by `to_json`; anything else is a ValueError."""
        if not isinstance(pairs, list):
            raise ValueError(f"not a key: {pairs!r}")
        key = _ROOT
        for pair in pairs:
            match pair:
                case [int(index), int(entry)]:
                    key = key.child(index, entry)
                case _:
                    raise ValueError(f"not a pair of a key: {pair!r}")
        return key

    def child(self, index: int, entry: int) -> Key:
        """The key of the token that iteration `index` (0 without a loop) releases for `entry` of its `next`."""
        return Key(self, (index, entry))

    def pairs(self) -> list[tuple[int, int]]:
        """All pairs, the oldest first."""
        found: list[tuple[int, int]] = []
        key = self
        while key.parent is not None:
            found.append(key.pair)
            key = key.parent
        found.reverse()
        return found

    def to_json(self) -> list[list[int]]:
        """The pairs as lists."""
        return [list(pair) for pair in self.pairs()]

    def shown(self) -> Json:
        """As it is printed: the pairs, or of a key of more than `SHOWN_PAIRS` its own id, that of its parent, and the
        last pair, so that what is printed of a cycle grows with its rounds and not with their square."""
        if self.depth <= SHOWN_PAIRS or self.parent is None:
            return [[index, entry] for index, entry in self.pairs()]
        return {"id": self.identity(), "parent": self.parent.identity(), "pair": list(self.pair), "depth": self.depth}

    def _at(self, depth: int) -> Key:
        key = self
        while key.depth > depth and key.parent is not None:
            key = key.parent
        return key

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        return self is other or (self._hash == other._hash and self._compare(other) == 0)

    def __lt__(self, other: Key) -> bool:
        return self._compare(other) < 0

    def __hash__(self) -> int:
        return self._hash

    def _compare(self, other: Key) -> int:
        level = min(self.depth, other.depth)
        a, b = self._at(level), other._at(level)
        difference = 0
        while a is not b and a.parent is not None and b.parent is not None:
            if a.pair != b.pair:
                difference = -1 if a.pair < b.pair else 1
            a, b = a.parent, b.parent
        return difference or self.depth - other.depth

    def identity(self) -> str:
        """A text that no other key has, short however long the key: for idempotency keys (TOO-10)."""
        if self.depth <= SHOWN_PAIRS:
            return str(self)
        pending: list[Key] = []
        key = self
        while key._digest is None and key.depth > SHOWN_PAIRS and key.parent is not None:
            pending.append(key)
            key = key.parent
        told = key._digest or str(key)
        for key in reversed(pending):
            told = key._digest = blake2b(f"{told}/{key.pair[0]}.{key.pair[1]}".encode(), digest_size=16).hexdigest()
        return told

    def __str__(self) -> str:
        if self.depth > SHOWN_PAIRS:
            return f"...{self.pair[0]}.{self.pair[1]} (depth {self.depth})"
        return "/".join(f"{index}.{entry}" for index, entry in self.pairs()) or "-"

    def __repr__(self) -> str:
        return f"Key({self})"


_ROOT: Final = Key(None, (0, 0))
