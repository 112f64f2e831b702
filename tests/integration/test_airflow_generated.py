"""Generated playbooks mean on real Airflow what they mean on the engine: same runs, results, status (CAU-5)."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.adapters.airflow import AirflowCase, run_in_airflow
from noetl.conformance.judge import differences
from noetl.conformance.strategies import ANSWERED, Playbook, playbooks
from noetl.errors import UnsupportedByTarget
from noetl.runtime.commands import Invoke, Reply
from noetl.runtime.embedded import silent
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.replay import VARIABLE
from noetl.runtime.scope import ExecutionInfo
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source

TIME = "2026-01-01T00:00:00.000000+00:00"
ID = "01020304-0506-4708-890a-0b0c0d0e0f10"
CASES = int(os.environ.get("NOETL_AIRFLOW_CASES", "25"))


def drawn(count: int, start: int) -> list[Playbook]:
    """Playbooks drawn without shrinking, always the same ones."""
    found: list[Playbook] = []

    @seed(start)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(playbooks())
    def collect(playbook: Playbook) -> None:
        found.append(playbook)

    collect()
    return found


def expected(playbook: Playbook) -> tuple[dict[str, Json], dict[str, Json]]:
    """The engine's summary, and every outcome that it was given by place."""
    workflow = compile_source(playbook.text, "drawn.yaml").workflow
    assert workflow is not None
    execution = Execution(workflow, ExecutionInfo(ID, {}), silent)
    outcomes: dict[str, Json] = {}
    waiting: list[Issued] = execution.start({}, TIME)
    while waiting:
        issued = waiting.pop()
        outcome = None
        if isinstance(issued.command, Invoke):
            where = str(issued.command.request.place)
            outcome = playbook.script.outcome(where)
            outcomes[where] = asdict(outcome)
        waiting += execution.apply(issued.number, Reply(TIME, outcome))
    return execution.summary(), outcomes


def test_generated_playbooks_agree(tmp_path: Path) -> None:
    summaries: list[tuple[Playbook, dict[str, Json]]] = []
    cases: list[AirflowCase] = []
    reasons: set[str] = set()
    for number, playbook in enumerate(drawn(CASES, int(os.environ.get("NOETL_AIRFLOW_SEED", "1")))):
        compilation = compile_source(playbook.text.replace('"drawn"', f'"drawn_{number}"'), "drawn.yaml")
        assert compilation.workflow is not None
        try:
            compiled = TARGET.compile(Source("drawn.yaml", compilation.text, compilation.workflow))
        except UnsupportedByTarget as refused:
            reasons |= {d.name for d in refused.diagnostics}
            continue
        summary, outcomes = expected(playbook)
        kept = tmp_path / f"{number}.json"
        kept.write_text(json.dumps({"kinds": list(ANSWERED), "outcomes": outcomes}), encoding="utf-8")
        cases.append(AirflowCase(compiled.identity, compiled.content, {}, {VARIABLE: str(kept)}))
        summaries.append((playbook, summary))
    assert reasons <= {"too-many-copies"}
    assert len(cases) > CASES // 2
    for (playbook, summary), run in zip(summaries, run_in_airflow(cases, time_limit=900), strict=True):
        assert run.problem is None, f"{run.problem}\n{playbook.text}"
        assert run.verdict is not None
        assert not (found := differences(summary, run.verdict)), f"{found}\n{run.tasks}\n{playbook.text}"
        assert run.state == ("success" if summary["status"] == "completed" else "failed")
