"""Drives an execution for the command line: tools or given outcomes, the log, progress, and what ends it early."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TextIO, TypeAlias

from noetl.compiler import ir
from noetl.compiler.ir import Json
from noetl.errors import UsageError
from noetl.runtime.credentials import local_credentials
from noetl.runtime.embedded import Source, execute
from noetl.runtime.events import Event
from noetl.runtime.journal import Journal
from noetl.runtime.library import FolderLibrary
from noetl.runtime.mock import Mocked, Outcomes, Recording, read_outcomes
from noetl.runtime.ports import Outcome, ToolCall, ToolRunner
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import SystemClock
from noetl.runtime.tools import ToolBox
from noetl.runtime.tools.playbook import Playbooks

from .progress import Display

Reason: TypeAlias = Literal["interrupt", "terminate", "deadline", "until"]
_SIGNALS: Final[Mapping[signal.Signals, Reason]] = {signal.SIGINT: "interrupt", signal.SIGTERM: "terminate"}


@dataclass(frozen=True, slots=True)
class Orders:
    """What the command line says about how to run a playbook. UsageError from `drive` where a file cannot be used."""

    credentials: str | None = None
    playbooks: Sequence[str] = ()
    """Folders of sub-playbooks, besides the playbook's own."""
    deadline: str | None = None
    until: str | None = None
    mock: str | None = None
    rest: bool = False
    """Whether what the mock has no outcome for is called for real."""
    record: str | None = None
    with_runs: bool = False
    """Whether the summary holds all runs."""


@dataclass(frozen=True, slots=True, repr=False)
class Driven:
    """How an execution ended. It has no `repr`: asyncio would make one, of all that the summary holds."""

    summary: dict[str, Json]
    stopped: Reason | None
    """What ended it early."""
    until: str | None = None
    """The status of the run that `--until` waited for: `success`, `failed` or `skipped`."""


def drive(
    workflow: ir.Workflow,
    source: Source,
    payload: Mapping[str, Json],
    info: ExecutionInfo,
    orders: Orders,
    journal: Journal | None,
    display: Display,
) -> Driven:
    """Run an execution to its end, or until something stops it (RUN-8)."""
    if orders.until is not None and orders.until not in {step.name for step in workflow.steps}:
        known = ", ".join(f'"{name}"' for name in sorted(step.name for step in workflow.steps))
        raise UsageError(f'--until names step "{orders.until}", which is not there; steps: {known}')
    for folder in orders.playbooks:
        if not os.path.isdir(folder):
            raise UsageError(f'--playbooks takes a folder, and "{folder}" is none')
    return asyncio.run(_Drive(workflow, source, info, orders, journal, display).run(payload))


class _Brake:
    """Ends an execution early, once: the task is cancelled, and no call starts any more."""

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self._task: asyncio.Task[object] | None = None

    def hold(self, task: asyncio.Task[object]) -> None:
        """This is the task to stop."""
        self._task = task
        if self.reason is not None:
            self._stop()

    def pull(self, reason: Reason) -> None:
        """Stop it."""
        if self.reason is None:
            self.reason = reason
            self._stop()

    def _stop(self) -> None:
        # Not at once: a task that is cancelled in its own step, or before its first, would lose what it returns.
        if self._task is not None:
            asyncio.get_running_loop().call_soon(self._task.cancel)

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM stop it; a second signal of a kind ends the process."""
        loop = asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
            self.pull(_SIGNALS[number])

        for number in _SIGNALS:
            loop.add_signal_handler(number, stop, number)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)


class _Braked:
    """A runner whose calls do not start any more once the brake is pulled."""

    def __init__(self, runner: ToolRunner, brake: _Brake) -> None:
        self._runner = runner
        self._brake = brake

    async def call(self, request: ToolCall) -> Outcome:
        """Make an attempt, or wait to be cancelled."""
        if self._brake.reason is not None:
            await asyncio.get_running_loop().create_future()
        return await self._runner.call(request)

    async def close(self) -> None:
        """Close the other runner."""
        await self._runner.close()


class _Drive:
    def __init__(
        self,
        workflow: ir.Workflow,
        source: Source,
        info: ExecutionInfo,
        orders: Orders,
        journal: Journal | None,
        display: Display,
    ) -> None:
        self._workflow = workflow
        self._source = source
        self._info = info
        self._orders = orders
        self._journal = journal
        self._display = display
        self._brake = _Brake()
        self._clock = SystemClock()
        self._until: str | None = None
        self._outcomes: Outcomes | None = None
        if orders.mock is not None:
            self._outcomes = Outcomes(read_outcomes(Path(orders.mock)), orders.mock)
        self._deadline = None if orders.deadline is None else seconds_left(orders.deadline, self._clock.now())

    async def run(self, payload: Mapping[str, Json]) -> Driven:
        async with AsyncExitStack() as stack:
            runner = self._runner(stack)
            stack.push_async_callback(runner.close)
            stack.enter_context(self._display)
            stack.enter_context(self._brake.signals())
            running = asyncio.create_task(
                execute(
                    self._workflow,
                    payload,
                    self._info,
                    runner,
                    self._clock,
                    self._listener(),
                    journal=self._journal,
                    source=self._source,
                )
            )
            if self._deadline is not None:
                timer = asyncio.get_running_loop().call_later(self._deadline, self._brake.pull, "deadline")
                stack.callback(timer.cancel)
            self._brake.hold(running)
            execution = await running
            summary = execution.summary() if self._orders.with_runs else execution.outcome()
            return Driven(summary, self._brake.reason if execution.cancelled else None, self._until)

    def _runner(self, stack: AsyncExitStack) -> ToolRunner:
        """Tools, the outcomes that stand for them, what writes outcomes down, and the brake around it all."""
        orders = self._orders
        credentials = local_credentials(orders.credentials, os.environ)
        folder = Path(self._source.path).parent

        def tools(folder: Path) -> ToolRunner:
            return _Braked(self._mocked(ToolBox(credentials, folder=folder)), self._brake)

        library = FolderLibrary([*(Path(name) for name in orders.playbooks), folder])
        runner: ToolRunner = Playbooks(
            tools, library, self._clock, folder=folder, env=self._info.env, journal=self._journal
        )
        runner = self._mocked(runner)
        if orders.record is not None:
            runner = Recording(runner, stack.enter_context(_written_whole(orders.record)))
        return _Braked(runner, self._brake)

    def _mocked(self, runner: ToolRunner) -> ToolRunner:
        return runner if self._outcomes is None else Mocked(self._outcomes, runner, rest=self._orders.rest)

    def _listener(self) -> Callable[[Event], None]:
        show, until = self._display.show, self._orders.until
        count = None if self._outcomes is None else self._outcomes.listener(self._info.execution_id)

        def listen(event: Event) -> None:
            show(event)
            if count is not None:
                count(event)
            if until is not None and event.step == until and event.name.startswith("run.") and self._until is None:
                self._until = event.name.removeprefix("run.")
                self._brake.pull("until")

        return listen


def seconds_left(deadline: str, now: str) -> float:
    """How far off a deadline is: seconds, or a time in ISO 8601 with its offset. UsageError for anything else."""
    try:
        left = float(deadline)
    except ValueError:
        try:
            left = max(0.0, (datetime.fromisoformat(deadline) - datetime.fromisoformat(now)).total_seconds())
        except (ValueError, TypeError):  # a time without its offset is on no clock
            left = float("nan")
    if not 0 <= left < float("inf"):
        raise UsageError(f'--deadline takes seconds, or a time such as 2026-01-31T12:00:00Z, not "{deadline}"')
    return left


@contextlib.contextmanager
def _written_whole(path: str) -> Iterator[TextIO]:
    """A file that is there under its name only when it is complete."""
    if os.path.isdir(path):
        raise UsageError(f'cannot write "{path}": it is a folder')
    unfinished = f"{path}.part"
    try:
        file = open(unfinished, "w", encoding="utf-8")  # noqa: SIM115 (what goes wrong inside is not about the file)
    except OSError as error:
        raise UsageError(f'cannot write "{path}": {error.strerror}') from error
    try:
        try:
            yield file
        finally:
            try:
                file.close()  # what could not be written before cannot be now, so this tells of it
            except OSError as error:
                raise UsageError(f'cannot write "{path}": {error.strerror}') from error
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise


def lasting(path: str) -> str:
    """The path as a log keeps it: it means the same wherever the execution is resumed."""
    return str(Path(path).absolute())
