"""Runs a case on the reference runtime, in process, with real tools and a clock whose waits take no time."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.errors import UsageError
from noetl.runtime.capabilities import refusals
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.embedded import execute
from noetl.runtime.engine import Execution
from noetl.runtime.events import Event, Listener, silent
from noetl.runtime.library import FolderLibrary
from noetl.runtime.mock import THROUGH, Mocked, OutcomeFile, Outcomes, Recording
from noetl.runtime.ports import Outcome, ToolCall, ToolRunner
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.tools import ToolBox
from noetl.runtime.tools.playbook import Playbooks

from ..case import Case
from ..observation import Observation
from ..probe import Probe, Seen

EXECUTION: Final = "0a0b0c0d-0000-5000-8000-0e0f0a0b0c0d"
"""The id of the execution; in the form that every place gives it, so that it is masked (CAU-5)."""


Wrap: TypeAlias = Callable[[ToolRunner], ToolRunner]


def unwrapped(tools: ToolRunner) -> ToolRunner:
    """The tools themselves."""
    return tools


class VirtualClock:
    """A clock that moves only when someone sleeps on it; starts at 2026-01-01T00:00:00Z."""

    virtual = True

    def __init__(self) -> None:
        self._elapsed = 0.0

    def now(self) -> str:
        """ISO 8601 in UTC."""
        return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._elapsed)).isoformat(timespec="microseconds")

    def monotonic(self) -> float:
        """Seconds slept so far."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Jump ahead."""
        self._elapsed += max(0.0, seconds)


@dataclass(slots=True)
class Watch:
    """What else is kept of the execution of a case."""

    listener: Listener = silent
    tools: Wrap = unwrapped
    """What stands between the playbook and its tools."""
    answers: Wrap = unwrapped
    """What hears every answer that the case gives for a tool."""
    outcomes: dict[str, dict[str, Json]] = field(default_factory=dict)
    """What calls were answered, by `ToolCall.where`; those of sub-playbooks, too."""
    kinds: set[str] = field(default_factory=set)
    """The kinds of the tools that were called."""


def recorded(case: Case) -> tuple[dict[str, dict[str, Json]], frozenset[str]]:
    """What the calls of a case come to, by `ToolCall.where`, and the kinds of tools: what `NOETL_REPLAY` takes."""
    watch = Watch()
    observe(case, watch)
    return watch.outcomes, frozenset(watch.kinds)


def entries(case: Case) -> list[Json]:
    """What the calls of a case come to, as `outcomes` that say the whole place of each."""
    streams: list[io.StringIO] = []

    def recording(tools: ToolRunner) -> ToolRunner:
        streams.append(io.StringIO())
        return Recording(tools, streams[-1], callers=True)

    observe(case, Watch(answers=recording))
    return [entry for stream in streams for entry in json.loads(stream.getvalue())["outcomes"]]


def observe(case: Case, watch: Watch | None = None) -> Observation:
    """Run the case; a playbook that is refused gives its diagnostics."""
    compilation = compile_source(case.text(), case.path)
    if not compilation.ok or compilation.workflow is None:
        return Observation(None, compilation.diagnostics)
    if refused := refusals(compilation.workflow, case.path):
        return Observation(None, refused)
    clock = VirtualClock()
    cancelling = _Cancelling(case.cancel)
    # To the probe waits take the time that they say, so that gaps can be judged.
    with (
        tempfile.TemporaryDirectory() as folder,
        Probe(case.probe, clock=lambda: time.monotonic() + clock.monotonic(), arrived=cancelling.saw) as probe,
    ):
        log: list[tuple[str, str | None]] = []
        running = _execute(
            case, compilation.workflow, probe.url, Path(folder), clock, log, cancelling, watch or Watch()
        )
        try:
            summary = asyncio.run(running)
        except UsageError as lacking:
            return Observation(None, compilation.diagnostics, probe.requests, log, problem=str(lacking))
        return Observation(summary, compilation.diagnostics, probe.requests, log)


async def _execute(
    case: Case,
    workflow: ir.Workflow,
    probe: str,
    folder: Path,
    clock: VirtualClock,
    log: list[tuple[str, str | None]],
    cancelling: _Cancelling,
    watch: Watch,
) -> dict[str, Json]:
    for path, text in case.beside(probe).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    credentials = MappedCredentials(case.credentials_at(probe))
    given = None if case.outcomes is None else Outcomes(OutcomeFile(format=1, outcomes=case.outcomes), case.id)
    count = silent if given is None else given.listener(EXECUTION)

    def tools(place: Path) -> ToolRunner:
        box = watch.tools(ToolBox(credentials, folder=place))
        return watch.answers(_Watched(box if given is None else Mocked(given, box), watch))

    children = Playbooks(
        tools,
        FolderLibrary([folder]),
        clock,
        folder=(folder / case.path).parent,
        env=case.env,
    )

    runner = watch.answers(_Watched(children if given is None else Mocked(given, children), watch))

    def listen(event: Event) -> None:
        log.append((event.name, event.step))
        count(event)
        watch.listener(event)

    try:
        payload = {**case.payload, "probe": probe}
        info = ExecutionInfo(EXECUTION, dict(case.env))
        execution = asyncio.create_task(execute(workflow, payload, info, runner, clock, listen))
        cancelling.watch(execution)
        return (await execution).summary()
    finally:
        await runner.close()


class _Watched:
    """A runner that keeps what another one is asked and answers."""

    def __init__(self, runner: ToolRunner, watch: Watch) -> None:
        self._runner = runner
        self._watch = watch

    async def call(self, request: ToolCall) -> Outcome:
        """Make the call and keep its outcome."""
        outcome = await self._runner.call(request)
        if request.kind not in THROUGH:
            self._watch.outcomes[request.where] = outcome.to_json()
            self._watch.kinds.add(request.kind)
        return outcome

    async def close(self) -> None:
        """Close the other runner."""
        await self._runner.close()


class _Cancelling:
    """Cancels an execution when a request has arrived at the probe, whose threads tell of each."""

    def __init__(self, request: str | None) -> None:
        self._request = request
        self._cancel: Callable[[], object] | None = None

    def watch(self, execution: asyncio.Task[Execution]) -> None:
        """The execution that is cancelled, on the event loop that runs now."""
        loop = asyncio.get_running_loop()
        self._cancel = lambda: loop.call_soon_threadsafe(execution.cancel)

    def saw(self, request: Seen) -> None:
        """A request arrived."""
        if self._cancel is not None and f"{request.label}#{request.n}" == self._request:
            self._cancel()
