"""What a token knows (CAU-1, CAU-2): the writes and results of the runs before it, folded in key order.

A packet is a list of segments in key order. A segment holds the composed writes and the results of a chain of runs in
which each run released exactly one token: nothing can come between such runs in key order, so their operations may be
composed. A run that releases several tokens closes its segment; a join takes the union of its tokens' segments by key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from noetl.compiler.ir import Json

from .growing import Entries, Rows, Stored, extended, merged, plain_json
from .keys import Key
from .ports import ResultKind

WriteMode: TypeAlias = Literal["set", "extend", "merge"]


@dataclass(frozen=True, slots=True)
class Write:
    """One operation on a store name. `append` is an `extend` by one element, `replace` a `set` (SET-1, COL-1)."""

    mode: WriteMode
    value: Stored


@dataclass(frozen=True, slots=True)
class Result:
    """A run's result with its kind (VAL-2)."""

    value: Json
    kind: ResultKind


class Absent:
    """The value of a store name before its first write."""


ABSENT = Absent()


def apply_write(before: Stored | Absent, write: Write) -> Stored:
    """The value of a name after a write. A list or map operation on a value of another type starts anew (CAU-2).

    Within a run such a mismatch is an error (COL-1) and never gets here; it can arise only where branches meet.
    """
    if write.mode == "extend" and isinstance(before, list | Rows):
        return extended(before, _list(plain_json(write.value)))
    if write.mode == "merge" and isinstance(before, dict | Entries):
        return merged(before, _map(plain_json(write.value)))
    return write.value


def compose(writes: tuple[Write, ...], write: Write) -> tuple[Write, ...]:
    """The shortest operations with the effect of `writes` and then `write`."""
    if write.mode == "set":
        return (write,)
    if not writes:
        return (write,)
    last = writes[-1]
    if last.mode == "set" or last.mode == write.mode:
        return (*writes[:-1], Write(last.mode, apply_write(last.value, write)))
    return (*writes, write)


@dataclass(slots=True)
class Segment:
    """Writes and results of one chain of runs, under the key of its first run."""

    key: Key
    writes: dict[str, tuple[Write, ...]] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)

    def add(self, writes: Iterable[tuple[str, Write]]) -> None:
        """Add what one run or iteration wrote, in the order in which it did."""
        for name, write in writes:
            self.writes[name] = compose(self.writes.get(name, ()), write)

    def to_json(self) -> Json:
        """The segment as JSON."""
        return {
            "key": cast(Json, self.key.to_json()),
            "writes": {n: [[w.mode, plain_json(w.value)] for w in ws] for n, ws in self.writes.items()},
            "results": {s: [r.kind, r.value] for s, r in self.results.items()},
        }

    @classmethod
    def from_json(cls, data: Json) -> Segment:
        """The segment written by `to_json`."""
        shape = _map(data)
        writes = {
            n: tuple(Write(cast(WriteMode, _list(w)[0]), _list(w)[1]) for w in _list(ws))
            for n, ws in _map(shape["writes"]).items()
        }
        results = {s: Result(_list(r)[1], cast(ResultKind, _list(r)[0])) for s, r in _map(shape["results"]).items()}
        return cls(Key.from_json(shape["key"]), writes, results)


@dataclass(slots=True)
class Packet:
    """The causal history of a token. `open` says that the last segment may be continued by the next run."""

    workload: Json
    segments: list[Segment] = field(default_factory=list)
    open: bool = False

    def store(self) -> dict[str, Stored]:
        """All store variables, folded (CAU-2)."""
        folded: dict[str, Stored] = {}
        for segment in self.segments:
            for name, writes in segment.writes.items():
                folded[name] = _fold(folded.get(name, ABSENT), writes)
        return folded

    def results(self) -> dict[str, Result]:
        """The results of the runs before, by step; of several runs of a step that with the largest key (RES-1)."""
        found: dict[str, Result] = {}
        for segment in self.segments:
            found.update(segment.results)
        return found

    def wrote(self, key: Key, writes: Sequence[tuple[str, Write]]) -> None:
        """Add what was written at `key`, which no earlier segment comes after: a chain grows in place."""
        if writes:
            self._segment(key).add(writes)

    def gave(self, key: Key, step: str, result: Result, *, apart: bool = False) -> None:
        """Add the result of the run of `step` with `key`.

        `apart`: its iterations have released tokens, whose holders do not know it and whose results come after it.
        """
        if apart:
            told = Segment(key.child(-1, -1), {}, {step: result})
            self.segments = sorted([*self.segments, told], key=lambda segment: segment.key)
            self.open = False
        else:
            self._segment(key).results[step] = result

    def close(self) -> None:
        """Something may come between what was written so far and what comes next, so these are not composed."""
        self.open = False

    def _segment(self, key: Key) -> Segment:
        if not self.open:
            self.segments = [*self.segments, Segment(key)]
            self.open = True
        return self.segments[-1]

    def shared(self) -> Packet:
        """A packet for one of several holders: the same history, which none of them changes in place."""
        return Packet(self.workload, self.segments, open=False)

    def owned(self) -> Packet:
        """The same history, to be continued by a run that others may still rebuild from this one."""
        segments = list(self.segments)
        if self.open:
            last = segments[-1]
            segments[-1] = Segment(last.key, dict(last.writes), dict(last.results))
        return Packet(self.workload, segments, self.open)

    def flattened(self) -> Packet:
        """The same history as one segment. Right only where no other live token shares a part of it."""
        if len(self.segments) < 2:
            return self
        writes: dict[str, tuple[Write, ...]] = {name: (Write("set", value),) for name, value in self.store().items()}
        return Packet(self.workload, [Segment(self.segments[0].key, writes, self.results())], open=True)

    def to_json(self) -> Json:
        """The packet as JSON."""
        return {"workload": self.workload, "segments": [s.to_json() for s in self.segments], "open": self.open}

    @classmethod
    def from_json(cls, data: Json) -> Packet:
        """The packet written by `to_json`."""
        shape = _map(data)
        return cls(shape["workload"], [Segment.from_json(s) for s in _list(shape["segments"])], shape["open"] is True)


def joined(packets: Sequence[Packet]) -> Packet:
    """The union of several histories, by key (STP-1, CAU-2); one packet stays as it is."""
    if len(packets) == 1:
        return packets[0]
    union: dict[Key, Segment] = {}
    for packet in packets:
        for segment in packet.segments:
            union.setdefault(segment.key, segment)
    return Packet(packets[0].workload, [union[key] for key in sorted(union)], open=False)


@dataclass(slots=True)
class Token:
    """A transition on its way to `target`."""

    key: Key
    target: str
    args: dict[str, Json]
    error: Json | None
    """The error that was bound where the `next` fired, if any (RUL-4)."""
    packet: Packet

    def to_json(self) -> Json:
        """The token as JSON: the one form in which targets carry it."""
        return {
            "key": cast(Json, self.key.to_json()),
            "target": self.target,
            "args": self.args,
            "error": self.error,
            "packet": self.packet.to_json(),
        }

    @classmethod
    def from_json(cls, data: Json) -> Token:
        """The token written by `to_json`."""
        shape = _map(data)
        return cls(
            Key.from_json(shape["key"]),
            str(shape["target"]),
            dict(_map(shape["args"])),
            shape["error"],
            Packet.from_json(shape["packet"]),
        )


def _fold(value: Stored | Absent, writes: Iterable[Write]) -> Stored:
    for write in writes:
        value = apply_write(value, write)
    return None if isinstance(value, Absent) else value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise ValueError(f"expected a list, found {type(value).__name__}")
    return value


def _map(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a map, found {type(value).__name__}")
    return value
