"""Writes a DAG file: the playbook's text, a line per task, a line per edge. The same playbook gives the same bytes."""

from __future__ import annotations

import hashlib
import os
from typing import Final

import noetl
from noetl.compiler import ir
from noetl.targets.base import Source

from .layout import Layout, StepTask, label
from .literals import json_literal, quoted, text_literal
from .params import form_params

TAG: Final = "noetl"
MAX_TAG: Final = 100
"""Most characters of a tag that Airflow takes."""

_HEAD: Final = '''"""{title}

Made from {file} by noetl {version}. Change the playbook and compile it again instead of this file.

A step of the playbook is one task, or one per token that can reach it. `a.to(b, "rule0.1")` is the second entry in the
`next` of the first rule of step a, "next.0" the first one of the step's own. A branch step follows the edges that its
run takes, each a task of its own; a plain step takes all of them. The verdict decides the state of the DAG run.
"""

from airflow.sdk import DAG, TriggerRule
from noetl.targets.airflow.operators import BranchStep, PlainStep, Playbook, Verdict

PLAYBOOK = {playbook}

# Task -> step, first and last line in the playbook.
SOURCE_MAP = {source_map}

# Runs once every edge that leads to the task is decided, at least one was taken and no run above it has failed.
JOIN = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS

playbook = Playbook(
    PLAYBOOK,
    SOURCE_MAP,
    description={description},
    digest="{digest}",
    made_by="{version}",
)

with DAG(
    dag_id={dag_id},
    description=playbook.description,
    doc_md=playbook.doc,
    schedule=None,
    catchup=False,
    tags={tags},
    default_args={{"retries": 0}},
) as dag:
'''
_TAIL: Final = """
    # It waits for everything, but never directly below a branch step, which would skip it.
    verdict = Verdict(task_id="verdict", trigger_rule=TriggerRule.ALL_DONE)
    [task for task in dag.tasks if not isinstance(task, BranchStep | Verdict)] >> verdict
    dag.add_result(verdict.output)
"""
_PARAMS: Final = """
    # What the form shows. Set last, as Airflow copies the params of a DAG into every task that comes after them.
    dag.params.update({params})
"""


def emit(source: Source, layout: Layout) -> str:
    """The text of the DAG file."""
    workflow = source.workflow
    head = _HEAD.format(
        title=_title(workflow),
        file=_one_line(os.path.basename(source.path)),
        version=noetl.__version__,
        playbook=text_literal(source.text),
        source_map=_source_map(layout),
        digest=digest(source.text),
        dag_id=quoted(layout.dag_id),
        description=quoted(workflow.description or f"NoETL playbook {workflow.name}"),
        tags=json_literal(_tags(workflow), 4),
    )
    steps = [_step(task) for task in layout.steps]
    edges = [
        f"    {one.variable}.to({other.variable}, {quoted(label(arrow))})" for one, arrow, other in layout.arrows()
    ]
    params = form_params(workflow.workload)
    tail = _TAIL + (_PARAMS.format(params=json_literal(params, 4)) if params else "")
    return head + "\n".join([*steps, *([""] if edges else []), *edges, ""]) + tail


def digest(text: str) -> str:
    """What the emitted file's copy of the playbook is checked against when Airflow parses it."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _title(workflow: ir.Workflow) -> str:
    return f"Playbook {_one_line(workflow.name)} as an Airflow DAG."


def _one_line(text: str) -> str:
    """A name as it may stand inside the module's docstring."""
    return quoted(text)[1:-1]


def _source_map(layout: Layout) -> str:
    lines = [
        f"    {quoted(id_)}: ({quoted(step)}, {first}, {last}),"
        for id_, (step, first, last) in layout.source_map().items()
    ]
    return "\n".join(["{", *lines, "}"])


def _step(task: StepTask) -> str:
    kind = "BranchStep" if task.unit.chooses else "PlainStep"
    rule = ", trigger_rule=JOIN" if task.joins else ""
    return f"    {task.variable} = {kind}(task_id={quoted(task.task_id)}, playbook=playbook{rule})"


def _tags(workflow: ir.Workflow) -> list[ir.Json]:
    """Sorted, without repetition; Airflow refuses a DAG with a longer tag, so it is cut."""
    return [TAG, *sorted({tag[:MAX_TAG] for tag in workflow.tags} - {TAG, ""})]
