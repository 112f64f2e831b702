"""Which templates read what a tool or a loop gave, and of what tool (RUL-4, RES-1, LOP-5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from noetl.compiler import ir
from noetl.compiler.expr.scan import Read

from .facts import Facts, OutcomeRead, Shape, Site

_OUTCOME: Final = frozenset(("response", "result", "this"))
_DEPTH: Final = 32
"""Tasks that run tasks, as the runtime bounds them (TOO-4)."""


def outcomes(workflow: ir.Workflow, facts: Facts) -> Facts:
    """Every read of an outcome whose giver is known: not of a step that sets its result itself."""
    return replace(facts, outcomes=tuple(_Search(workflow, facts).all()))


class _Search:
    def __init__(self, workflow: ir.Workflow, facts: Facts) -> None:
        self._facts = facts
        self._tasks = {task.name: task.tool for task in reversed(workflow.tasks)}
        self._setting = {step.name for step in workflow.steps if _sets_result(step)}
        self._given: dict[str, set[str]] = {name: set() for name in facts.graph.steps}
        for step in workflow.steps:
            self._given[step.name] |= {name for name, _ in step.args.entries}
            for edge in step.edges():
                self._given.get(edge.target, set()).update(name for name, _ in edge.args.entries)

    def all(self) -> Iterator[OutcomeRead]:
        """In the order of the sites."""
        for site in self._facts.sites:
            if site.step is None:
                continue
            for read in site.reads:
                if read.name == "error":
                    yield from self._failure(site, site.step, read)
                elif read.name in _OUTCOME:
                    yield from self._own(site, site.step, read)
                elif read.name not in ir.RESERVED:
                    yield from self._of_step(site, site.step, read)

    def _own(self, site: Site, step: ir.Step, read: Read) -> Iterator[OutcomeRead]:
        if (read.name == "result" and step.name in self._setting) or site.part in ("args", "tool", "loop"):
            return
        if step.loop is not None and _after_iterations(site):
            yield OutcomeRead(site, read, read.path, step, None, "loop")
        elif step.tool is not None:
            yield OutcomeRead(site, read, read.path, step, *self._tool(step.tool))

    def _failure(self, site: Site, step: ir.Step, read: Read) -> Iterator[OutcomeRead]:
        """The error of the step's own call: not one that a run may bring along, nor a task's, whose sink may fail."""
        own = site.rule is not None and step.name not in self._facts.errors.inherited
        if own and step.tool is not None and step.tool.kind != "workbook":
            yield OutcomeRead(site, read, read.path, step, step.tool, "error")

    def _of_step(self, site: Site, reader: ir.Step, read: Read) -> Iterator[OutcomeRead]:
        name, path = read.name, read.path
        if name == "steps" and path and isinstance(path[0], str):
            name, path = path[0], path[1:]
        elif name in self._given[reader.name] or (reader.loop is not None and name == reader.loop.iterator):
            return
        step = self._facts.graph.steps.get(name)
        if step is None or name in self._setting:
            return
        if step.loop is not None:
            yield OutcomeRead(site, read, path, step, None, "loop")
        elif step.tool is None:
            yield OutcomeRead(site, read, path, step, None, "none")
        else:
            yield OutcomeRead(site, read, path, step, *self._tool(step.tool))

    def _tool(self, tool: ir.Tool) -> tuple[ir.Tool | None, Shape]:
        """The tool that answers in the end, where it is known."""
        for _ in range(_DEPTH):
            if tool.kind != "workbook":
                return tool, "tool"
            name = tool.fields.get("name")
            task = self._tasks.get(name.value) if isinstance(name, ir.Const) and isinstance(name.value, str) else None
            if task is None:
                break
            tool = task
        return None, "unknown"


def _sets_result(step: ir.Step) -> bool:
    """Whether the step's result may be another than its tool's or loop's: by RES-1, or by COL-3."""
    return any(isinstance(action, ir.SetResult | ir.CollectPath) for rule in step.rules for action in rule.data)


def _after_iterations(site: Site) -> bool:
    if site.rule is None:
        return site.part in ("vars", "edge")
    return site.rule.events == ("loop.done",)
