"""The conformance cases on real Airflow: the expectations are the same as for the runtime (CAU-4)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from noetl.compiler.frontend import compile_source
from noetl.conformance.adapters.airflow import AirflowCase, AirflowRun, run_in_airflow
from noetl.conformance.case import Case, cases_in
from noetl.conformance.observation import Observation, unmet
from noetl.conformance.probe import Probe
from noetl.errors import UnsupportedByTarget
from noetl.runtime.credentials import variable
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source

FOLDER = Path(__file__).parents[2] / "conformance" / "cases"
EVERY = int(os.environ.get("NOETL_AIRFLOW_EVERY", "1"))
"""Only every n-th case is run."""


def chosen() -> dict[str, Case]:
    """The cases that an emitted DAG can be asked: no refusals, no files beside the playbook."""
    found = {
        case.id: case
        for _, case in cases_in(FOLDER)
        if case.expect.refused is None and not case.files and case.asked_of("airflow", "inproc")
    }
    return {name: case for n, (name, case) in enumerate(sorted(found.items())) if n % EVERY == 0}


CASES = chosen()
REFUSED = {d.code.name for d in TARGET.capabilities() if d.code is not None}
"""The names of what the target says it cannot do."""


def compiled(number: int, case: Case, probe: Probe) -> AirflowCase | UnsupportedByTarget:
    compilation = compile_source(case.text(), case.path)
    assert compilation.ok, (case.id, compilation.diagnostics)
    assert compilation.workflow is not None
    try:
        made = TARGET.compile(Source(case.path, compilation.text, compilation.workflow))
    except UnsupportedByTarget as refused:
        return refused
    identity = f"case_{number}"
    content = made.content.replace(f'dag_id="{made.identity}"', f'dag_id="{identity}"')
    assert identity in content
    stored = case.credentials_at(probe.url).items()
    env = {variable(name): entry if isinstance(entry, str) else json.dumps(entry) for name, entry in stored}
    env |= {**case.env, "NOETL_ALLOW_ENV": ",".join(case.env)}
    payload = {**case.payload, "probe": probe.url}
    return AirflowCase(identity, content, {"noetl_payload": json.dumps(payload)}, env)


@contextmanager
def probes(cases: dict[str, Case]) -> Iterator[dict[str, Probe]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Probe(case.probe)) for name, case in cases.items()}


@pytest.fixture(scope="module")
def observed() -> dict[str, tuple[AirflowRun, Observation] | UnsupportedByTarget]:
    with probes(CASES) as servers:
        made = {name: compiled(n, case, servers[name]) for n, (name, case) in enumerate(CASES.items())}
        asked = {name: case for name, case in made.items() if isinstance(case, AirflowCase)}
        found: dict[str, tuple[AirflowRun, Observation] | UnsupportedByTarget] = {
            name: refused for name, refused in made.items() if isinstance(refused, UnsupportedByTarget)
        }
        for name, run in zip(asked, run_in_airflow(list(asked.values()), time_limit=1200), strict=True):
            found[name] = run, Observation(run.verdict, (), servers[name].requests, sequential=True)
        return found


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("name", CASES)
def test_case(name: str, observed: dict[str, tuple[AirflowRun, Observation] | UnsupportedByTarget]) -> None:
    seen = observed[name]
    if isinstance(seen, UnsupportedByTarget):
        assert {d.name for d in seen.diagnostics} <= REFUSED
        return
    run, observation = seen
    assert run.problem is None
    assert unmet(CASES[name], observation) == []
    assert run.state == (
        "success" if observation.summary and observation.summary["status"] == "completed" else "failed"
    )
