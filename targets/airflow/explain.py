"""The story of a compilation for Airflow: what became of each step and edge, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from noetl.targets.base import Source
from noetl.targets.explain import Budget, Explanation, StepStory, counted, unit_lines
from noetl.targets.plan import MAX_COPIES, Arrow

from .emit import MAX_TAG, TAG
from .layout import Layout, StepTask, lines
from .names import MAX_LENGTH, VERDICT
from .settings import dag_arguments, default_arguments, task_arguments

if TYPE_CHECKING:
    from noetl.targets.profile import Settings

JOIN_RULE = "none_failed_min_one_success"
ALL_RULE = "all_done"


def explain(source: Source, layout: Layout, content: str, settings: Settings | None = None) -> Explanation:
    """What became of each step; `content` is the file, and `settings` are what a profile says."""
    tasks: dict[str, list[str]] = {}
    for task in layout.steps:
        tasks.setdefault(task.unit.step.name, []).extend(task.ids())
    found = {
        story.step: story for task in layout.steps for story in _stories(task, tasks[task.unit.step.name], settings)
    }
    steps = [found.get(s.name) or StepStory(s.name, *lines(s), "dropped", None, (), ()) for s in source.workflow.steps]
    budgets = tuple(_budgets(source, layout, content))
    return Explanation(tuple(steps), budgets, _text(source, layout, steps, budgets, settings))


def _stories(task: StepTask, tasks: list[str], settings: Settings | None) -> Iterator[StepStory]:
    names = tuple(step.name for step in task.unit.steps)
    said = _said(task, settings)
    for step, reason in zip(task.unit.steps, task.unit.reasons, strict=True):
        yield StepStory(step.name, *lines(step), task.unit.kind, reason, tuple(tasks), names, said)


def _said(task: StepTask, settings: Settings | None) -> tuple[str, ...]:
    """What a profile says of a task beyond the defaults."""
    return () if settings is None else tuple(task_arguments(task, settings))


def _profile(settings: Settings | None) -> Iterator[str]:
    """What a profile says of the DAG, and of every task of it."""
    if settings is not None:
        yield ""
        yield "profile"
        yield f"    every task: {default_arguments(settings)}"
        yield from (f"    {line.strip().removesuffix(',')}" for line in dag_arguments(settings).splitlines())
        if settings.tags:
            yield f"    tags: {', '.join(settings.tags)}"


def _budgets(source: Source, layout: Layout, content: str) -> Iterator[Budget]:
    yield Budget("tasks of the DAG", _tasks(layout), None)
    yield Budget("bytes of the file", len(content.encode()), None)
    yield Budget("copies of a step", max((len(task.unit.copies) for task in layout.steps), default=0), MAX_COPIES)
    yield Budget("characters of an id", max(map(len, (layout.dag_id, *layout.ids()))), MAX_LENGTH)
    yield Budget("characters of a tag", max(map(len, (TAG, *source.workflow.tags))), MAX_TAG)


def _tasks(layout: Layout) -> int:
    return sum(1 for _ in layout.ids()) + 1


def _text(
    source: Source, layout: Layout, steps: list[StepStory], budgets: tuple[Budget, ...], settings: Settings | None
) -> str:
    """One block per step, with lines of the playbook; then the verdict's, and what is used of Airflow's limits."""
    kept = [story for story in steps if story.unit != "dropped"]
    name = os.path.basename(source.path)
    told = [f"{name} -> DAG {layout.dag_id}: {counted(len(kept), 'step')}, {counted(_tasks(layout), 'task')}"]
    leaving: dict[str, list[tuple[Arrow, StepTask]]] = {}
    for task, arrow, target in layout.arrows():
        leaving.setdefault(task.task_id, []).append((arrow, target))
    for task in layout.steps:
        if task.copy.id.number == 1:
            told += ["", *unit_lines(task.unit, lines)]
            told += [f"    profile: {', '.join(said)}"] if (said := _said(task, settings)) else []
        told += _task(task, leaving.get(task.task_id, []))
    if len(kept) < len(steps):
        dropped = ", ".join(story.step for story in steps if story.unit == "dropped")
        told += ["", f"dropped, as no path from start leads there: {dropped}"]
    told += [
        "",
        VERDICT,
        "    one task below all edges and all plain steps, trigger rule all_done: the status and the outcome",
    ]
    told += _profile(settings)
    native = sum(story.native for story in kept)
    told += ["", f"native: {native} of {counted(len(kept), 'step')}"]
    told += [budget.text() for budget in budgets if budget.limit is not None]
    return "\n".join(told)


def _task(task: StepTask, leaving: list[tuple[Arrow, StepTask]]) -> Iterator[str]:
    rule = f", trigger rule {ALL_RULE if task.unit.gathers else JOIN_RULE}" if task.joins else ""
    if task.unit.chooses:
        kind = f"branch task: {'it' if task.unit.kind == 'region' else 'a run'} may leave an edge untaken"
    elif leaving:
        kind = "plain task: a run that does not fail takes every edge"
    else:
        kind = "plain task: no edge leaves it"
    if task.unit.kind == "map":
        entry, items, _ = task.ids()
        yield f"    task {entry}{rule}; what comes before the iterations"
        yield f"    tasks {items}, at most as many as [core] max_map_length; some of the iterations each"
        rule = f", trigger rule {JOIN_RULE}"
    yield f"    task {task.task_id}{rule}; {kind}"
    if task.asks:
        yield f"        asks {', '.join(other.task_id for other in task.asks)} for failed runs before it joins tokens"
    for arrow, target in leaving:
        by = f" by empty task {task.edge_task(arrow.edge)}" if task.unit.chooses else ""
        name = task.label(arrow.edge)
        yield f"        {name} (line {arrow.edge.span.line}, on {arrow.edge.taken_on}) -> {target.task_id}{by}"
