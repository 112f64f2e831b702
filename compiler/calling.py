"""What the calls of a step give to the code that they run (STP-4, TOO-3, TOO-4)."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Final, NamedTuple

from . import ir
from .nodes import Scalar
from .passes.facts import Facts

_ALWAYS: Final = ir.RESERVED | {"steps", "input_data", "context"}
"""Names that code may get whatever the args are: the roots, and all args or all roots."""


class Given(NamedTuple):
    """The names that a call gives."""

    args: frozenset[str]
    """Entries of the args that reach the tool: its own, those of the step and of the transitions to it."""
    names: Set[str]
    """What code may get by its name at any step: roots, results, variables."""
    iterator: str | None
    """What it may get besides."""

    def has(self, name: str) -> bool:
        """Whether code may get a value for the name."""
        return name in self.args or name in self.names or name == self.iterator


class Caller(NamedTuple):
    """A step that calls a tool, by itself or by the name of a workbook task."""

    step: ir.Step
    tool: ir.Tool
    """The tool that runs: that of the task where one is named."""
    task: ir.Task | None
    given: Given | None
    """None where args are rendered as a whole, so that their names are not known."""


def callers(workflow: ir.Workflow, facts: Facts) -> Iterator[Caller]:
    """Every step with a tool that `start` reaches; a workbook task that names another is not followed."""
    tasks = {task.name: task for task in reversed(workflow.tasks)}
    common = _ALWAYS | facts.graph.steps.keys() | facts.names.stored
    for step in workflow.steps:
        if step.tool is None or step.name not in facts.reach.from_start:
            continue
        task, values = None, [step.tool.fields.get("args"), *_overrides(step)]
        if step.tool.kind == "workbook":
            name = step.tool.fields.get("name")
            task = tasks.get(name.value) if isinstance(name, ir.Const) and isinstance(name.value, str) else None
            if task is None:
                continue
            values.append(task.tool.fields.get("args"))
        names = [keys(value) for value in values]
        given = None
        if all(found is not None for found in names):
            args = {name for found in names for name in found or ()} | {name for name, _ in step.args.entries}
            args |= {name for edge in facts.graph.arriving[step.name] for name, _ in edge.args.entries}
            given = Given(frozenset(args), common, step.loop.iterator if step.loop is not None else None)
        yield Caller(step, step.tool if task is None else task.tool, task, given)


def _overrides(step: ir.Step) -> Iterator[ir.Value | None]:
    for rule in step.rules:
        if isinstance(rule.control, ir.Call | ir.Page):
            yield rule.control.overrides.get("args")


def keys(value: ir.Value | None) -> list[str] | None:
    """The names of a map of args; None where it is a template as a whole."""
    match value:
        case None:
            return []
        case ir.MapValue():
            return [name for name, _ in value.entries]
        case ir.Const(value=dict() as entries):
            return list(entries)
        case ir.Const(value=None):
            return []
    return None


def code_of(tool: ir.Tool) -> Scalar | None:
    """The scalar with the python code that a tool runs, if it runs only that."""
    code = tool.fields.get("code")
    if tool.kind != "python" or tool.fields.get("script") is not None or tool.fields.get("code_b64") is not None:
        return None
    return code.origin if isinstance(code, ir.Const) and isinstance(code.origin, Scalar) else None
