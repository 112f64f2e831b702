"""Generated playbooks mean on real Airflow what they mean on the engine: same runs, results, status (CAU-5)."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.adapters.airflow import AirflowCase, run_in_airflow
from noetl.conformance.adapters.runtime import VirtualClock
from noetl.conformance.judge import differences
from noetl.conformance.strategies import ANSWERED, Playbook, playbooks
from noetl.runtime.commands import Invoke, Reply
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.events import silent
from noetl.runtime.library import TextLibrary
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.replay import VARIABLE
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.tools.playbook import Playbooks
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source

TIME = "2026-01-01T00:00:00.000000+00:00"
ID = "01020304-0506-4708-890a-0b0c0d0e0f10"
CASES = int(os.environ.get("NOETL_AIRFLOW_CASES", "25"))


def drawn(count: int, start: int) -> list[Playbook]:
    """Playbooks drawn without shrinking, always the same ones: half of them of the whole language."""
    found: list[Playbook] = []

    @seed(start)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(playbooks(), playbooks(loops=True, cycles=True, children=True)))
    def collect(playbook: Playbook) -> None:
        found.append(playbook)

    collect()
    return found


def expected(playbook: Playbook) -> tuple[dict[str, Json], dict[str, Json]]:
    """The engine's summary, and every outcome that it was given by place."""
    workflow = compile_source(playbook.text, "drawn.yaml").workflow
    assert workflow is not None
    outcomes: dict[str, Json] = {}
    info = ExecutionInfo(ID, {})
    tools, library = Scripted(playbook, outcomes), TextLibrary(playbook.library)
    runner = Playbooks(lambda _: tools, library, VirtualClock(), folder=Path(), env={})
    execution = Execution(workflow, info, silent)
    waiting: list[Issued] = execution.start({}, TIME)
    while waiting:
        issued = waiting.pop()
        outcome = None
        if isinstance(issued.command, Invoke):
            outcome = asyncio.run(runner.call(issued.command.request))
        waiting += execution.apply(issued.number, Reply(TIME, outcome))
    return execution.summary(), outcomes


class Scripted:
    """Tools that answer by script, and keep what they answered by place: in children and main playbook the same."""

    def __init__(self, playbook: Playbook, outcomes: dict[str, Json]) -> None:
        self._script = playbook.script
        self._outcomes = outcomes

    async def call(self, request: ToolCall) -> Outcome:
        where = str(request.place)
        outcome = self._script.outcome(where)
        self._outcomes[where] = asdict(outcome)
        return outcome

    async def close(self) -> None:
        """Nothing is open."""


SMALL = """

def small_values_by_reference():
    from noetl.targets.airflow import operators

    before = operators._values

    def values(context):
        found = before(context)
        if context["ti"].dag_id == dag.dag_id:
            found._limit = 30
        return found

    operators._values = values


small_values_by_reference()
"""


def test_generated_playbooks_agree(tmp_path: Path) -> None:
    summaries: list[tuple[Playbook, dict[str, Json]]] = []
    cases: list[AirflowCase] = []
    for number, playbook in enumerate(drawn(CASES, int(os.environ.get("NOETL_AIRFLOW_SEED", "1")))):
        compilation = compile_source(playbook.text.replace('"drawn"', f'"drawn_{number}"'), "drawn.yaml")
        assert compilation.workflow is not None
        source = Source("drawn.yaml", compilation.text, compilation.workflow, playbook.library)
        compiled = TARGET.compile(source)
        summary, outcomes = expected(playbook)
        kept = tmp_path / f"{number}.json"
        kept.write_text(json.dumps({"kinds": list(ANSWERED), "outcomes": outcomes}), encoding="utf-8")
        content = compiled.content + (SMALL if number % 2 else "")
        cases.append(AirflowCase(compiled.identity, content, {}, {VARIABLE: str(kept)}))
        summaries.append((playbook, summary))
    for (playbook, summary), run in zip(summaries, run_in_airflow(cases, time_limit=900), strict=True):
        assert run.problem is None, f"{run.problem}\n{playbook.text}"
        assert run.verdict is not None
        assert not (found := differences(summary, run.verdict)), f"{found}\n{run.tasks}\n{playbook.text}"
        assert run.state == ("success" if summary["status"] == "completed" else "failed")
