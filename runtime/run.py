"""One run of a step, from the arrival of its tokens to the tokens that it releases (semantics 4, 7).

A run is a generator over lanes: it yields the commands that came up, each with its lane, and is sent one reply at a
time with the lane that it belongs to. A run without a loop has one lane, a parallel loop one for each iteration under
way.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from noetl.compiler import ir
from noetl.compiler.ir import Json
from noetl.compiler.values import contents, is_undefined

from .commands import Command, Reply
from .events import Listener
from .growing import Stored
from .keys import Key
from .packet import ABSENT, Packet, Result, Token, Write, apply_write, joined
from .records import CallRecord, IterationRecord, RunRecord, RunStatus
from .rendering import RenderFailed, render_json
from .results import as_json, evaluated, named
from .scope import ExecutionInfo, Scope
from .turn import Activation, Failed, Skipped, Steps, Transition, Turn, number

ALONE: Final = 0
"""The lane of everything but the iterations of a parallel loop."""

_WRITES: Final = -1
"""In place of an entry: the key of what an iteration wrote, which comes before that of every token that it releases."""

_T = TypeVar("_T")
_Yield = TypeVar("_Yield")
_Sent = TypeVar("_Sent")
Released: TypeAlias = "tuple[ir.Edge, Token]"
Process: TypeAlias = "Generator[list[tuple[int, Command]], tuple[int, Reply], RunEnd]"
_Advance: TypeAlias = Callable[[int, "Reply | None"], None]
_Lanes: TypeAlias = "Generator[list[tuple[int, Command]], tuple[int, Reply], _T]"


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended: its record, the tokens that it releases with their edges, and whether it poisons (RUN-6).

    The tokens of a loop's iterations are not among them: `Run.released` has these, from each iteration's end on.
    """

    record: RunRecord
    tokens: tuple[Released, ...]
    poisons: bool


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a turn ended."""

    status: RunStatus = "success"
    error: Json | None = None
    dead_path: bool = False


@dataclass(slots=True)
class _Iterations:
    """What is kept of a loop's iterations (LOP-5)."""

    results: list[Json]
    counts: dict[str, int] = field(default_factory=lambda: {"success": 0, "failed": 0, "skipped": 0})
    failures: dict[int, _Ending] = field(default_factory=dict)
    """Those that make the run fail (LOP-6)."""
    transitioned: bool = False
    """Whether one fixed its transitions, so that the structural `next` is not taken (LOP-4)."""
    records: dict[int, tuple[IterationRecord, list[CallRecord]]] = field(default_factory=dict)

    def failure(self) -> Failed | None:
        """The error of the lowest index; a dead path only if every failed iteration was one (LOP-6)."""
        if not self.failures:
            return None
        first = self.failures[min(self.failures)]
        return Failed(first.error, all(ending.dead_path for ending in self.failures.values()))

    def total(self) -> Json:
        """The result of the loop (LOP-5)."""
        return {"results": self.results, "stats": {"total": len(self.results), **self.counts}}


class Run:
    """The state of one run. `perform` is its life; everything else here serves it."""

    def __init__(
        self,
        workflow: ir.Workflow,
        step: ir.Step,
        tokens: Sequence[Token],
        info: ExecutionInfo,
        listener: Listener,
        *,
        alone: bool = False,
        only: range | None = None,
    ) -> None:
        """`alone` says that nothing else of the execution is live, so that the history may be flattened.

        With `only`, a parallel loop runs the iterations with these indexes, and the run ends with them, unfinished.
        """
        ordered = sorted(tokens, key=lambda token: token.key)
        errors = [t.error for t in ordered if t.error is not None]
        self.key: Key = ordered[-1].key
        self.step = step
        self.released: list[Released] = []
        """Tokens of iterations, for whoever drives the run to take away (LOP-4)."""
        self._overlay: dict[str, Json] = {k: v for token in ordered for k, v in token.args.items()}
        packet = joined([t.packet for t in ordered])
        packet = packet.flattened() if alone else packet
        # A loop adds to its history while it goes on, and a snapshot begins its run again from its tokens.
        self._packet: Packet = packet if step.loop is None else packet.owned()
        self._inherited: Json | None = errors[-1] if errors else None
        self._scope = Scope(info, workflow.keychain, workflow.spec, self._packet, "")
        self._activation = Activation(workflow, step, self.key, listener)
        self._turn = Turn(self._activation, self._scope, self._inherited, "run" if step.loop is None else "loop")
        self._only = only
        self._iterations: _Iterations | None = None
        self._fanned_out = False
        self._time = ""

    def perform(self, time: str) -> Process:
        """Run the step. `time` is that of its arrival; each reply moves the clock on."""
        self._time = self._scope.time = time
        ending = yield from self._ended(self._live())
        if self._only is not None and self._iterations is not None:
            return RunEnd(self._record(ending, None), (), poisons=False)
        if ending.status == "skipped":
            try:
                self._take_structural()
            except RenderFailed as failure:
                ending = _Ending("failed", failure.error)
        return self._leave(ending)

    # -- the life of a run -------------------------------------------------------------------------------------------

    def _live(self) -> _Lanes[None]:
        turn, step = self._turn, self.step
        turn.bind("args")
        self._render_args(turn, frozenset() if step.loop is None else step.item_args)
        effect = yield from self._one_lane(turn.event("step.enter"))
        if step.loop is not None:
            yield from self._loop(step.loop)
            return
        if step.tool is not None and turn.transitions is None:
            yield from self._one_lane(turn.call(effect.again or turn.requests.call(step.tool, None)))
        yield from self._one_lane(turn.exit())
        self._take_structural()

    def _take_structural(self) -> None:
        """STP-7, but not where an iteration has gone on (LOP-4)."""
        if self._iterations is None or not self._iterations.transitioned:
            self._turn.take_structural()

    def _render_args(self, turn: Turn, later: frozenset[str] = frozenset()) -> None:
        """STP-2: the step's entries see the transition's args, not each other; what is overlaid is not rendered.

        `later` names the entries of a loop step that are rendered for each iteration only.
        """
        scope = turn.scope
        scope.args = self._overlay
        scope.inherited_error = self._inherited is not None
        names = [name for name, _ in self.step.args.entries if name in self._overlay or name not in later]
        own = {n: render_json(v, scope) for n, v in self.step.args.entries if n not in self._overlay and n not in later}
        scope.args = {n: own.get(n, self._overlay.get(n)) for n in dict.fromkeys([*names, *self._overlay])}

    def _one_lane(self, steps: Steps[_T]) -> _Lanes[_T]:
        """Run a part of a turn while nothing else of the run is under way."""
        try:
            command = next(steps)
            while True:
                _, reply = yield [(ALONE, command)]
                self._time = reply.time
                command = steps.send(reply)
        except StopIteration as stop:
            ended: _T = stop.value
            return ended

    def _ended(self, life: Generator[_Yield, _Sent, None]) -> Generator[_Yield, _Sent, _Ending]:
        """How a turn ends that may fail or be skipped anywhere."""
        try:
            yield from life
        except Skipped:
            return _Ending("skipped")
        except Failed as failure:
            return _Ending("failed", failure.error, failure.dead_path)
        except RenderFailed as failure:
            return _Ending("failed", failure.error)
        return _Ending()

    # -- loops -------------------------------------------------------------------------------------------------------

    def _loop(self, loop: ir.Loop) -> _Lanes[None]:
        """Section 7. A `next` at step.enter leaves no iteration and no loop.done (RUL-9)."""
        turn = self._turn
        if turn.transitions is None:
            items = self._items(loop)
            limit = self._limit(loop)
            self._iterations = found = _Iterations([None] * len(items))
            turn.emit("loop.start", {"length": len(items)})
            self._packet.wrote(self.key, turn.taken_writes())
            yield from self._parallel(found, items, limit) if loop.parallel else self._sequential(found, items)
            if self._only is not None:
                return
            if (failure := found.failure()) is not None:
                raise failure
            self._scope.time = self._time
            yield from self._one_lane(turn.done(found.total(), len(items)))
        yield from self._one_lane(turn.last_exit())
        self._take_structural()

    def _items(self, loop: ir.Loop) -> list[Json]:
        """LOP-1."""
        value = contents(evaluated(loop.items, self._scope))
        items = None if is_undefined(value) else as_json(value)
        if isinstance(items, dict):
            items = [{"key": name, "value": item} for name, item in items.items()]
        if not isinstance(items, list):
            found = "undefined" if is_undefined(value) else named(items)
            raise RenderFailed("NotAList", f"a loop goes over a list or a map, and loop.in is {found}")
        limit = self._scope.info.limits.iterations
        if len(items) > limit:
            raise RenderFailed("LimitExceeded", f"more than {limit} iterations in one run")
        return items

    def _limit(self, loop: ir.Loop) -> int:
        """LOP-8."""
        if loop.max_in_flight is None:
            return self._scope.info.limits.in_flight
        limit = int(number(render_json(loop.max_in_flight, self._scope), "max_in_flight", 1, whole=True))
        return limit if self._only is None else 1  # other iterations are under way elsewhere

    def _sequential(self, found: _Iterations, items: list[Json]) -> _Lanes[None]:
        """LOP-2: each iteration sees the writes before it."""
        for index, item in enumerate(items):
            turn = self._iteration(index, item, len(items), self._scope.store)
            ending = yield from self._one_lane(self._ended(self._iterate(turn)))
            writes = turn.taken_writes()
            self._packet.wrote(self.key.child(index, _WRITES), writes)
            if self._note(found, turn, ending):
                self._packet.close()
                self._release(turn, self._packet.shared())
            if found.failures:
                return

    def _parallel(self, found: _Iterations, items: list[Json], limit: int) -> _Lanes[None]:
        """LOP-2, LOP-8: all see what step.enter's rules left, and are bounded in number."""
        entered = dict(self._scope.store)
        under_way: dict[int, tuple[Turn, Steps[_Ending]]] = {}
        written: dict[int, list[tuple[str, Write]]] = {}
        releasing: set[int] = set()
        fresh: list[tuple[int, Command]] = []

        def advance(lane: int, reply: Reply | None) -> None:
            turn, steps = under_way[lane]
            try:
                fresh.append((lane, next(steps) if reply is None else steps.send(reply)))
            except StopIteration as stop:
                del under_way[lane]
                if writes := turn.taken_writes():
                    written[lane] = writes
                if self._note(found, turn, stop.value):
                    releasing.add(lane)
                    self._packet.close()
                    packet = self._packet.shared()
                    packet.wrote(self.key.child(lane, _WRITES), written.get(lane, []))
                    self._release(turn, packet)

        for index in range(len(items)) if self._only is None else self._only:
            turn = self._iteration(index, items[index], len(items), dict(entered))
            under_way[index] = (turn, self._ended(self._iterate(turn)))
            advance(index, None)
            while len(under_way) >= limit:
                yield from self._wait(fresh, advance)
        while under_way:
            yield from self._wait(fresh, advance)
        self._fold(written, releasing)

    def _wait(self, fresh: list[tuple[int, Command]], advance: _Advance) -> _Lanes[None]:
        issued = fresh.copy()
        fresh.clear()
        lane, reply = yield issued
        self._time = reply.time
        advance(lane, reply)

    def _fold(self, written: dict[int, list[tuple[str, Write]]], releasing: set[int]) -> None:
        """The writes of parallel iterations, in index order, apart where one released tokens (CAU-2)."""
        store = self._scope.store
        for index in sorted(written):
            if index in releasing:
                self._packet.close()
            self._packet.wrote(self.key.child(index, _WRITES), written[index])
            if index in releasing:
                self._packet.close()
            for name, write in written[index]:
                store[name] = apply_write(store.get(name, ABSENT), write)

    def _iteration(self, index: int, item: Json, length: int, store: dict[str, Stored]) -> Turn:
        assert self.step.loop is not None
        scope = self._scope.of_iteration(self.step.loop.iterator, item, index, length, store)
        scope.time = self._time
        turn = Turn(self._activation, scope, self._inherited, "iteration")
        turn.index = index
        return turn

    def _iterate(self, turn: Turn) -> Steps[None]:
        turn.bind("args")
        self._render_args(turn)
        turn.emit("iteration.start", {"item": turn.scope.item})
        if self.step.tool is not None:
            yield from turn.call(turn.requests.call(self.step.tool, None))
        yield from turn.exit()

    def _note(self, found: _Iterations, turn: Turn, ending: _Ending) -> bool:
        """Keep how an iteration ended; whether it releases tokens."""
        handled = ending.status == "success" and turn.failure is not None
        status: RunStatus = "failed" if handled else ending.status
        error = ending.error if ending.status == "failed" else turn.failure
        found.counts[status] += 1
        result = turn.told().value if status == "success" else None
        found.results[turn.index] = result
        if self._scope.info.records:
            record = IterationRecord(turn.index, status, result, error, list(turn.attempts))
            found.records[turn.index] = (record, turn.calls)
        turn.emit(f"iteration.{status}", {"error": error} if error is not None else {"result": result})
        if ending.status == "failed":
            found.failures[turn.index] = ending
            return False
        found.transitioned = found.transitioned or turn.transitions is not None
        return bool(turn.transitions)

    def _release(self, turn: Turn, packet: Packet) -> None:
        self._fanned_out = True
        self.released += self._tokens(turn, turn.transitions or [], packet)

    # -- leaving -----------------------------------------------------------------------------------------------------

    def _leave(self, ending: _Ending) -> RunEnd:
        turn = self._turn
        result = turn.told() if ending.status == "success" and turn.failure is None else None
        record = self._record(ending, result)
        ended: dict[str, Json] = {"result": record.result} if ending.error is None else {"error": ending.error}
        turn.emit(f"run.{ending.status}", ended)
        leaving = [] if ending.status == "failed" else turn.transitions or []
        packet = self._packet
        packet.wrote(self.key if self._iterations is None else self.key.child(turn.index, _WRITES), turn.taken_writes())
        if result is not None:
            packet.gave(self.key, self.step.name, result, apart=self._fanned_out)
        if len(leaving) != 1:
            packet.close()
        tokens = tuple(self._tokens(turn, leaving, packet))
        return RunEnd(record, tokens, poisons=ending.status == "failed" and not ending.dead_path)

    def _record(self, ending: _Ending, result: Result | None) -> RunRecord:
        turn = self._turn
        calls: list[CallRecord] = turn.calls
        iterations: list[IterationRecord] | None = None
        if self._iterations is not None:
            kept = [self._iterations.records[index] for index in sorted(self._iterations.records)]
            iterations = [record for record, _ in kept]
            calls = [call for _, calls in kept for call in calls]
        return RunRecord(
            key=self.key,
            step=self.step.name,
            status=ending.status,
            args=turn.scope.args,
            result=None if result is None else result.value,
            error=ending.error,
            dead_path=ending.dead_path,
            calls=calls if turn.scope.info.records else [],
            iterations=iterations,
        )

    def _tokens(self, turn: Turn, leaving: Sequence[Transition], packet: Packet) -> list[Released]:
        """One token for each transition; where there are several, none changes the history of another."""
        tokens: list[Released] = []
        for edge, args, error in leaving:
            history = packet if len(leaving) == 1 else packet.shared()
            tokens.append((edge, Token(self.key.child(turn.index, edge.entry), edge.target, args, error, history)))
            turn.emit("transition", {"target": edge.target, "args": args, "key": tokens[-1][1].key.identity()})
        return tokens
