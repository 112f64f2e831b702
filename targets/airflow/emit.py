"""Writes a DAG file: the playbook's text, a line per task, a line per edge. The same playbook gives the same bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import noetl
from noetl.compiler import ir
from noetl.targets.base import Source

from .capabilities import RESULTS, RESUMING, TIMETABLES, VERSIONS
from .flow import written
from .layout import Layout, StepTask, lines
from .literals import WIDTH, json_literal, quoted, text_literal
from .params import form_params
from .playbook import fingerprint
from .settings import (
    dag_arguments,
    default_arguments,
    imports,
    long_wait,
    playbook_arguments,
    region_retries,
    task_arguments,
)

if TYPE_CHECKING:
    from noetl.targets.profile import Settings

TAG: Final = "noetl"
MAX_TAG: Final = 100
"""Most characters of a tag that Airflow takes."""

_HEAD: Final = '''"""{title}

Made from {file} by noetl {version}. Change the playbook and compile it again instead of this file.

A step of the playbook is one task, or one per token that can reach it. FLOW has the edges: "rule0.1" is the second
entry in the `next` of the first rule of a step, "next.0" the first one of the step's own. A branch step follows the
edges that its run takes, each a task of its own; a plain step takes all of them. The verdict decides the state of the
DAG run.
{about}"""

{imports}from airflow.sdk import {sdk}
{mapped}from noetl.targets.airflow.operators import {operators}

PLAYBOOK = {playbook}
{playbooks}
# Each task with its lines in the playbook. Below it the edges that leave it, with their lines and where they lead.
FLOW = {flow}

# Runs once every edge that leads to the task is decided, at least one was taken and no run above it has failed.
JOIN = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
{rules}
playbook = Playbook(
    PLAYBOOK,
    FLOW,
    file={literal_file},
{arguments}    description={description},
    digest="{digest}",
    made_by="{version}",
)

with DAG(
    dag_id={dag_id},
    description=playbook.description,
    doc_md=playbook.doc,
{dag}    tags={tags},
    default_args={default_args},
) as dag:
'''
_REGIONS: Final = """
A region is one task that runs several steps, or one of them any number of times. `b.ask(a)`: region a may have left
tokens and failed nevertheless, so what joins tokens below it looks there first.
"""
_RESUMES: Final = """
# A region is tried again if its worker was killed, and goes on where it was. Runs that failed are not run again.
RESUMES = 2
"""
_GATHER: Final = """
# Runs once every edge that leads to the region is decided: a failed run above it poisons only what joins tokens there.
GATHER = TriggerRule.ALL_DONE
"""
_PLAYBOOKS: Final = """
# The playbooks that steps run, by file.
PLAYBOOKS = {playbooks}
"""
_TAIL: Final = """
    # It waits for everything, but never directly below a branch step, which would skip it.
    verdict = Verdict(task_id="verdict", trigger_rule=TriggerRule.ALL_DONE)
    [task for task in dag.tasks if not isinstance(task, BranchStep | Verdict)] >> verdict
"""
_RESULT: Final = "    dag.add_result(verdict.output)\n"
_TIMETABLE: Final = "\nfrom airflow.timetables.interval import CronDataIntervalTimetable"
_PARAMS: Final = """
    # What the form shows. Set last, as Airflow copies the params of a DAG into every task that comes after them.
    dag.params.update({params})
"""


def emit(source: Source, layout: Layout, settings: Settings | None = None, version: str = VERSIONS[-1]) -> str:
    """The text of the DAG file for a version of Airflow; `settings` are what a profile says about the playbook."""
    workflow = source.workflow
    regions = [task for task in layout.steps if task.unit.kind == "region"]
    mapped = sorted({_operator(task) for task in layout.steps if task.unit.kind == "map"})
    operators = {_operator(task) for task in layout.steps}.difference(mapped)
    playbooks = _PLAYBOOKS.format(playbooks=_texts(source)) if source.playbooks else ""
    resumes = version in RESUMING
    steps = [_step(task, settings, resumes=resumes) for task in layout.steps]
    dag, default_args = dag_arguments(settings), default_arguments(settings)
    scheduled = settings is not None and settings.schedule is not None
    timetable = ["CronDataIntervalTimetable"] if scheduled and version in TIMETABLES else []
    head = _HEAD.format(
        imports=imports(settings, [dag, default_args, *steps]),
        sdk=", ".join(["DAG", *timetable, "TriggerRule"]) + (_TIMETABLE if scheduled and not timetable else ""),
        title=_title(workflow),
        file=_one_line(os.path.basename(source.path)),
        literal_file=quoted(os.path.basename(source.path)),
        version=noetl.__version__,
        about=_REGIONS if regions else "",
        mapped=f"from noetl.targets.airflow.mapped import {', '.join(mapped)}\n" if mapped else "",
        operators=", ".join(sorted({"BranchStep", "Playbook", "Verdict", "connect", *operators})),
        playbook=text_literal(source.text),
        playbooks=playbooks,
        flow=text_literal(written(layout)),
        rules=(_GATHER if any(task.unit.gathers for task in regions) else "")
        + (_RESUMES if regions and resumes else ""),
        arguments=("    playbooks=PLAYBOOKS,\n" if source.playbooks else "") + playbook_arguments(settings),
        digest=fingerprint(source.text, source.playbooks),
        dag_id=quoted(layout.dag_id),
        description=quoted(workflow.description or f"NoETL playbook {workflow.name}"),
        dag=dag,
        tags=json_literal(_tags(workflow, settings), 4),
        default_args=default_args,
    )
    asks = [
        f"    {task.variable}.ask({', '.join(other.variable for other in task.asks)})"
        for task in layout.steps
        if task.asks
    ]
    params = form_params(workflow.workload)
    tail = (
        _TAIL
        + (_RESULT if version in RESULTS else "")
        + (_PARAMS.format(params=json_literal(params, 4)) if params else "")
    )
    return head + "\n".join([*steps, "", "    connect(dag, playbook)", *asks, ""]) + tail


def _title(workflow: ir.Workflow) -> str:
    return f"Playbook {_one_line(workflow.name)} as an Airflow DAG."


def _one_line(text: str) -> str:
    """A name as it may stand inside the module's docstring."""
    return quoted(text)[1:-1]


def _texts(source: Source) -> str:
    """Each text once: a playbook that runs itself is PLAYBOOK here, too."""
    lines = [
        f"    {quoted(name)}: {'PLAYBOOK' if text == source.text else text_literal(text)},"
        for name, text in source.playbooks.items()
    ]
    return "\n".join(["{", *lines, "}"])


def _operator(task: StepTask) -> str:
    """The class of a task."""
    way = "Branch" if task.unit.chooses else "Plain"
    return {"region": f"{way}Region", "map": f"Mapped{way}Step"}.get(task.unit.kind, f"{way}Step")


def _step(task: StepTask, settings: Settings | None, *, resumes: bool) -> str:
    rule = [f"trigger_rule={'GATHER' if task.unit.gathers else 'JOIN'}"] if task.joins else []
    said = task_arguments(task, settings) if settings is not None else []
    loop = task.unit.step.loop
    if task.unit.kind == "map":
        most = loop.max_in_flight if loop is not None else None
        said = [f"max_in_flight={most.value}", *said] if isinstance(most, ir.Const) else said
    elif resumes and (long := long_wait(task, settings)) is not None:
        said = [f"long_wait={long:g}", *said]
    arguments = [f"task_id={quoted(task.task_id)}", "playbook=playbook", *rule, *said]
    head = f"    {task.variable} = {_operator(task)}("
    if task.unit.kind != "region":
        line = f"{head}{', '.join(arguments)})"
        return (
            line
            if len(line) <= WIDTH or not said
            else "\n".join([head, *(f"        {a}," for a in arguments), "    )"])
        )
    steps = [f"    {quoted(step.name)}: {lines(step)}," for step in task.unit.steps]
    retries = ["retries=RESUMES"] if resumes and not region_retries(settings, task) else []
    told = [*(f"{argument}," for argument in [*arguments, *retries]), "steps={", *steps, "},"]
    return "\n".join([head, *(f"        {line}" for line in told), "    )"])


def _tags(workflow: ir.Workflow, settings: Settings | None) -> list[ir.Json]:
    """Sorted, without repetition; Airflow refuses a DAG with a longer tag, so it is cut."""
    tags = [*workflow.tags, *(settings.tags if settings is not None else ())]
    return [TAG, *sorted({tag[:MAX_TAG] for tag in tags} - {TAG, ""})]
