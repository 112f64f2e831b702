"""Parse of an emitted DAG of 500 steps against one written by hand: Airflow parses a file again and again."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source

from .playbook_texts import chain

STEPS = 500
RUNS = 9
BOUND = 1.1
HAND_WRITTEN = """\
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseBranchOperator, BaseOperator, TriggerRule


class Branch(BaseBranchOperator):
    template_fields = ()

    def choose_branch(self, context):
        return []


class Plain(BaseOperator):
    template_fields = ()

    def execute(self, context):
        return None


JOIN = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
with DAG("by_hand", schedule=None, catchup=False, default_args={"retries": 0}) as dag:
"""


def by_hand(workflow: ir.Workflow) -> str:
    """The same tasks and arrows, without anything of a playbook in them."""
    return HAND_WRITTEN + "\n".join(f"    {line}" for line in _lines(workflow)) + "\n"


def _lines(workflow: ir.Workflow) -> Iterator[str]:
    chooses = {step.name: any(edge.rule is not None for edge in step.edges()) for step in workflow.steps}
    for name, branch in chooses.items():
        rule = "" if name == ir.START else ", trigger_rule=JOIN"
        yield f"{name} = {'Branch' if branch else 'Plain'}(task_id='{name}'{rule})"
    last = [name for name, branch in chooses.items() if not branch]
    for step in workflow.steps:
        for n, edge in enumerate(step.edges()):
            if chooses[step.name]:
                between = f"{step.name}_{n}"
                last.append(between)
                yield f"{between} = EmptyOperator(task_id='{between}')"
                yield f"{step.name} >> {between} >> {edge.target}"
            else:
                yield f"{step.name} >> {edge.target}"
    yield "verdict = Plain(task_id='verdict', trigger_rule=TriggerRule.ALL_DONE)"
    yield f"[{', '.join(last)}] >> verdict"


def test_an_emitted_dag_parses_about_as_fast_as_one_by_hand(tmp_path: Path) -> None:
    text = chain(STEPS)
    workflow = load(text, "bench.yaml")
    emitted, written = tmp_path / "emitted.py", tmp_path / "written.py"
    emitted.write_text(TARGET.compile(Source("bench.yaml", text, workflow)).content, "utf-8")
    written.write_text(by_hand(workflow), "utf-8")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    child = Path(__file__).with_name("dag_parse.py")
    command = [sys.executable, str(child), str(RUNS), str(emitted), str(written)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    pairs = json.loads(done.stdout.splitlines()[-1])
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    found = ours / theirs
    print(f"\nparse of {STEPS} steps: {ours * 1000:.1f} ms / {theirs * 1000:.1f} ms = {found:.2f} (at most {BOUND:g})")
    assert found <= BOUND
