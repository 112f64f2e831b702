"""`docs/samples_on_targets.md`: the samples on Airflow and on Argo come to the outcomes of the runtime.

Tools answer by scripts, the same ones everywhere; some fail. Airflow and Argo are the models of their engines, which
others hold against the real ones. `--update-golden` writes the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.judge import differences
from noetl.conformance.scripts import Script
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.events import silent
from noetl.runtime.packet import Token
from noetl.runtime.starting import first_token
from noetl.targets.airflow.layout import StepTask
from noetl.targets.airflow.layout import lay_out as on_airflow
from noetl.targets.argo.emit import emit
from noetl.targets.argo.layout import lay_out as on_argo
from noetl.targets.base import Source
from noetl.targets.plan import Plan, plan

from ..property.airflow_model import Model
from ..property.argo_pods import INFO, played
from ..property.driving import TIME, Tools, driven
from .test_lint import FOLDER, KEPT

PAGE: Final = Path(__file__).parents[2] / "docs" / "samples_on_targets.md"
SCRIPTS: Final = (*(Script(seed, 0) for seed in range(3)), Script(3, 1), Script(4, 3), Script(5, 8))
MOST: Final = 2000
"""Commands of one execution after which a script is none for a sample: a cycle that its answers never leave."""
HEAD: Final = """\
# The samples on all targets

Each sample playbook was run three times with the same answers of its tools: by the runtime, as a DAG on a model of
Airflow's scheduler, and as manifests on a model of Argo's controller. Some answers are errors. `agree` says that the
outcomes are the same: status, output, error, and every run with its key, args, result and calls. `make corpus` checks
this page, `make corpus ARGS=--update-golden` writes it.

| playbook | tasks on Airflow | tasks on Argo | of them without a pod | outcomes compared | completed | |
|---|---|---|---|---|---|---|
"""


def rows() -> Iterator[str]:
    """A row for each sample without errors, by name."""
    for name in sorted(path.stem for path in KEPT.glob("*.json")):
        found = compile_source((FOLDER / f"{name}.yaml").read_bytes(), f"{name}.yaml")
        if found.workflow is not None and found.ok:
            yield f"| {name} | {' | '.join(map(str, _compared(found.workflow, found.text)))} |"


def _compared(workflow: ir.Workflow, text: str) -> tuple[int | str, ...]:
    made = plan(workflow)
    layout = on_argo(workflow, made)
    pods = sum(task.pod for task in layout.tasks)
    completed, compared, odd = 0, 0, 0
    for script in SCRIPTS:
        wanted = _on_the_engine(workflow, script)
        compared += 1
        completed += wanted["status"] == "completed"
        odd += bool(differences(wanted, _on_airflow(workflow, made, script)))
        emitted = emit(Source("sample.yaml", text, workflow), layout)

        def run(execution: Execution, waiting: list[Issued], script: Script = script) -> Execution:
            return _driven(execution, waiting, script)

        odd += bool(differences(wanted, played(emitted, workflow, run)))
    airflow = len(on_airflow(workflow, made).steps)
    agree = "agree" if not odd else f"{odd} differ"
    return airflow, len(layout.tasks), len(layout.tasks) - pods, compared, completed, agree


def _driven(execution: Execution, waiting: list[Issued], script: Script) -> Execution:
    return driven(execution, waiting, Tools(script).answer, most=MOST)


def _on_the_engine(workflow: ir.Workflow, script: Script) -> dict[str, Json]:
    execution = Execution(workflow, INFO, silent)
    return _driven(execution, execution.start({}, TIME), script).summary()


def _on_airflow(workflow: ir.Workflow, made: Plan, script: Script) -> dict[str, Json]:
    start = first_token(workflow, {}, INFO, TIME)

    def run_steps(task: StepTask, tokens: list[Token], failed: set[str]) -> Execution:
        execution = Execution(workflow, INFO, silent, part=frozenset(step.name for step in task.unit.steps))
        given = [start] if not task.copy.arriving else tokens
        return _driven(execution, execution.start_part(given, sorted(failed), TIME), script)

    return Model(on_airflow(workflow, made), run_steps).run()


def test_the_page_tells_that_all_targets_agree(update_golden: bool) -> None:
    page = HEAD + "".join(f"{line}\n" for line in rows())
    if update_golden:
        PAGE.write_text(page, "utf-8")
    assert page == PAGE.read_text("utf-8")
    assert "differ" not in page.partition("|---")[2]
