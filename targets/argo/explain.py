"""The story of a compilation for Argo: what became of each step and edge, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from noetl.targets.base import Source
from noetl.targets.explain import Budget, Explanation, StepStory, counted, unit_lines
from noetl.targets.plan import MAX_COPIES

from .emit import Emitted
from .layout import Layout, UnitTask, extent
from .names import MAX_TASK, VERDICT

OBJECT_LIMIT: Final = 1024 * 1024
"""Bytes of an object that Kubernetes takes."""


def explain(source: Source, layout: Layout, emitted: Emitted) -> Explanation:
    """What became of each step."""
    names: dict[str, list[str]] = {}
    for task in layout.tasks:
        names.setdefault(task.unit.step.name, []).append(task.name)
    found = {story.step: story for task in layout.tasks for story in _stories(task, names[task.unit.step.name])}
    steps = [
        found.get(step.name) or StepStory(step.name, *extent([step]), "dropped", None, (), ())
        for step in source.workflow.steps
    ]
    budgets = tuple(_budgets(layout, emitted))
    return Explanation(tuple(steps), budgets, _text(source, layout, steps, budgets))


def _stories(task: UnitTask, names: list[str]) -> Iterator[StepStory]:
    together = tuple(step.name for step in task.unit.steps)
    for step, reason in zip(task.unit.steps, task.unit.reasons, strict=True):
        yield StepStory(step.name, *extent([step]), task.unit.kind, reason, tuple(names), together)


def _budgets(layout: Layout, emitted: Emitted) -> Iterator[Budget]:
    yield Budget("tasks of the Workflow", _tasks(layout), None)
    yield Budget("pods at most", sum(task.pod for task in layout.tasks), None)
    yield Budget("bytes of the ConfigMap", len(emitted.config.encode()), OBJECT_LIMIT)
    yield Budget("bytes of the WorkflowTemplate", len(emitted.template.encode()), OBJECT_LIMIT)
    yield Budget("copies of a step", max(len(task.unit.copies) for task in layout.tasks), MAX_COPIES)
    yield Budget("characters of a name", max(len(task.name) for task in layout.tasks), MAX_TASK)


def _tasks(layout: Layout) -> int:
    return len(layout.tasks) + sum(task.soft for task in layout.tasks) + 1


def _text(source: Source, layout: Layout, steps: list[StepStory], budgets: tuple[Budget, ...]) -> str:
    """One block per step, with lines of the playbook; then the verdict's, and what is used of the limits."""
    kept = [story for story in steps if story.unit != "dropped"]
    name = os.path.basename(source.path)
    told = [
        f"{name} -> WorkflowTemplate {layout.name}: {counted(len(kept), 'step')}, {counted(_tasks(layout), 'task')}"
    ]
    targets = {task.copy.id: task.name for task in layout.tasks}
    for task in layout.tasks:
        if task.copy.id.number == 1:
            told += ["", *unit_lines(task.unit, lambda step: extent([step]))]
        told += _task(task)
        for arrow, word, edge in zip(task.copy.leaving, task.words, task.edges, strict=True):
            line = f"line {edge.span.line}, on {edge.taken_on}"
            told.append(f"        {word} ({line}) -> {targets[arrow.target]}")
    if len(kept) < len(steps):
        dropped = ", ".join(story.step for story in steps if story.unit == "dropped")
        told += ["", f"dropped, as no path from start leads there: {dropped}"]
    told += [
        "",
        VERDICT,
        "    one task below all others, without a pod: the Workflow fails where one of them has failed",
    ]
    native = sum(story.native for story in kept)
    told += ["", f"native: {native} of {counted(len(kept), 'step')}"]
    told += [budget.text() for budget in budgets if budget.limit is not None]
    return "\n".join(told)


def _task(task: UnitTask) -> Iterator[str]:
    if not task.pod:
        kind = "no pod: it calls nothing"
    elif task.unit.many:
        kind = "pod; it tells of each edge whether tokens left by it"
    elif task.unit.chooses:
        kind = "pod; it tells which next it took"
    else:
        kind = "pod; if it does not fail, it takes every edge" if task.edges else "pod; no edge leaves it"
    yield f"    task {task.name}: {kind}"
    if task.named:
        how = "is told whether" if task.told else "is Omitted where"
        yield f"        {how} one of these has failed: {', '.join(other.name for other in task.named)}"
    if task.asked:
        yield f"        asks {', '.join(other.name for other in task.asked)} for failed runs before it joins tokens"
    if task.soft:
        yield "        succeeds although a run in it failed, as tokens may have left; another task fails then"
