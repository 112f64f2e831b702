"""The conformance cases on real Airflow: the expectations are the same as for the runtime (CAU-4)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from noetl.compiler.frontend import compile_source
from noetl.conformance.adapters.airflow import AirflowCase, AirflowRun, run_in_airflow
from noetl.conformance.case import Case, cases_in
from noetl.conformance.observation import Observation, unmet
from noetl.conformance.probe import Probe
from noetl.runtime.credentials import variable
from noetl.runtime.library import FolderLibrary
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source
from noetl.targets.children import shipped

FOLDER = Path(__file__).parents[2] / "conformance" / "cases"
EVERY = int(os.environ.get("NOETL_AIRFLOW_EVERY", "1"))
"""Only every n-th case is run."""


def chosen() -> dict[str, Case]:
    """The cases that an emitted DAG can be asked: no refusals. A case says itself where it makes no sense."""
    found = {
        case.id: case
        for _, case in cases_in(FOLDER)
        if case.expect.refused is None and case.asked_of("airflow", "inproc")
    }
    return {name: case for n, (name, case) in enumerate(sorted(found.items())) if n % EVERY == 0}


CASES = chosen()


def compiled(number: int, case: Case, probe: Probe) -> AirflowCase:
    compilation = compile_source(case.text(), case.path)
    assert compilation.ok, (case.id, compilation.diagnostics)
    assert compilation.workflow is not None
    source = Source(case.path, compilation.text, compilation.workflow)
    beside = case.beside(probe.url)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in beside.items():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_text(text, "utf-8")
        library = FolderLibrary([Path(folder)])
        found = shipped(compilation.workflow, case.path, library.find)
        texts = library.texts() if found.templated else found.texts
    made = TARGET.compile(replace(source, playbooks=texts, all_playbooks=True))
    identity = f"case_{number}"
    content = made.content.replace(f'dag_id="{made.identity}"', f'dag_id="{identity}"')
    assert identity in content
    stored = case.credentials_at(probe.url).items()
    env = {variable(name): entry if isinstance(entry, str) else json.dumps(entry) for name, entry in stored}
    env |= {**case.env, "NOETL_ALLOW_ENV": ",".join(case.env)}
    payload = {**case.payload, "probe": probe.url}
    return AirflowCase(identity, content, {"noetl_payload": json.dumps(payload)}, env, case.files and beside)


@contextmanager
def probes(cases: dict[str, Case]) -> Iterator[dict[str, Probe]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Probe(case.probe)) for name, case in cases.items()}


@pytest.fixture(scope="module")
def observed() -> dict[str, tuple[AirflowRun, Observation]]:
    with probes(CASES) as servers:
        made = {name: compiled(n, case, servers[name]) for n, (name, case) in enumerate(CASES.items())}
        runs = zip(made, run_in_airflow(list(made.values()), time_limit=1800), strict=True)
        return {
            name: (run, Observation(run.verdict, (), servers[name].requests, sequential=True)) for name, run in runs
        }


@pytest.mark.timeout(2000)
@pytest.mark.parametrize("name", CASES)
def test_case(name: str, observed: dict[str, tuple[AirflowRun, Observation]]) -> None:
    run, observation = observed[name]
    assert run.problem is None
    assert unmet(CASES[name], observation) == []
    assert run.state == (
        "success" if observation.summary and observation.summary["status"] == "completed" else "failed"
    )
