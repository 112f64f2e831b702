"""Large values by reference: a task that makes one leaves it once, as an XCom of its own, and all others refer to it.

Without this every task of a chain would leave the values that it only carries along, again and again. A value is called
by what it is, so the same value under several names, in results, in the store and in records, is left once, by the task
that had it first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

from noetl.errors import NoetlError

if TYPE_CHECKING:
    from noetl.compiler.ir import Json

LIMIT: Final = 32 * 1024
"""Characters of JSON from which on a value is left by reference."""
FEW: Final = 8
"""Most large values within a value that are left apart from it."""
KEY: Final = "noetl."
"""What the XCom of a value is called, before its digest."""
MARK: Final = "\0"
"""The only key of a reference `{MARK: [task, digest]}`. No key of a playbook's values holds it (VAL-1)."""
_SHOWN: Final = '{"\\u0000": ["'
_DIGITS: Final = 40

Pull: TypeAlias = Callable[[str, str], "str | None"]
"""The text that a task left under a key."""


class ValueGone(NoetlError):
    """A value is referred to and is not there."""


class Values:
    """The values that one task has found and those that it leaves."""

    def __init__(self, task_id: str, pull: Pull, limit: int = LIMIT) -> None:
        self._task_id = task_id
        self._pull = pull
        self._limit = limit
        self._owners: dict[str, str] = {}
        """By digest the task that left a value."""
        self._found: dict[str, Json] = {}
        self._sizes: dict[int, tuple[Json, int]] = {}
        """By identity; the value is kept, so that no other one gets it."""
        self.fresh: dict[str, str] = {}
        """What the task has to leave besides: texts by key."""

    def short(self, value: Json) -> Json:
        """The value with references in place of what is large in it. It must not change while `self` is used."""
        if self._size(value) <= self._limit:
            return value
        rest, inner = self._rest(value)
        return inner if rest <= self._limit else self._reference(value, inner)

    def whole(self, value: Json) -> Json:
        """The value that `short` was given, here or in another task. ValueGone if a part of it is not there."""
        match value:
            case {"\0": [str(task), str(digest)]}:
                return self._resolved(task, digest)
            case dict():
                return {name: self.whole(item) for name, item in value.items()}
            case list():
                return [self.whole(item) for item in value]
        return value

    def _rest(self, value: Json) -> tuple[int, Json]:
        """A large value without the few that make it so, and its size then."""
        large = [item for item in _items(value) if self._size(item) > self._limit]
        if not 0 < len(large) <= FEW:
            return self._size(value), value
        rest = self._size(value) - sum(map(self._size, large))
        if isinstance(value, dict):
            return rest, {name: self.short(item) for name, item in value.items()}
        return rest, [self.short(item) for item in _items(value)]

    def _reference(self, value: Json, inner: Json) -> Json:
        digest = hashlib.sha256(json.dumps(value).encode()).hexdigest()[:_DIGITS]
        owner = self._owners.setdefault(digest, self._task_id)
        if owner == self._task_id:
            self.fresh.setdefault(KEY + digest, json.dumps(inner))
        return {MARK: [owner, digest]}

    def _resolved(self, task: str, digest: str) -> Json:
        if digest not in self._found:
            text = self._pull(task, KEY + digest)
            if text is None:
                raise ValueGone(f'a value that task "{task}" left is gone: clear that task and all below it')
            read = json.loads(text)
            self._found[digest] = self.whole(read) if refers(text) else read
            self._owners.setdefault(digest, task)
        return self._found[digest]

    def _size(self, value: Json) -> int:
        """About the characters of a value as JSON: the same for the same value."""
        match value:
            case str():
                return len(value) + 2
            case dict() | list():
                known = self._sizes.get(id(value))
                if known is None:
                    names = sum(map(len, value)) + 4 * len(value) if isinstance(value, dict) else 0
                    known = value, 2 + names + sum(self._size(item) + 2 for item in _items(value))
                    self._sizes[id(value)] = known
                return known[1]
            case int() if not isinstance(value, bool):
                return value.bit_length() // 3 + 1
        return 5


def refers(text: str) -> bool:
    """Whether there is a reference in a JSON text. In a string of data its quotes would have backslashes."""
    return _SHOWN in text


def _items(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
