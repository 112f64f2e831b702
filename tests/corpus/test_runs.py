"""Sample playbooks run to their intended end, and mean the same on real Airflow (CAU-5)."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.adapters.airflow import AirflowCase, AirflowRun, run_in_airflow
from noetl.conformance.judge import differences
from noetl.conformance.probe import Probe, Seen
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.embedded import execute
from noetl.runtime.replay import VARIABLE, Recorder
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import RandomIds, SystemClock
from noetl.runtime.tools import ToolBox
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source

from .stubs import mapped, scripts

FOLDER = Path(os.environ["NOETL_CORPUS"])
COMPLETE: Json = {"status": "complete"}
COMPLETED: Json = {"status": "completed"}
INTENDED: dict[str, tuple[Json, list[str]]] = {
    "http_pagination": (COMPLETE, ["start", "fetch_paginated", "process_results", "end"]),
    "hello_world": (COMPLETE, ["start", "test_step", "end"]),
    "v2_simple_python": (COMPLETED, ["start", "end"]),
    "v2_mixed": (COMPLETED, ["start", "process_[hl]*", "summarize", "end"]),
    "vars_block": (COMPLETE, ["start", "fetch_data", "use_extracted_vars", "verify_vars", "end"]),
    "control_flow_workbook": (COMPLETE, ["start", "eval_flag", "hot_path", "hot_task_a", "hot_task_b", "end"]),
    "pagination_cursor": (COMPLETE, ["start", "fetch_all_events", "validate_results", "end"]),
    "simple_http": ({"status": "done"}, ["start", "process", "end"]),
    "pagination_offset": (COMPLETE, ["start", "fetch_all_users", "validate_results", "end"]),
}
"""The output and the steps to which each playbook's text leads."""

CHANCE = ("v2_mixed",)
"""Playbooks whose code uses chance: Airflow replays the outcomes of their python steps."""


@dataclass(frozen=True)
class Side:
    """What one place made of a playbook."""

    summary: dict[str, Json]
    requests: list[dict[str, Json]]


def here(name: str, workflow: ir.Workflow, kept: Path) -> Side:
    """Run on the runtime; python's outcomes are kept, since code may use chance."""
    execution_id = RandomIds().execution_id()
    with Probe(scripts()) as probe:

        async def run() -> dict[str, Json]:
            toolbox = ToolBox(MappedCredentials({}), folder=FOLDER, environ={"NOETL_HTTP_MAP": mapped(probe)})
            recorder = Recorder(toolbox)
            try:
                execution = await execute(workflow, {}, ExecutionInfo(execution_id, {}), recorder, SystemClock())
            finally:
                await toolbox.close()
            kinds = ["python"] if name in CHANCE else []
            kept.write_text(json.dumps({"kinds": kinds, "outcomes": recorder.outcomes}), "utf-8")
            return execution.summary()

        return Side(asyncio.run(run()), [sent(request) for request in probe.requests])


def sent(request: Seen) -> dict[str, Json]:
    """A request as its sender made it."""
    query: Json = {name: [*given] if isinstance(given, list) else given for name, given in request.query.items()}
    return {"method": request.method, "label": request.label, "query": query, "body": request.text()}


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Side, AirflowRun, list[dict[str, Json]]]]:
    """Both sides of every playbook; Airflow runs them in one process, each with a server of its own."""
    folder = tmp_path_factory.mktemp("kept")
    first: dict[str, Side] = {}
    cases: list[AirflowCase] = []
    probes: list[Probe] = []
    try:
        for name in INTENDED:
            compilation = compile_source((FOLDER / f"{name}.yaml").read_bytes(), f"{name}.yaml")
            assert compilation.ok, compilation.diagnostics
            assert compilation.workflow is not None
            first[name] = here(name, compilation.workflow, folder / name)
            compiled = TARGET.compile(Source(f"{name}.yaml", compilation.text, compilation.workflow))
            probe = Probe(scripts()).__enter__()
            probes.append(probe)
            env = {"NOETL_HTTP_MAP": mapped(probe), VARIABLE: str(folder / name)}
            cases.append(AirflowCase(compiled.identity, compiled.content, {}, env))
        runs = run_in_airflow(cases, time_limit=240)
        seen = [[sent(request) for request in probe.requests] for probe in probes]
    finally:
        for probe in probes:
            probe.__exit__(None, None, None)
    return {name: (first[name], run, requests) for name, run, requests in zip(INTENDED, runs, seen, strict=True)}


@pytest.mark.parametrize("name", INTENDED)
def test_runs_to_its_intended_end(name: str, sides: dict[str, tuple[Side, AirflowRun, list[dict[str, Json]]]]) -> None:
    summary = sides[name][0].summary
    output, steps = INTENDED[name]
    runs = summary["runs"]
    assert isinstance(runs, list)
    ran = [str(r["step"]) for r in runs if isinstance(r, dict)]
    assert (summary["status"], summary["output"]) == ("completed", output), summary
    assert len(ran) == len(steps)
    assert all(map(fnmatch, ran, steps)), ran


@pytest.mark.parametrize("name", INTENDED)
def test_means_the_same_on_airflow(name: str, sides: dict[str, tuple[Side, AirflowRun, list[dict[str, Json]]]]) -> None:
    side, run, requests = sides[name]
    assert run.problem is None
    assert run.verdict is not None
    assert differences(side.summary, run.verdict) == []
    assert run.state == "success"
    assert requests == side.requests


def test_pages_were_fetched_in_order_after_a_retry(
    sides: dict[str, tuple[Side, AirflowRun, list[dict[str, Json]]]],
) -> None:
    queries = [r["query"] for r in sides["http_pagination"][0].requests]
    first = {"page": "1", "pageSize": "100"}
    assert queries == [first, first, {"page": "2", "pageSize": "100"}, {"page": "3", "pageSize": "100"}]
