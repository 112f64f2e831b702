"""The story of a compilation for people: what became of each step and edge, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator

from noetl.targets.base import Source
from noetl.targets.plan import Arrow

from .layout import Layout, StepTask, lines
from .names import VERDICT

JOIN_RULE = "none_failed_min_one_success"
ALL_RULE = "all_done"


def explain(source: Source, layout: Layout) -> str:
    """One block per step, with lines of the playbook; the last block is the verdict's."""
    tasks = len(layout.steps) + sum(1 for _ in layout.edge_tasks()) + 1
    steps = {step.name for task in layout.steps for step in task.unit.steps}
    told = [
        f"{os.path.basename(source.path)} -> DAG {layout.dag_id}: {_count(len(steps), 'step')}, {_count(tasks, 'task')}"
    ]
    leaving: dict[str, list[tuple[Arrow, StepTask]]] = {}
    for task, arrow, target in layout.arrows():
        leaving.setdefault(task.task_id, []).append((arrow, target))
    for task in layout.steps:
        if task.copy.id.number == 1:
            told += ["", *_unit(task)]
        told += _task(task, leaving.get(task.task_id, []))
    dropped = [step.name for step in source.workflow.steps if step.name not in steps]
    if dropped:
        told += ["", f"dropped, as no path from start leads there: {', '.join(dropped)}"]
    told += [
        "",
        VERDICT,
        "    one task below all edges and all plain steps, trigger rule all_done: the status and the outcome",
    ]
    return "\n".join(told)


def _unit(task: StepTask) -> Iterator[str]:
    unit = task.unit
    tasks = _count(len(unit.copies), "task") if len(unit.copies) > 1 else "one task"
    if unit.kind == "region" and len(unit.steps) > 1:
        yield f"{', '.join(step.name for step in unit.steps)}"
        yield f"    unit region, {tasks}{'' if unit.many else ': one token goes through'}"
        for step, reason in zip(unit.steps, unit.reasons, strict=True):
            yield f"        {step.name} ({_lines(*lines(step))}): {reason.text} [{reason.code}]"
        return
    yield f"{unit.step.name} ({_lines(*task.lines)})"
    yield f"    unit {unit.kind}, {tasks}: {unit.reasons[0].text} [{unit.reasons[0].code}]"


def _task(task: StepTask, leaving: list[tuple[Arrow, StepTask]]) -> Iterator[str]:
    rule = f", trigger rule {ALL_RULE if task.unit.gathers else JOIN_RULE}" if task.joins else ""
    if task.unit.chooses:
        kind = f"branch task: {'it' if task.unit.kind == 'region' else 'a run'} may leave an edge untaken"
    elif leaving:
        kind = "plain task: a run that does not fail takes every edge"
    else:
        kind = "plain task: no edge leaves it"
    yield f"    task {task.task_id}{rule}; {kind}"
    if task.asks:
        yield f"        asks {', '.join(other.task_id for other in task.asks)} for failed runs before it joins tokens"
    for arrow, target in leaving:
        by = f" by empty task {task.edge_task(arrow.edge)}" if task.unit.chooses else ""
        name = task.label(arrow.edge)
        yield f"        {name} (line {arrow.edge.span.line}, on {arrow.edge.taken_on}) -> {target.task_id}{by}"


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}-{last}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
