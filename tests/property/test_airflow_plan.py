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
from noetl.runtime.commands import Command, Invoke, Reply
from noetl.runtime.embedded import silent
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.packet import Token
from noetl.runtime.run import Run, RunEnd
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.starting import first_token
from noetl.targets.airflow.layout import lay_out
from noetl.targets.plan import TooManyCopies, plan
from noetl.targets.verify import verify

from .airflow_model import Model

TIME = "2026-01-01T00:00:00.000000+00:00"
INFO = ExecutionInfo("drawn", {})


def reply(playbook: Playbook, command: Command) -> Reply:
    outcome = playbook.script.outcome(str(command.request.place)) if isinstance(command, Invoke) else None
    return Reply(TIME, outcome)


def on_the_engine(playbook: Playbook, workflow: ir.Workflow) -> dict[str, Json]:
    execution = Execution(workflow, INFO, silent)
    waiting: list[Issued] = execution.start({}, TIME)
    while waiting:
        issued = waiting.pop()
        waiting += execution.apply(issued.number, reply(playbook, issued.command))
    return execution.summary()


def one_run(playbook: Playbook, workflow: ir.Workflow, step: str, tokens: list[Token]) -> RunEnd:
    process = Run(workflow, workflow.step(step), tokens, INFO, silent).perform(TIME)
    try:
        waiting = list(next(process))
        while True:
            lane, command = waiting.pop()
            waiting += process.send((lane, reply(playbook, command)))
    except StopIteration as stop:
        end = stop.value
        assert isinstance(end, RunEnd)
        return end


@given(playbooks())
@settings(deadline=None)
def test_a_plan_gives_the_outcome_of_the_engine(playbook: Playbook) -> None:
    workflow = load(playbook.text, "drawn.yaml")
    try:
        made = plan(workflow)
    except TooManyCopies:
        event("past the cap of copies")
        return
    verify(made, workflow)
    start = first_token(workflow, {}, INFO, TIME)

    def run_step(step: str, tokens: list[Token]) -> RunEnd:
        assert len(tokens) <= 1 or workflow.step(step).join == "all", f"{len(tokens)} tokens for one run of {step}"
        return one_run(playbook, workflow, step, tokens or [start])

    model = Model(lay_out(workflow, made), run_step)
    outcome = model.run()
    assert differences(on_the_engine(playbook, workflow), outcome) == []
    for state in set(model.states.values()):
        event(f"a task is {state}")
    if any(unit.kind == "copies" for unit in made.units):
        event("copies")
