"""Runs a case on the spec (`conformance.spec`) with the real tools; what it sees has no log."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from noetl.compiler.document import Document
from noetl.compiler.frontend import compile_source
from noetl.errors import UsageError
from noetl.runtime.capabilities import refusals
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.mock import Mocked, OutcomeFile, Outcomes
from noetl.runtime.tools import ToolBox

from ..case import Case
from ..observation import Observation
from ..probe import Probe
from ..spec import Limits, interpret
from .runtime import EXECUTION, Wrap, unwrapped


class Elapsing:
    """A time that only waits move; starts at 2026-01-01T00:00:00Z."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        """Seconds waited so far."""

    def now(self) -> str:
        """ISO 8601 in UTC."""
        return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.elapsed)).isoformat(timespec="microseconds")

    def wait(self, seconds: float) -> None:
        """Jump ahead."""
        self.elapsed += max(0.0, seconds)


def observe(case: Case, limits: Limits | None = None, wrap: Wrap = unwrapped) -> Observation:
    """Run the case, with `wrap` between it and its tools; a playbook that is refused gives its diagnostics."""
    compilation = compile_source(case.text(), case.path)
    if not compilation.ok or compilation.workflow is None or compilation.document is None:
        return Observation(None, compilation.diagnostics)
    if refused := refusals(compilation.workflow, case.path):
        return Observation(None, refused)
    with tempfile.TemporaryDirectory() as folder:
        return _observe(case, compilation.document, Path(folder), limits, wrap)


def _observe(case: Case, document: Document, folder: Path, limits: Limits | None, wrap: Wrap) -> Observation:
    elapsing = Elapsing()
    # To the probe waits take the time that they say, so that gaps can be judged.
    with Probe(case.probe, clock=lambda: time.monotonic() + elapsing.elapsed) as probe, asyncio.Runner() as runner:
        for path, text in case.beside(probe.url).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        toolbox = ToolBox(MappedCredentials(case.credentials_at(probe.url)), folder=(folder / case.path).parent)
        tools = wrap(toolbox)
        if case.outcomes is not None:
            tools = Mocked(Outcomes(OutcomeFile(format=1, outcomes=case.outcomes), case.id), tools)
        try:
            summary = interpret(
                {**(case.playbooks or {}), case.path: document},
                case.path,
                {**case.payload, "probe": probe.url},
                lambda call: runner.run(tools.call(call)),
                execution_id=EXECUTION,
                env=case.env,
                time=elapsing,
                limits=limits,
            )
            return Observation(summary, (), probe.requests, sequential=True)
        except UsageError as lacking:
            return Observation(None, (), probe.requests, sequential=True, problem=str(lacking))
        finally:
            runner.run(tools.close())
