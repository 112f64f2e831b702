"""A run of a parallel loop in pieces, at different places: what comes before its iterations, these, and the rest.

A piece is the step run for the same tokens from its beginning, given the replies that the pieces before it had, so all
of them come to the same state. As iterations of a parallel loop see nothing of each other (LOP-2), each is given its
own replies only. What the last piece comes to is what a run in one piece comes to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from noetl.compiler import ir

from .commands import Reply
from .embedded import drive
from .engine import Execution
from .events import Event, Listener, silent
from .journal import Checkpoint, Replied
from .packet import Token
from .ports import Clock, ToolRunner
from .scope import ExecutionInfo

Replies: TypeAlias = Mapping[int, list[Reply]]
"""By iteration, in order; those of what comes before the first one are at the beginning of its own."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What all pieces of a run are given."""

    workflow: ir.Workflow
    step: str
    tokens: tuple[Token, ...]
    failed: tuple[str, ...]
    """The steps outside that had a failed run (RUN-6)."""
    info: ExecutionInfo


@dataclass(frozen=True, slots=True)
class Entered:
    """What came before the iterations."""

    time: str
    """When the run began."""
    replies: list[Reply]
    length: int | None
    """How many iterations there are; None where the run has no loop to go through, as it ended or went on before."""


@dataclass(slots=True)
class _Noted:
    """Keeps replies by iteration, besides where they are kept anyway."""

    execution: Execution
    kept: Checkpoint | None
    found: dict[int, list[Reply]] = field(default_factory=dict)

    def replied(self, execution_id: str, replied: Replied) -> None:
        self.note(replied)
        if self.kept is not None:
            self.kept.replied(execution_id, replied)

    def note(self, replied: Replied) -> None:
        self.found.setdefault(self.execution.lane(replied.number), []).append(replied.reply)


async def enter(
    piece: Piece, runner: ToolRunner, clock: Clock, listener: Listener = silent, *, checkpoint: Checkpoint | None = None
) -> Entered:
    """Run what comes before the iterations."""
    lengths: list[int] = []

    def hear(event: Event) -> None:
        if event.name == "loop.start" and isinstance(length := event.data["length"], int):
            lengths.append(length)
        listener(event)

    execution = Execution(piece.workflow, piece.info, hear, part=frozenset([piece.step]), only=range(0))
    time, kept = (clock.now(), ()) if checkpoint is None else checkpoint.begin(clock.now())
    noted = _Noted(execution, checkpoint)
    execution.start_part(piece.tokens, piece.failed, time)
    await drive(execution, runner, clock, noted, _noting(noted, kept))
    return Entered(time, noted.found.get(0, []), lengths[0] if lengths else None)


async def iterate(
    piece: Piece,
    entered: Entered,
    indexes: range,
    runner: ToolRunner,
    clock: Clock,
    listener: Listener = silent,
    *,
    checkpoint: Checkpoint | None = None,
) -> Replies:
    """Run some of the iterations; the replies of each."""
    execution = Execution(piece.workflow, piece.info, listener, part=frozenset([piece.step]), only=indexes)
    _, kept = ("", ()) if checkpoint is None else checkpoint.begin(clock.now())
    noted = _Noted(execution, checkpoint)
    execution.start_part(piece.tokens, piece.failed, entered.time)
    _answer(execution, {0: entered.replies})
    await drive(execution, runner, clock, noted, _noting(noted, kept))
    return noted.found


async def gather(
    piece: Piece,
    entered: Entered,
    replies: Replies,
    runner: ToolRunner,
    clock: Clock,
    listener: Listener = silent,
    *,
    checkpoint: Checkpoint | None = None,
) -> Execution:
    """Run the rest, given the replies of all iterations; what it comes to is what the whole run comes to."""
    execution = Execution(piece.workflow, piece.info, listener, part=frozenset([piece.step]))
    _, kept = ("", ()) if checkpoint is None else checkpoint.begin(clock.now())
    execution.start_part(piece.tokens, piece.failed, entered.time)
    _answer(execution, {**replies, 0: [*entered.replies, *replies.get(0, ())]})
    await drive(execution, runner, clock, checkpoint, kept)
    return execution


def _answer(execution: Execution, replies: Replies) -> None:
    """Give the commands of each iteration its replies, as far as there are any."""
    left = {lane: deque(given) for lane, given in replies.items()}
    todo = deque(execution.open_commands())
    while todo:
        issued = todo.popleft()
        given = left.get(execution.lane(issued.number))
        if given:
            todo.extend(execution.apply(issued.number, given.popleft()))


def _noting(noted: _Noted, kept: Iterable[Replied]) -> Iterable[Replied]:
    """The kept replies, each noted before it is given."""
    for replied in kept:
        noted.note(replied)
        yield replied
