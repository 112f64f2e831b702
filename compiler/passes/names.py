"""Reads and writes of names, per step and edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, assert_never

from noetl.compiler import ir
from noetl.compiler.parts import tools_of_step, tools_of_task

from .facts import EdgeId, Facts, Names, Write

CODE: Final = frozenset(("python", "container", "script"))
"""Kinds whose code may ask for any name (TOO-3)."""


def names(workflow: ir.Workflow, facts: Facts) -> Facts:
    """Collected from the templates of `sites` and from the actions that write."""
    reads: dict[str, set[str]] = {name: set() for name in facts.graph.steps}
    edge_reads: dict[EdgeId, set[str]] = {}
    for site in facts.sites:
        found = {read.name for read in site.reads}
        if site.edge is not None:
            edge_reads.setdefault((site.edge.source, site.edge.rule, site.edge.entry), set()).update(found)
        elif site.step is not None:
            reads[site.step.name] |= found
    writes = tuple(write for step in workflow.steps for write in _writes(step))
    made = Names(
        {name: frozenset(found) for name, found in reads.items()},
        {edge: frozenset(found) for edge, found in edge_reads.items()},
        frozenset(step.name for step in workflow.steps if _runs_code(workflow, step)),
        writes,
        frozenset(write.name for write in writes),
    )
    return replace(facts, names=made)


def _writes(step: ir.Step) -> Iterator[Write]:
    for rule in step.rules:
        for action in rule.data:
            match action:
                case ir.Set():
                    yield from _entries(action.entries, step.name)
                case ir.Collect() | ir.CollectPath():
                    yield Write(action.into, action.span, step.name)
                case ir.SetResult() | ir.Sink() | ir.Log():
                    continue
                case _:
                    assert_never(action)
    if step.vars is not None:
        yield from _entries(step.vars, step.name)


def _entries(entries: ir.MapValue, step: str) -> Iterator[Write]:
    for i, (name, _) in enumerate(entries.entries):
        yield Write(name, entries.keys[i] if entries.keys else entries.span, step)


def _runs_code(workflow: ir.Workflow, step: ir.Step) -> bool:
    return any(
        tool.kind in CODE or (tool.kind == "workbook" and _task_runs_code(workflow, tool))
        for tool in tools_of_step(step)
    )


def _task_runs_code(workflow: ir.Workflow, tool: ir.Tool) -> bool:
    """Whether the named workbook task runs code; one that is not known may."""
    name = tool.fields.get("name")
    task = workflow.task(name.value) if isinstance(name, ir.Const) and isinstance(name.value, str) else None
    return task is None or any(tool.kind in CODE for tool in tools_of_task(task))
