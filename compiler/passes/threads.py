"""Threads: what tells tokens apart that can be on their way at the same time.

A thread stands for one token at most. A run hands its thread on; a `next` with several entries splits it into one
thread per entry. So two threads of the tree exclude each other where one comes from the other, since a token that was
split is gone, and where they part at different ways out, since a run takes one. They can both be alive where they part
at two entries of the same `next`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key
from itertools import pairwise
from typing import TypeAlias

Fork: TypeAlias = "tuple[str, int | None]"
"""A `next`: the step, and the index of its rule."""


class Thread:
    """A node of the tree. Its jump leads up by a distance that makes every search logarithmic."""

    __slots__ = ("depth", "jump", "loose", "number", "parent", "way")

    def __init__(self, parent: Thread | None, way: int, number: int, *, loose: bool) -> None:
        """`way` is the way out at which it left its parent, `number` tells it from the others there. A loose thread
        was made from several; nothing is known of what excludes it."""
        self.way = way
        self.number = number
        self.loose = loose
        self.parent = self if parent is None else parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.jump: Thread = self if parent is None else _jump(parent)


def _jump(parent: Thread) -> Thread:
    """As far up as keeps the lengths of jumps like the digits of a skew-binary number."""
    near, far = parent.jump, parent.jump.jump
    return far if parent.depth - near.depth == near.depth - far.depth else parent


class Threads:
    """The tree of one workflow."""

    def __init__(self) -> None:
        self._made = 0
        self._ways: dict[Fork, int] = {}
        self._forks: list[Fork] = []
        self.root = Thread(None, 0, 0, loose=False)

    def split(self, thread: Thread, way: Fork) -> Thread:
        """A thread for one entry of the `next` that `way` stands for."""
        if way not in self._ways:
            self._forks.append(way)
            self._ways[way] = len(self._forks)
        return self._make(thread, self._ways[way], loose=False)

    def merged(self, threads: Iterable[Thread]) -> Thread:
        """A thread for one token that any of the threads may turn into, or that takes the tokens of all."""
        in_order = ordered(threads)
        first, last = in_order[0], in_order[-1]
        base = common(first, last)
        if base is not first and base is not last:
            one, other = _below(base, first), _below(base, last)
            if one.way == other.way and not one.loose:
                return self._make(base, one.way, loose=False)
        return self._make(base, 0, loose=True)

    def fork(self, threads: Iterable[Thread]) -> Fork | None:
        """The `next` at two of whose entries two of the threads part, if nothing was joined since; else None."""
        ways = [parting(one, other) for one, other in pairwise(ordered(threads))]
        way = next((way for way in ways if way), 0)
        return self._forks[way - 1] if way else None

    def _make(self, parent: Thread, way: int, *, loose: bool) -> Thread:
        self._made += 1
        return Thread(parent, way, self._made, loose=loose)


def ordered(threads: Iterable[Thread]) -> list[Thread]:
    """Sorted as a walk through the tree meets them, ways out in one piece."""
    return sorted(threads, key=cmp_to_key(_compare))


def both_alive(threads: Iterable[Thread]) -> bool:
    """Whether two of the (different) threads can be alive at the same time.

    Neighbours in order are enough: where two of them part at one way out, so do two neighbours.
    """
    return any(_together(one, other) for one, other in pairwise(ordered(threads)))


def parting(one: Thread, other: Thread) -> int:
    """The number of the way out at two entries of which the threads part; 0 where they do not, or it is not known."""
    base = common(one, other)
    if base is one or base is other:
        return 0
    left, right = _below(base, one), _below(base, other)
    return left.way if left.way == right.way and not left.loose and not right.loose else 0


def _together(one: Thread, other: Thread) -> bool:
    base = common(one, other)
    if base is one or base is other:
        return False
    left, right = _below(base, one), _below(base, other)
    return left.loose or right.loose or left.way == right.way


def _compare(one: Thread, other: Thread) -> int:
    base = common(one, other)
    if base is one or base is other:
        return one.depth - other.depth
    left, right = _below(base, one), _below(base, other)
    return -1 if (left.way, left.number) < (right.way, right.number) else 1


def common(one: Thread, other: Thread) -> Thread:
    """The closest thread that both come from."""
    depth = min(one.depth, other.depth)
    one, other = _at(one, depth), _at(other, depth)
    while one is not other:
        if one.jump is not other.jump:
            one, other = one.jump, other.jump
        else:
            one, other = one.parent, other.parent
    return one


def _below(base: Thread, thread: Thread) -> Thread:
    return _at(thread, base.depth + 1)


def _at(thread: Thread, depth: int) -> Thread:
    """What the thread comes from, or is, at a depth."""
    while thread.depth > depth:
        thread = thread.jump if thread.jump.depth >= depth else thread.parent
    return thread
