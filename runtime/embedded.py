"""Drives the engine with real or given tools and time, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Mapping, Sequence

from noetl.compiler import ir
from noetl.compiler.ir import Json

from .commands import Command, Invoke, Reply
from .engine import Execution, Issued
from .events import Event, Listener
from .packet import Token
from .ports import Clock, ToolRunner
from .run import Run, RunEnd
from .scope import ExecutionInfo


def silent(event: Event) -> None:
    """A listener that keeps nothing."""
    del event


async def execute(
    workflow: ir.Workflow,
    payload: Mapping[str, Json],
    info: ExecutionInfo,
    runner: ToolRunner,
    clock: Clock,
    listener: Listener = silent,
) -> Execution:
    """Run a playbook to quiescence (RUN-3). Cancelling the coroutine cancels the execution (RUN-8) and returns it."""
    execution = Execution(workflow, info, listener)
    driver = _Driver(execution, runner, clock)
    try:
        await driver.run(execution.start(payload, clock.now()))
    except asyncio.CancelledError:
        await driver.abandon()
        execution.cancel(clock.now())
    return execution


async def run_one(
    workflow: ir.Workflow,
    step: str,
    tokens: Sequence[Token],
    info: ExecutionInfo,
    runner: ToolRunner,
    clock: Clock,
    listener: Listener = silent,
) -> RunEnd:
    """Run one step for the tokens that it takes: what a target's task does."""
    process = Run(workflow, workflow.step(step), tokens, info, listener).perform(clock.now())
    try:
        command = next(process)
        while True:
            command = process.send(await _answer(command, runner, clock))
    except StopIteration as stop:
        end = stop.value
        assert isinstance(end, RunEnd)
        return end


async def _answer(command: Command, runner: ToolRunner, clock: Clock) -> Reply:
    if isinstance(command, Invoke):
        outcome = await runner.call(command.request)
        return Reply(clock.now(), outcome)
    await clock.sleep(command.seconds)
    return Reply(clock.now())


class _Driver:
    """Carries out commands side by side and feeds the replies back, one at a time."""

    def __init__(self, execution: Execution, runner: ToolRunner, clock: Clock) -> None:
        self._execution = execution
        self._runner = runner
        self._clock = clock
        self._calls: dict[asyncio.Task[Reply], int] = {}
        self._waits: list[tuple[float, int]] = []

    async def run(self, issued: Sequence[Issued]) -> None:
        self._take(issued)
        while self._calls or self._waits:
            for number, reply in await self._next():
                self._take(self._execution.apply(number, reply))

    async def abandon(self) -> None:
        for call in self._calls:
            call.cancel()
        for call in list(self._calls):
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await call

    def _take(self, issued: Sequence[Issued]) -> None:
        for item in issued:
            if isinstance(item.command, Invoke):
                call = asyncio.create_task(_answer(item.command, self._runner, self._clock))
                self._calls[call] = item.number
            else:
                heapq.heappush(self._waits, (self._clock.monotonic() + item.command.seconds, item.number))

    async def _next(self) -> list[tuple[int, Reply]]:
        """The replies that come next: finished calls, or the wait that is due first."""
        due = self._waits[0][0] - self._clock.monotonic() if self._waits else None
        if self._calls and not (due is not None and due <= 0):
            sleeper = None if due is None or self._clock.virtual else asyncio.create_task(self._clock.sleep(due))
            waited: list[asyncio.Task[Reply] | asyncio.Task[None]] = [*self._calls]
            if sleeper:
                waited.append(sleeper)
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if sleeper:
                sleeper.cancel()
            done = [call for call in self._calls if call.done()]
            return [(self._calls.pop(call), call.result()) for call in done]
        if due is not None and due > 0:
            await self._clock.sleep(due)
        _, number = heapq.heappop(self._waits)
        return [(number, Reply(self._clock.now()))]
