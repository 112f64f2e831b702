"""The table in an emitted file: each task of steps with its lines in the playbook, below it the edges that leave it.

    load.2fusers 21-25 "load/users"
        rule0.0 23 -> end

A task has a step, of a region the first one, in quotes where its id does not read like that. An edge has its label, its
lines and the task that it leads to. Python reads a table as one constant, which is why Airflow parses a file with
thousands of tasks quickly; so does `read`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .layout import Layout


class FlowEdge(NamedTuple):
    """An edge that leaves a task."""

    label: str
    first: int
    """Its first line in the playbook."""
    last: int
    target: str
    """The task that it leads to."""


class FlowTask(NamedTuple):
    """A task that runs a step, or the steps of a region, the first of which this is."""

    step: str
    first: int
    """The first line of its steps in the playbook."""
    last: int
    edges: list[FlowEdge]


def written(layout: Layout) -> str:
    """The table, with line ends at both ends."""
    lines: dict[str, list[str]] = {}
    for task in layout.steps:
        step = task.unit.step.name
        named = "" if step == task.task_id else f" {json.dumps(step)}"
        lines[task.task_id] = [f"{task.task_id} {_place(*task.lines)}{named}"]
    for task, arrow, target in layout.arrows():
        place = _place(*layout.edge_lines(arrow))
        lines[task.task_id].append(f"    {task.label(arrow.edge)} {place} -> {target.task_id}")
    return "\n".join(["", *(line for task in lines.values() for line in task), ""])


def read(table: str) -> dict[str, FlowTask]:
    """The tasks of a table, by id. ValueError if it is none."""
    found: dict[str, FlowTask] = {}
    edges: list[FlowEdge] = []
    for line in table.split("\n"):
        if line.startswith("    "):
            label, place, _, target = line.split()
            first, last = _lines(place)
            edges.append(FlowEdge(label, first, last, target))
        elif line:
            id_, place, *named = line.split(" ", 2)
            edges = []
            found[id_] = FlowTask(json.loads(named[0]) if named else id_, *_lines(place), edges)
    return found


def _place(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _lines(place: str) -> tuple[int, int]:
    first, dash, last = place.partition("-")
    return int(first), int(last if dash else first)
