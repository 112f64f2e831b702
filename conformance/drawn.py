"""Drawn playbooks as cases: what their tools answer is in the case, and what must come of it is what the oracle says.

The oracle is the reference runtime; where that is what is judged, the spec.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.errors import UsageError
from noetl.runtime.mock import THROUGH, Recording
from noetl.runtime.ports import Outcome, ToolCall, ToolRunner
from noetl.targets.base import Capability

from .adapters import runtime, spec
from .case import Case
from .observation import Observation

if TYPE_CHECKING:
    from .strategies import Playbook, Script

CHUNK: Final = 100
"""So many playbooks are drawn from one seed."""
MAIN: Final = "drawn.yaml"
CLAUSE: Final = "CAU-4"
"""One outcome for one set of tool responses: what a drawn case is about."""


def drawn(seed: int, count: int | None, table: Sequence[Capability] = ()) -> Iterator[tuple[str, Playbook]]:
    """So many playbooks of what a table carries, without a count no end of them, each with an id; always the same.

    UsageError without Hypothesis.
    """
    refused = {row.feature for row in table if row.code is not None}
    options = {
        "loops": "loop" not in refused,
        "cycles": "cycle" not in refused,
        "children": "tool-playbook" not in refused,
        "sql": not {"tool-postgres", "tool-duckdb"} & refused,
    }
    for chunk in itertools.count(0, CHUNK) if count is None else range(0, count, CHUNK):
        found = _chunk(seed * 10_007 + chunk // CHUNK, options)[: None if count is None else count - chunk]
        yield from ((f"drawn-{seed}-{chunk + n}", playbook) for n, playbook in enumerate(found))


def _chunk(start: int, options: dict[str, bool]) -> list[Playbook]:
    try:
        from hypothesis import HealthCheck, Phase, given, seed, settings
    except ImportError as error:
        raise UsageError("drawn cases need Hypothesis: pip install hypothesis, or take --level smoke") from error
    from .strategies import playbooks

    found: list[Playbook] = []

    @seed(start)
    @settings(
        max_examples=CHUNK,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(playbooks(wide=True, **options))
    def collect(playbook: Playbook) -> None:
        found.append(playbook)

    collect()
    return found


def case_of(name: str, playbook: Playbook, target: str) -> Case | None:
    """The case that a drawn playbook makes for a target; None where it does not compile, as a part of one may not."""
    if not compile_source(playbook.text, MAIN).ok:
        return None
    told: dict[str, object] = {
        "format": 1,
        "id": name,
        "clauses": [CLAUSE],
        "title": "a drawn playbook comes to one outcome",
        "playbooks": {MAIN: playbook.text, **{f"{path}.yaml": text for path, text in playbook.library.items()}},
        "main": MAIN,
    }
    seen, outcomes = _scripted(Case.model_validate({**told, "expect": {}}), target, playbook.script)
    if seen.summary is None:
        return None
    return Case.model_validate({**told, "outcomes": outcomes, "expect": expected(seen)})


def expected(seen: Observation) -> dict[str, Json]:
    """What was seen, as the expectation of a case."""
    summary = seen.summary or {}
    found: dict[str, Json] = {"status": summary["status"], "output": summary["output"]}
    error = summary.get("error")
    if isinstance(error, dict):
        found["error"] = {name: error[name] for name in ("step", "type") if isinstance(error.get(name), str)}
    runs = summary["runs"]
    found["runs"] = [_run(run) for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []
    return found


def _run(run: dict[str, Json]) -> Json:
    calls = [call for call in run["calls"] if isinstance(call, dict)] if isinstance(run["calls"], list) else []
    told: dict[str, Json] = {name: run[name] for name in ("step", "status", "key", "args", "result")}
    told["attempts"] = [call["attempts"] for call in calls]
    iterations = run.get("iterations")
    if isinstance(iterations, list):
        names = ("index", "status", "result", "attempts")
        told["iterations"] = [{n: one[n] for n in names if n in one} for one in iterations if isinstance(one, dict)]
    return told


def _scripted(case: Case, target: str, script: Script) -> tuple[Observation, list[Json]]:
    """What the oracle comes to when the script answers, and every outcome that it asked for."""
    streams: list[io.StringIO] = []

    def wrap(tools: ToolRunner) -> ToolRunner:
        streams.append(io.StringIO())
        return Recording(_Scripted(script, tools), streams[-1], callers=True)

    seen = spec.observe(case, wrap=wrap) if target == "runtime" else runtime.observe(case, runtime.Watch(tools=wrap))
    return seen, [entry for stream in streams for entry in json.loads(stream.getvalue())["outcomes"]]


class _Scripted:
    """Tools that answer by script."""

    def __init__(self, script: Script, through: ToolRunner) -> None:
        self._script = script
        self._through = through

    async def call(self, request: ToolCall) -> Outcome:
        """The outcome for the place; what reaches nothing outside is as it is anywhere."""
        if request.kind in THROUGH:
            return await self._through.call(request)
        return self._script.outcome(str(request.place))

    async def close(self) -> None:
        """Close what is real."""
        await self._through.close()
