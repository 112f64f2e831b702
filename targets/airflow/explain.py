"""The story of a compilation for people: what became of each step and edge, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator

from noetl.targets.base import Source
from noetl.targets.plan import Arrow

from .layout import Layout, StepTask, label
from .names import VERDICT, edge_task_id

JOIN_RULE = "none_failed_min_one_success"


def explain(source: Source, layout: Layout) -> str:
    """One block per step, with lines of the playbook; the last block is the verdict's."""
    tasks = len(layout.steps) + sum(1 for _ in layout.edge_tasks()) + 1
    steps = {task.unit.step.name for task in layout.steps}
    lines = [
        f"{os.path.basename(source.path)} -> DAG {layout.dag_id}: {_count(len(steps), 'step')}, {_count(tasks, 'task')}"
    ]
    leaving: dict[str, list[tuple[Arrow, StepTask]]] = {}
    for task, arrow, target in layout.arrows():
        leaving.setdefault(task.task_id, []).append((arrow, target))
    for task in layout.steps:
        if task.copy.id.number == 1:
            lines += ["", *_unit(task)]
        lines += _task(task, leaving.get(task.task_id, []))
    dropped = [step.name for step in source.workflow.steps if step.name not in steps]
    if dropped:
        lines += ["", f"dropped, as no path from start leads there: {', '.join(dropped)}"]
    lines += [
        "",
        VERDICT,
        "    one task below all edges and all plain steps, trigger rule all_done: the status and the outcome",
    ]
    return "\n".join(lines)


def _unit(task: StepTask) -> Iterator[str]:
    unit = task.unit
    yield f"{unit.step.name} ({_lines(*task.lines)})"
    copies = f"copies, {len(unit.copies)} tasks" if unit.kind == "copies" else "step, one task"
    yield f"    unit {copies}: {unit.reason.text} [{unit.reason.code}]"


def _task(task: StepTask, leaving: list[tuple[Arrow, StepTask]]) -> Iterator[str]:
    rule = f", trigger rule {JOIN_RULE}" if task.joins else ""
    if task.unit.chooses:
        kind = "branch task: a run may leave an edge untaken"
    elif leaving:
        kind = "plain task: a run that does not fail takes every edge"
    else:
        kind = "plain task: no edge leaves it"
    yield f"    task {task.task_id}{rule}; {kind}"
    for arrow, target in leaving:
        name = label(arrow)
        by = f" by empty task {edge_task_id(task.task_id, name)}" if task.unit.chooses else ""
        yield f"        {name} (line {arrow.edge.span.line}, on {arrow.edge.taken_on}) -> {target.task_id}{by}"


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}-{last}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
