"""Drives the engine with real or given tools and time, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json

from .commands import Command, Invoke, Reply
from .engine import Execution, Issued
from .events import Event, Listener, silent
from .journal import Checkpoint, ExecutionStart, Journal, Kept, Replied, Replies
from .packet import Token
from .ports import Clock, ToolRunner
from .rebuilding import answer
from .scope import ExecutionInfo


@dataclass(frozen=True, slots=True)
class Source:
    """Where a playbook comes from, for a journal to keep."""

    path: str
    text: str
    parent: str | None = None
    """Of a sub-playbook, the idempotency key of the call that runs it."""


UNKNOWN: Final = Source("", "")
NOW: Final[Mapping[int, str]] = {}
"""When commands were issued that are issued now."""


async def execute(
    workflow: ir.Workflow,
    payload: Mapping[str, Json],
    info: ExecutionInfo,
    runner: ToolRunner,
    clock: Clock,
    listener: Listener = silent,
    *,
    journal: Journal | None = None,
    source: Source = UNKNOWN,
) -> Execution:
    """Run a playbook to quiescence (RUN-3). Cancelling the coroutine cancels the execution (RUN-8) and returns it.

    Where the journal knows the execution, it goes on from what was kept, with the text, the payload, the environment
    and the time of its first start; the listener hears it from its beginning.
    """
    identity = info.execution_id
    kept = Kept(ExecutionStart(identity, source.path, source.text, payload, info.env, clock.now(), source.parent), ())
    hear = listener
    if journal is not None:
        kept = journal.open(kept.start)
        hear = _both(journal.listener(identity), listener)
    start = kept.start
    if start.text != source.text:
        workflow = load(start.text, start.path)
    execution = Execution(workflow, replace(info, env=start.env), hear)
    try:
        execution.start(start.payload, start.time)
        await _Driver(execution, runner, clock, journal).run(kept.replies)
    except asyncio.CancelledError:
        execution.cancel(clock.now())
    if journal is not None:
        journal.ended(identity, execution.outcome(), clock.now())
    return execution


def _both(first: Listener, second: Listener) -> Listener:
    def hear(event: Event) -> None:
        first(event)
        second(event)

    return hear


async def run_part(
    workflow: ir.Workflow,
    steps: Iterable[str],
    tokens: Iterable[Token],
    failed: Iterable[str],
    info: ExecutionInfo,
    runner: ToolRunner,
    clock: Clock,
    listener: Listener = silent,
    *,
    checkpoint: Checkpoint | None = None,
) -> Execution:
    """Run some of the steps for the tokens that lead to them, to the end: what a target's task does.

    `failed` are the steps outside that had a failed run (RUN-6). The tokens that left are in `left` of what is given
    back, the runs in `records`. Where the checkpoint knows replies, the part goes on from there.
    """
    execution = Execution(workflow, info, listener, part=frozenset(steps))
    time, replies = (clock.now(), ()) if checkpoint is None else checkpoint.begin(clock.now())
    execution.start_part(tokens, failed, time)
    await drive(execution, runner, clock, checkpoint, replies)
    return execution


async def drive(
    execution: Execution, runner: ToolRunner, clock: Clock, journal: Replies | None, replies: Iterable[Replied]
) -> None:
    """Carry out what a started execution asks for, to its end, after the replies that were kept of it."""
    await _Driver(execution, runner, clock, journal).run(replies)


async def _answer(command: Command, runner: ToolRunner, clock: Clock) -> Reply:
    if isinstance(command, Invoke):
        outcome = await runner.call(command.request)
        return Reply(clock.now(), outcome)
    await clock.sleep(command.seconds)
    return Reply(clock.now())


def _seconds(earlier: str, later: str) -> float:
    """From one time to another; 0 where the clock has gone back."""
    return max(0.0, (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())


class _Driver:
    """Carries out commands side by side and feeds the replies back, one at a time."""

    def __init__(self, execution: Execution, runner: ToolRunner, clock: Clock, journal: Replies | None) -> None:
        self._execution = execution
        self._runner = runner
        self._clock = clock
        self._journal = journal
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._done: deque[Replied] = deque()
        self._waits: list[tuple[float, int]] = []
        self._woken = asyncio.Event()
        self._broken: Exception | None = None

    async def run(self, replies: Iterable[Replied]) -> None:
        """Give the engine the replies that were kept, then carry out what is open and all that comes after it.

        A wait goes on from when it began. However it ends, no call is left under way. ExecutionError where a kept reply
        answers nothing.
        """
        issued = answer(self._execution, replies)
        self._take(self._execution.open_commands(), issued)
        try:
            while self._calls or self._waits or self._done:
                replied = await self._next()
                if self._journal is not None:
                    self._journal.replied(self._execution.info.execution_id, replied)
                self._take(self._execution.apply(replied.number, replied.reply))
        finally:
            await self._abandon()

    async def _abandon(self) -> None:
        calls = list(self._calls.values())
        for call in calls:
            call.cancel()
        for call in calls:
            with contextlib.suppress(asyncio.CancelledError):
                await call

    def _take(self, issued: Sequence[Issued], times: Mapping[int, str] = NOW) -> None:
        """Begin to carry out commands; `times` has those that were issued before, and when."""
        for item in issued:
            if isinstance(item.command, Invoke):
                self._calls[item.number] = asyncio.create_task(self._carry(item.number, item.command))
            else:
                gone = _seconds(times[item.number], self._clock.now()) if item.number in times else 0.0
                due = self._clock.monotonic() + max(0.0, item.command.seconds - gone)
                heapq.heappush(self._waits, (due, item.number))

    async def _carry(self, number: int, command: Invoke) -> None:
        try:
            self._done.append(Replied(number, await _answer(command, self._runner, self._clock)))
        except Exception as failure:  # a bug of a runner, whose every failure is an outcome: the driver raises it
            self._broken = failure
        finally:
            del self._calls[number]
            self._woken.set()

    async def _next(self) -> Replied:
        """The reply that comes next: of a finished call, or of the wait that is due first."""
        while True:
            if self._broken is not None:
                raise self._broken
            if self._done:
                return self._done.popleft()
            due = self._waits[0][0] - self._clock.monotonic() if self._waits else None
            if due is not None and (due <= 0 or not self._calls):
                await self._clock.sleep(max(due, 0))
                _, number = heapq.heappop(self._waits)
                return Replied(number, Reply(self._clock.now()))
            self._woken.clear()
            timer = None
            if due is not None and not self._clock.virtual:
                timer = asyncio.get_running_loop().call_later(due, self._woken.set)
            try:
                await self._woken.wait()
            finally:
                if timer is not None:
                    timer.cancel()
