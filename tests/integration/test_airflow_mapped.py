"""Loops whose iterations are tasks of Airflow come to what they come to in one task, and under `noetl run`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from noetl.compiler.frontend import compile_source, load
from noetl.compiler.ir import Json
from noetl.conformance.adapters import airflow_cases
from noetl.conformance.adapters.airflow import AirflowCase, AirflowRun, run_in_airflow
from noetl.conformance.adapters.airflow_cases import Airflow
from noetl.conformance.adapters.base import Broken, Observed
from noetl.conformance.case import Case
from noetl.conformance.conform import CASES as FOLDER
from noetl.conformance.judge import differences
from noetl.conformance.observation import unmet
from noetl.conformance.suite import chosen
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.embedded import execute
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import RandomIds, SystemClock
from noetl.runtime.tools import ToolBox
from noetl.targets.airflow import TARGET
from noetl.targets.base import Compiled, Options, Source
from noetl.targets.mapping import why_not

HEAD: Final = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {{name: {name}}}
workload: {{items: [1, 2, 3, 4, 5], none: []}}
workflow:
"""
TWO_FAILS: Final = "\"def main(i):\\n    if i == 2: raise LookupError('two')\\n    return i\""
SHAPES: Final = {
    "results_and_large_values": """\
  - step: start
    next: [each]
  - step: each
    loop: {in: "{{ workload.items }}", iterator: i, mode: parallel}
    tool: {kind: python, code: "def main(i): return {'i': i, 'big': 'x' * 40000}"}
    vars: {kept: "{{ result.stats }}"}
    next: [end]
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "[each.results[2].i, ctx.kept, each.results[0].big | length]"}}
""",
    "start_that_chooses": f"""\
  - step: start
    loop: {{in: "{{{{ workload.items }}}}", iterator: i, mode: parallel, max_in_flight: 2}}
    tool: {{kind: python, code: {TWO_FAILS}}}
    case:
      - when: "{{{{ event.name == 'step.enter' }}}}"
        then: {{set: {{at: entered}}, sink: {{tool: {{kind: event_log}}, data: [1]}}}}
      - when: "{{{{ event.name == 'call.error' }}}}"
        then: {{result: {{from: "{{'bad': i}}"}}, collect: {{from: i, into: bad}}}}
      - when: "{{{{ event.name == 'loop.done' and response.stats.success == 5 }}}}"
        then: {{next: [{{step: a, args: {{n: "{{{{ response.results }}}}"}}}}]}}
      - when: "{{{{ event.name == 'loop.done' }}}}"
        then: {{next: [{{step: b}}]}}
  - step: a
    next: [end]
  - step: b
    next: [end]
  - step: end
    case:
      - when: "{{{{ event.name == 'step.exit' }}}}"
        then: {{result: {{from: "[ctx.bad, ctx.at]"}}}}
""",
    "failure_that_poisons": f"""\
  - step: start
    next: [each, other]
  - step: other
    next: [end]
  - step: each
    loop: {{in: "{{{{ workload.items }}}}", iterator: i, mode: parallel}}
    tool: {{kind: python, code: {TWO_FAILS}}}
    next: [end]
  - step: end
""",
    "empty_list_and_dead_path": """\
  - step: start
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {next: [{step: empty}]}
      - when: "{{ event.name == 'step.exit' and workload.items }}"
        then: {next: [{step: dead}]}
  - step: empty
    loop: {in: "{{ workload.none }}", iterator: i, mode: parallel}
    tool: {kind: python, code: "def main(i): return i"}
    next: [end]
  - step: dead
    loop: {in: "{{ workload.items }}", iterator: i, mode: parallel}
    tool: {kind: python, code: "def main(i): return i"}
    next: [end]
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "empty"}}
""",
    "no_list": """\
  - step: start
    loop: {in: "{{ 3 }}", iterator: i, mode: parallel}
    tool: {kind: python, code: "def main(i): return i"}
    next: [end]
  - step: end
""",
}
STATES: Final = {
    "empty_list_and_dead_path": {"empty": "success", "empty.items": "skipped", "dead": "skipped"},
    "failure_that_poisons": {"each.items": "success", "each": "failed", "end": "upstream_failed"},
    "no_list": {"start.enter": "success", "start": "failed"},
}
LOST: Final = """

def lost(context, chunk):
    raise MemoryError("the worker is gone")


each.iterate = lost
"""
FEW: Final = {"AIRFLOW__CORE__MAX_MAP_LENGTH": "2"}
"""Where there are five iterations, a task has more than one."""


def compiled(name: str) -> Compiled:
    found = compile_source(HEAD.format(name=name) + SHAPES[name], f"{name}.yaml")
    assert found.workflow is not None
    assert found.ok, found.diagnostics
    return TARGET.compile(Source(found.path, found.text, found.workflow), Options(maps=("*",)))


def reference(name: str) -> dict[str, Json]:
    workflow = load(HEAD.format(name=name) + SHAPES[name], f"{name}.yaml")

    async def run() -> dict[str, Json]:
        toolbox = ToolBox(MappedCredentials({}))
        try:
            info = ExecutionInfo(RandomIds().execution_id(), {})
            return (await execute(workflow, {}, info, toolbox, SystemClock())).summary()
        finally:
            await toolbox.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def runs() -> dict[str, AirflowRun]:
    made = {name: compiled(name) for name in SHAPES}
    batch = {name: AirflowCase(one.identity, one.content) for name, one in made.items()}
    few, lost = made["results_and_large_values"], made["failure_that_poisons"]
    batch["in parts"] = AirflowCase(few.identity, few.content, env=FEW)
    batch["lost"] = AirflowCase(lost.identity, lost.content + LOST)
    return dict(zip(batch, run_in_airflow([*batch.values()], time_limit=250), strict=True))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SHAPES)
def test_the_outcome_is_that_of_the_runtime(runs: dict[str, AirflowRun], name: str) -> None:
    run = runs[name]
    assert run.verdict is not None, run.problem
    assert differences(reference(name), run.verdict) == []
    expected = STATES.get(name, {})
    assert {task: run.tasks.get(task) for task in expected} == expected


def test_more_iterations_than_airflow_has_tasks_for_share_some(runs: dict[str, AirflowRun]) -> None:
    run = runs["in parts"]
    assert run.verdict is not None, run.problem
    assert differences(reference("results_and_large_values"), run.verdict) == []


def test_a_lost_iteration_is_a_lost_step(runs: dict[str, AirflowRun]) -> None:
    run = runs["lost"]
    assert run.verdict is not None, run.problem
    assert (run.state, run.tasks["each"]) == ("failed", "upstream_failed")
    assert run.verdict["error"] == {
        "step": "each",
        "type": "TaskCrashed",
        "message": "task each ended without an outcome",
    }


SIDE_BY_SIDE: Final = ("LOP-2-parallel-overlaps", "LOP-8-two-in-flight")
"""They ask for iterations under way at the same time; tasks are run one by one here."""
EVERY: Final = int(os.environ.get("NOETL_AIRFLOW_EVERY", "4"))
"""Only every n-th case is run."""


@dataclass(frozen=True)
class AllMapped:
    """The target, asked to map all that can be."""

    name: str = TARGET.name

    def compile(self, source: Source, options: Options | None = None) -> Compiled:
        assert options is None
        return TARGET.compile(source, Options(maps=("*",)))


def asked() -> dict[str, Case]:
    """The cases that have a loop which can be mapped."""
    found: dict[str, Case] = {}
    for _, case in chosen(FOLDER):
        if case.id in SIDE_BY_SIDE or case.expect.refused is not None or not case.asked_of("airflow", "inproc"):
            continue
        workflow = compile_source(case.text(), "case.yaml", check=False).workflow
        if workflow is not None and any(why_not(step) is None for step in workflow.steps):
            found[case.id] = case
    return {name: case for n, (name, case) in enumerate(sorted(found.items())) if n % EVERY == 0}


CASES: Final = asked()


@pytest.fixture(scope="module")
def observed() -> Iterator[dict[str, Observed]]:
    with pytest.MonkeyPatch.context() as patch, Airflow() as airflow:
        patch.setattr(airflow_cases, "TARGET", AllMapped())
        yield dict(zip(CASES, airflow.observe([*CASES.values()]), strict=True))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CASES)
def test_a_case_holds_with_every_loop_mapped(name: str, observed: dict[str, Observed]) -> None:
    seen = observed[name]
    assert not isinstance(seen, Broken), seen
    assert unmet(CASES[name], seen) == []
