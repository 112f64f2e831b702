"""Runs a case on the reference runtime, in process, with real tools and a clock whose waits take no time."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from noetl.compiler.frontend import compile_source
from noetl.runtime.capabilities import refusals
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.embedded import execute
from noetl.runtime.events import Event
from noetl.runtime.library import TextLibrary
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.tools import ToolBox
from noetl.runtime.tools.playbook import Playbooks

from ..case import Case
from ..observation import Observation
from ..probe import Probe


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


def observe(case: Case) -> Observation:
    """Run the case; a playbook that is refused gives its diagnostics."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in case.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        return _observe(case, folder)


def _observe(case: Case, folder: Path) -> Observation:
    compilation = compile_source(case.text(), "playbook.yaml")
    if not compilation.ok or compilation.workflow is None:
        return Observation(None, compilation.diagnostics)
    workflow = compilation.workflow
    if refused := refusals(workflow, "playbook.yaml"):
        return Observation(None, refused)
    credentials = MappedCredentials(dict(case.credentials))
    log: list[tuple[str, str | None]] = []

    def listen(event: Event) -> None:
        log.append((event.name, event.step))

    clock = VirtualClock()
    # To the probe waits take the time that they say, so that gaps can be judged.
    with Probe(case.probe, clock=lambda: time.monotonic() + clock.monotonic()) as probe:

        async def run() -> Observation:
            info = ExecutionInfo("case", dict(case.env))
            library = TextLibrary(case.playbooks or {})
            runner = Playbooks(
                lambda folder: ToolBox(credentials, folder=folder), library, clock, folder=folder, env=info.env
            )
            try:
                payload = {**case.payload, "probe": probe.url}
                execution = await execute(workflow, payload, info, runner, clock, listen)
                return Observation(execution.summary(), compilation.diagnostics, probe.requests, log)
            finally:
                await runner.close()

        return asyncio.run(run())
