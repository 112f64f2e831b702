"""The pure engine of an execution: tokens, joins, poison, quiescence (semantics 3, 4, 8).

`start` and `apply` take what happened outside and give back the commands to carry out; nothing else goes in or out. The
same events in the same order always give the same state, so a state is rebuilt by feeding the events again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from noetl.compiler import ir
from noetl.compiler.ir import Json

from .commands import Command, Reply
from .events import Event, Listener, silent
from .keys import Key
from .outcome import Tally, summarise
from .packet import Token
from .records import RunRecord
from .run import ALONE, Process, Released, Run, RunEnd
from .scope import ExecutionInfo
from .starting import StartFailed, first_token


@dataclass(frozen=True, slots=True)
class Issued:
    """A command with the number under which its reply is to be applied."""

    number: int
    command: Command


@dataclass(slots=True)
class Graph:
    """The control graph as the engine asks it: which steps can reach which joins (STP-1)."""

    sources: Mapping[str, frozenset[str]]
    """For every `join: all` step, the steps from which at least one edge leads to it, by any way."""

    @classmethod
    def of(cls, workflow: ir.Workflow, part: Container[str] | None = None) -> Graph:
        """The graph of a workflow; of its joins only those in a part, where one is given."""
        before: dict[str, set[str]] = {step.name: set() for step in workflow.steps}
        for step in workflow.steps:
            for edge in step.edges():
                before[edge.target].add(step.name)
        joins = (s.name for s in workflow.steps if s.join == "all" and (part is None or s.name in part))
        return cls({name: _reaching(name, before) for name in joins})


def _reaching(target: str, before: Mapping[str, set[str]]) -> frozenset[str]:
    found: set[str] = set()
    open_steps = [target]
    while open_steps:
        for source in before[open_steps.pop()]:
            if source not in found:
                found.add(source)
                open_steps.append(source)
    return frozenset(found)


@dataclass(slots=True)
class _Live:
    run: Run
    process: Process
    tokens: Sequence[Token]
    alone: bool
    time: str
    """When the run began."""
    replies: list[tuple[int, Reply]] = field(default_factory=list)
    """What it was sent, with the lanes, where snapshots are taken."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A command that waits for its reply."""

    live: _Live
    lane: int
    command: Command


@dataclass(slots=True, repr=False)  # asyncio makes the repr of what a main coroutine returns, and this one is large
class Execution:
    """The state of one execution, or of a part of one: of what happens at some of the steps."""

    workflow: ir.Workflow
    info: ExecutionInfo
    listener: Listener
    records: list[RunRecord] = field(default_factory=list)
    """The runs that have ended; left empty where `info.records` says so."""
    snapshots: bool = False
    """Whether what a snapshot needs is kept: the replies to the runs that are under way."""
    part: frozenset[str] | None = None
    """The steps at which tokens arrive; None for all of them."""
    only: range | None = None
    """The iterations of the parallel loop of a part that are run, and nothing after them; None for all of it."""
    left: list[Released] = field(default_factory=list)
    """The tokens that left the part, with their edges."""
    error: Json | None = None
    """Why the execution failed outside of any run."""
    cancelled: bool = False
    _steps: dict[str, ir.Step] = field(init=False)
    _graph: Graph = field(init=False)
    _tally: Tally = field(default_factory=Tally)
    _live: dict[int, _Open] = field(default_factory=dict)
    """By number."""
    _running: Counter[str] = field(default_factory=Counter)
    _held: dict[str, list[Token]] = field(default_factory=dict)
    _poisoned: set[str] = field(default_factory=set)
    _queue: deque[Token] = field(default_factory=deque)
    _issued: list[Issued] = field(default_factory=list)
    _number: int = 0
    _started: int = 0
    _beside: bool = False
    """Whether something of the execution may be live that this part does not see."""
    _ended: bool = False

    def __post_init__(self) -> None:
        self._steps = {step.name: step for step in self.workflow.steps}
        self._graph = Graph.of(self.workflow, self.part)

    @property
    def ended(self) -> bool:
        """Whether nothing is live any more (RUN-3)."""
        return self._ended

    def start(self, payload: Mapping[str, Json], time: str) -> list[Issued]:
        """RUN-1, RUN-2. The commands to carry out first."""
        try:
            token = first_token(self.workflow, payload, self.info, time)
        except StartFailed as failure:
            self.error = failure.error
            return self._settle(time)
        self.listener(Event("workflow.start", time, None, None, {"workload": token.packet.workload}))
        self._queue.append(token)
        return self._settle(time)

    def start_part(self, tokens: Iterable[Token], failed: Iterable[str], time: str) -> list[Issued]:
        """What `start` is to an execution, for a part of one: all the tokens that lead into it from outside.

        `failed` are the steps outside that had a failed run and no dead path: they poison the joins of the part that
        they can reach (RUN-6).
        """
        self._queue.extend(tokens)
        self._beside = any(token.key != Key.root() for token in self._queue)
        for step in failed:
            self._poison(step, time)
        return self._settle(time)

    def apply(self, number: int, reply: Reply) -> list[Issued]:
        """The reply to the command issued under `number`. An unknown or answered number is a ValueError."""
        waiting = self._live.pop(number, None)
        if waiting is None:
            raise ValueError(f"no command {number} is open")
        self._advance(waiting.live, waiting.lane, reply)
        return self._settle(reply.time)

    def cancel(self, time: str) -> None:
        """RUN-8: nothing new starts, what is under way is abandoned."""
        self.cancelled = True
        self._abandon()
        self._settle(time)

    def failed_steps(self) -> list[str]:
        """The steps that had a failed run and no dead path, sorted (RUN-6)."""
        return sorted({record.step for record in self.records if record.fails_execution})

    def open_commands(self) -> list[Issued]:
        """Every command that waits for its reply, in the order in which they were issued."""
        return [Issued(number, waiting.command) for number, waiting in self._live.items()]

    def lane(self, number: int) -> int:
        """Of an open command, the iteration of a parallel loop that it belongs to; 0 of any other."""
        return self._live[number].lane

    def snapshot(self) -> Json:
        """The state as JSON, for `restored`; ValueError of a part, and of an execution not made with `snapshots`.

        A run that is under way is kept as its tokens and the replies that it was sent.
        """
        if self.part is not None:
            raise ValueError("a part of an execution is begun again from its tokens and replies, not from a snapshot")
        if not self.snapshots:
            raise ValueError("this execution keeps nothing to take a snapshot of")
        live = list({id(waiting.live): waiting.live for waiting in self._live.values()}.values())
        places = {id(one): i for i, one in enumerate(live)}
        return {
            "records": [record.to_json() for record in self.records],
            "tally": self._tally.to_json(),
            "error": self.error,
            "cancelled": self.cancelled,
            "ended": self._ended,
            "number": self._number,
            "started": self._started,
            "poisoned": [*sorted(self._poisoned)],
            "held": {step: [token.to_json() for token in tokens] for step, tokens in self._held.items()},
            "live": [
                {
                    "tokens": [token.to_json() for token in one.tokens],
                    "alone": one.alone,
                    "time": one.time,
                    "replies": [[lane, reply.to_json()] for lane, reply in one.replies],
                }
                for one in live
            ],
            "open": [[number, places[id(w.live)], w.lane] for number, w in self._live.items()],
        }

    @classmethod
    def restored(cls, workflow: ir.Workflow, info: ExecutionInfo, listener: Listener, state: Json) -> Execution:
        """The execution that `snapshot` was taken of; what happened before it is told to nobody again."""
        execution = cls(workflow, info, listener, snapshots=True)
        execution._restore(cast("dict[str, Json]", state))
        return execution

    def _restore(self, state: dict[str, Json]) -> None:
        listener, self.listener = self.listener, silent  # it has heard what happened until the snapshot
        records = cast("list[Json]", state["records"])
        self.records = [RunRecord.from_json(record) for record in records]
        self._tally = Tally.from_json(state["tally"])
        self.error, self.cancelled, self._ended = state["error"], state["cancelled"] is True, state["ended"] is True
        self._number, self._started = cast(int, state["number"]), cast(int, state["started"])
        self._poisoned = set(cast("list[str]", state["poisoned"]))
        for step, tokens in cast("dict[str, list[Json]]", state["held"]).items():
            self._held[step] = [Token.from_json(token) for token in tokens]
        live = [self._resumed(cast("dict[str, Json]", one)) for one in cast("list[Json]", state["live"])]
        for number, place, lane in cast("list[tuple[int, int, int]]", state["open"]):
            one, commands = live[place]
            self._live[number] = _Open(one, lane, commands[lane])
        self.listener = listener

    def _resumed(self, state: dict[str, Json]) -> tuple[_Live, dict[int, Command]]:
        """A run that was under way, brought to where it was, with the last command of each of its lanes."""
        tokens = [Token.from_json(token) for token in cast("list[Json]", state["tokens"])]
        name = tokens[0].target
        live = self._activated(name, tokens, str(state["time"]), alone=state["alone"] is True)
        self._running[name] += 1
        commands = dict(next(live.process))
        for lane, reply in cast("list[tuple[int, Json]]", state["replies"]):
            live.replies.append((lane, Reply.from_json(reply)))
            commands.update(live.process.send(live.replies[-1]))
        live.run.released.clear()
        return live, commands

    def summary(self) -> dict[str, Json]:
        """The object of `noetl run --json`."""
        return summarise(self.records, cancelled=self.cancelled, error=self.error)

    def outcome(self) -> dict[str, Json]:
        """The summary without its runs."""
        return self._tally.outcome(cancelled=self.cancelled, error=self.error)

    def _tell(self, event: Event) -> None:
        self.listener(event)

    def _abandon(self) -> None:
        for waiting in self._live.values():
            waiting.live.process.close()
        self._live.clear()
        self._running.clear()
        self._queue.clear()
        self._held.clear()
        self._issued.clear()
        self.left.clear()

    def _settle(self, time: str) -> list[Issued]:
        """Let every token arrive and every join fire that may; then the commands that this brought up."""
        while True:
            if self._queue:
                self._arrive(self._queue.popleft(), time)
            elif (step := self._ready()) is not None:
                self._begin(step, self._held.pop(step), time)
            else:
                break
        if not self._live and not self._ended:
            self._ended = True
            if self.part is None:
                outcome = self.outcome()
                told: dict[str, Json] = {"status": outcome["status"], "output": outcome["output"]}
                self.listener(Event("workflow.end", time, None, None, told))
        issued, self._issued = self._issued, []
        return issued

    def _arrive(self, token: Token, time: str) -> None:
        """STP-1."""
        if self._steps[token.target].join == "each":
            self._begin(token.target, [token], time)
        elif token.target not in self._poisoned:
            self._held.setdefault(token.target, []).append(token)

    def _ready(self) -> str | None:
        """The held step to fire next: one that nothing else live can still reach."""
        free = [step for step in self._held if not self._awaited(step)]
        return min(free, key=lambda step: min(t.key for t in self._held[step]), default=None)

    def _awaited(self, step: str) -> bool:
        sources = self._graph.sources[step]
        if any(count > 0 and name in sources for name, count in self._running.items()):
            return True
        return any(other != step and other in sources and not self._before(step, other) for other in self._held)

    def _before(self, step: str, other: str) -> bool:
        """Of two held steps that can reach each other, the one with the smallest token key goes first (STP-1)."""
        mutual = step in self._graph.sources[other]
        return mutual and min(t.key for t in self._held[step]) < min(t.key for t in self._held[other])

    def _begin(self, name: str, tokens: Sequence[Token], time: str) -> None:
        self._started += 1
        if self._started > self.info.limits.runs:
            self.error = {
                "type": "LimitExceeded",
                "message": f"more than {self.info.limits.runs} runs in one execution",
            }
            self.records.clear()  # CAU-4 promises the status only, and nobody reads so many runs
            self._tally = Tally()
            self._abandon()
            return
        alone = not (self._live or self._queue or self._held or self.left or self._beside)
        self._running[name] += 1
        self._advance(self._activated(name, tokens, time, alone=alone), ALONE, None)

    def _activated(self, name: str, tokens: Sequence[Token], time: str, *, alone: bool) -> _Live:
        run = Run(self.workflow, self._steps[name], tokens, self.info, self._tell, alone=alone, only=self.only)
        return _Live(run, run.perform(time), tokens, alone, time)

    def _advance(self, live: _Live, lane: int, reply: Reply | None) -> None:
        """Go on with a run; its commands are issued, and the tokens of its iterations go on their way."""
        time = live.time if reply is None else reply.time
        end: RunEnd | None = None
        try:
            if reply is None:
                commands = next(live.process)
            else:
                if self.snapshots:
                    live.replies.append((lane, reply))
                commands = live.process.send((lane, reply))
            for lane_of, command in commands:
                self._number += 1
                self._live[self._number] = _Open(live, lane_of, command)
                self._issued.append(Issued(self._number, command))
        except StopIteration as stop:
            end = stop.value
        self._release(live.run.released)
        live.run.released.clear()
        if end is not None:
            self._finish(live.run.step.name, end, time)

    def _finish(self, step: str, end: RunEnd, time: str) -> None:
        self._running[step] -= 1
        self._tally.add(end.record)
        if self.info.records:
            self.records.append(end.record)
        if end.poisons:
            self._poison(step, time)
        self._release(end.tokens)

    def _release(self, tokens: Iterable[Released]) -> None:
        """Tokens go on their way: they arrive here, or leave the part."""
        for edge, token in tokens:
            if self.part is None or token.target in self.part:
                self._queue.append(token)
            else:
                self.left.append((edge, token))

    def _poison(self, step: str, time: str) -> None:
        """RUN-6."""
        for join, sources in self._graph.sources.items():
            if step in sources and join not in self._poisoned:
                self._poisoned.add(join)
                self._held.pop(join, None)
                self.listener(Event("join.poisoned", time, join, None, {"by": step}))
