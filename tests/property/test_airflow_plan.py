"""Plans on a model of Airflow's scheduler give the outcome of the engine, whatever the playbook and its outcomes.

The model is held against real Airflow, outcome by outcome, in `tests/integration`.
"""

from __future__ import annotations

from hypothesis import event, given, settings

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.conformance.judge import differences
from noetl.conformance.strategies import Playbook, playbooks
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.events import silent
from noetl.runtime.library import TextLibrary
from noetl.runtime.packet import Token
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.starting import first_token
from noetl.targets.airflow.layout import StepTask, lay_out
from noetl.targets.airflow.values import LIMIT
from noetl.targets.plan import plan
from noetl.targets.verify import verify

from .airflow_model import Model
from .driving import TIME, Tools, driven, with_children

INFO = ExecutionInfo("drawn", {})


def run(playbook: Playbook, execution: Execution, waiting: list[Issued]) -> Execution:
    return driven(execution, waiting, with_children(Tools(playbook.script), TextLibrary(playbook.library)))


def on_the_engine(playbook: Playbook, workflow: ir.Workflow) -> dict[str, Json]:
    execution = Execution(workflow, INFO, silent)
    return run(playbook, execution, execution.start({}, TIME)).summary()


def agree(playbook: Playbook, max_copies: int, limit: int = LIMIT) -> None:
    workflow = load(playbook.text, "drawn.yaml")
    made = plan(workflow, max_copies)
    verify(made, workflow)
    start = first_token(workflow, {}, INFO, TIME)

    def run_steps(task: StepTask, tokens: list[Token], failed: set[str]) -> Execution:
        unit = task.unit
        assert len(tokens) <= 1 or unit.many or unit.step.join == "all", f"{len(tokens)} tokens for {task.task_id}"
        execution = Execution(workflow, INFO, silent, part=frozenset(step.name for step in unit.steps))
        given = [start] if not task.copy.arriving else tokens
        return run(playbook, execution, execution.start_part(given, sorted(failed), TIME))

    model = Model(lay_out(workflow, made), run_steps, limit=limit)
    outcome = model.run()
    assert differences(on_the_engine(playbook, workflow), outcome) == []
    for state in set(model.states.values()):
        event(f"a task is {state}")
    event(f"values by reference: {bool(model.values)}")
    for unit in made.units:
        event(f"unit {unit.kind}{', many' if unit.many else ''}{', gathers' if unit.gathers else ''}")


@given(playbooks())
@settings(deadline=None)
def test_a_plan_gives_the_outcome_of_the_engine(playbook: Playbook) -> None:
    agree(playbook, 16)


@given(playbooks(loops=True, cycles=True, children=True))
@settings(deadline=None)
def test_a_plan_with_regions_gives_the_outcome_of_the_engine(playbook: Playbook) -> None:
    agree(playbook, 16)


@given(playbooks(loops=True, cycles=True, children=True))
@settings(deadline=None)
def test_values_by_reference_change_nothing(playbook: Playbook) -> None:
    agree(playbook, 16, limit=30)


@given(playbooks(loops=True, cycles=True))
@settings(deadline=None)
def test_a_plan_with_few_copies_gives_the_outcome_of_the_engine(playbook: Playbook) -> None:
    agree(playbook, 1)
