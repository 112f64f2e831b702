"""A plan as tasks of a DAG: ids, variables, trigger rules and places in the playbook. What is emitted and explained."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from noetl.compiler import ir
from noetl.targets.plan import Arrow, Copy, CopyId, Plan, Unit

from .names import dag_id, edge_label, edge_task_id, entry_task_id, items_task_id, step_task_id

TAKEN: Final = frozenset(
    (
        *("dag", "playbook", "verdict", "task", "isinstance", "DAG", "TriggerRule", "Playbook", "Verdict"),
        *("PlainStep", "BranchStep", "PlainRegion", "BranchRegion", "MappedPlainStep", "MappedBranchStep"),
        *("timedelta", "pendulum", "CronDataIntervalTimetable"),
        *("PLAYBOOK", "PLAYBOOKS", "FLOW", "connect", "JOIN", "GATHER", "RESUMES"),
    )
)
"""Names that an emitted file uses itself."""


@dataclass(frozen=True, slots=True)
class StepTask:
    """One task that runs a step, or the steps of a region."""

    task_id: str
    variable: str
    """Its name in the emitted file."""
    unit: Unit
    copy: Copy
    lines: tuple[int, int]
    asks: tuple[StepTask, ...]
    """The tasks that may have failed though they left tokens, and whose failure may poison a join here."""

    @property
    def joins(self) -> bool:
        """Whether an edge leads to it, so that it waits for one that is taken."""
        return bool(self.copy.arriving)

    def ids(self) -> tuple[str, ...]:
        """The ids of all tasks that run the step for one token, in their order."""
        if self.unit.kind != "map":
            return (self.task_id,)
        return entry_task_id(self.task_id), items_task_id(self.task_id), self.task_id

    def label(self, edge: ir.Edge) -> str:
        """An edge among those of the task, such as `rule0.1`."""
        return edge_label(edge.rule, edge.entry, edge.source if len(self.unit.steps) > 1 else None)

    def edge_task(self, edge: ir.Edge) -> str:
        """The id of the empty task of an edge, where the unit chooses."""
        return edge_task_id(self.task_id, self.label(edge))


@dataclass(frozen=True, slots=True)
class Layout:
    """All tasks of a DAG, in an order in which sources come first."""

    dag_id: str
    steps: tuple[StepTask, ...]

    def arrows(self) -> Iterator[tuple[StepTask, Arrow, StepTask]]:
        """Every arrow between its two tasks."""
        tasks = {task.copy.id: task for task in self.steps}
        for task in self.steps:
            for arrow in task.copy.leaving:
                yield task, arrow, tasks[arrow.target]

    def edge_tasks(self) -> Iterator[tuple[str, Arrow]]:
        """The ids of the empty tasks: one on every arrow that leaves a branch task."""
        for task in self.steps:
            if task.unit.chooses:
                for arrow in task.copy.leaving:
                    yield task.edge_task(arrow.edge), arrow

    def ids(self) -> Iterator[str]:
        """The ids of all tasks but the verdict."""
        yield from (id_ for task in self.steps for id_ in task.ids())
        yield from (id_ for id_, _ in self.edge_tasks())

    def edge_lines(self, arrow: Arrow) -> tuple[int, int]:
        """The first and the last line of an edge."""
        return lines(arrow.edge)


def lay_out(workflow: ir.Workflow, plan: Plan) -> Layout:
    """Ids and variables for everything in a plan; the same playbook always gets the same."""
    variables: set[str] = set(TAKEN)
    steps: list[StepTask] = []
    above: dict[CopyId, dict[str, StepTask]] = {}
    for unit, copy in plan.copies():
        id_ = step_task_id(unit.step.name, copy.id.number, len(unit.copies), region=len(unit.steps) > 1)
        variable = _variable(id_, variables)
        variables.add(variable)
        found = {task.task_id: task for arrow in copy.arriving for task in above[arrow.source].values()}
        joins = any(step.join == "all" for step in unit.steps)
        places = [lines(step) for step in unit.steps]
        extent = (min(first for first, _ in places), max(last for _, last in places))
        task = StepTask(id_, variable, unit, copy, extent, tuple(found.values()) if joins else ())
        steps.append(task)
        above[copy.id] = found | {id_: task} if unit.many else found
    return Layout(dag_id(workflow.path or workflow.name), tuple(steps))


def _variable(task_id: str, taken: set[str]) -> str:
    stem = re.sub(r"\W", "_", task_id)
    if not stem.isidentifier() or keyword.iskeyword(stem) or keyword.issoftkeyword(stem):
        stem = f"step_{stem}"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    return name


def lines(item: ir.Step | ir.Edge) -> tuple[int, int]:
    """The first and the last line of a step or an edge."""
    span = item.extent if isinstance(item, ir.Step) else item.span
    last = span.end_line - (span.end_column == 1 and span.end_line > span.line)
    return span.line, last
