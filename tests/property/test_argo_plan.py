"""Emitted manifests on the model of Argo's controller give the outcome of the engine, whatever the playbook.

The model is held against recordings of the real controller in `tests/argo`.
"""

from __future__ import annotations

from hypothesis import event, given, settings
from hypothesis import strategies as st

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.conformance.judge import differences
from noetl.conformance.strategies import Playbook, playbooks
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.events import silent
from noetl.runtime.library import TextLibrary
from noetl.targets.argo.emit import emit
from noetl.targets.argo.layout import lay_out
from noetl.targets.argo.verify import Written
from noetl.targets.argo.verify import verify as verify_text
from noetl.targets.base import Source
from noetl.targets.plan import plan
from noetl.targets.verify import verify

from .argo_pods import INFO, played
from .driving import TIME, Tools, driven, with_children


def agree(playbook: Playbook, max_copies: int) -> None:
    workflow = load(playbook.text, "drawn.yaml")
    made = plan(workflow, max_copies)
    verify(made, workflow)
    layout = lay_out(workflow, made)
    emitted = emit(Source("drawn.yaml", playbook.text, workflow, playbook.library, all_playbooks=True), layout)
    names = {task.copy.id: task.name for task in layout.tasks}
    verify_text(Written(emitted.template, names, emitted.tables), made, workflow)

    def run(execution: Execution, waiting: list[Issued]) -> Execution:
        return driven(execution, waiting, with_children(Tools(playbook.script), TextLibrary(playbook.library)))

    assert differences(on_the_engine(workflow, run), played(emitted, workflow, run)) == []
    for unit in made.units:
        event(f"unit {unit.kind}{', many' if unit.many else ''}{', gathers' if unit.gathers else ''}")


def on_the_engine(workflow: ir.Workflow, run: object) -> dict[str, Json]:
    execution = Execution(workflow, INFO, silent)
    assert callable(run)
    done = run(execution, execution.start({}, TIME))
    assert isinstance(done, Execution)
    return done.summary()


@given(playbooks(loops=True, cycles=True, children=True), st.sampled_from((16, 16, 1)))
@settings(deadline=None)
def test_manifests_give_the_outcome_of_the_engine(playbook: Playbook, max_copies: int) -> None:
    agree(playbook, max_copies)
