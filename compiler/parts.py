"""Parts of a workflow that several readers walk over."""

from __future__ import annotations

from collections.abc import Iterator

from . import ir


def tools_of_task(task: ir.Task) -> Iterator[ir.Tool]:
    """The tool of a workbook task, then that of its sink."""
    yield task.tool
    if task.sink is not None:
        yield task.sink.tool


def tools_of_step(step: ir.Step) -> Iterator[ir.Tool]:
    """The tool of a step, then those of its sinks."""
    if step.tool is not None:
        yield step.tool
    for rule in step.rules:
        for action in rule.data:
            if isinstance(action, ir.Sink):
                yield action.tool
    if step.sink is not None:
        yield step.sink.tool


def overrides_of_step(step: ir.Step) -> Iterator[ir.MapValue]:
    """The overrides over the step's tool fields (CALL-1, RET-5)."""
    for rule in step.rules:
        if isinstance(rule.control, ir.Call | ir.Page):
            yield rule.control.overrides


def leaves(value: ir.Value) -> Iterator[ir.Template]:
    """The templates of a value."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ir.Template):
            yield one
        elif isinstance(one, ir.ListValue):
            waiting += one.items
        elif isinstance(one, ir.MapValue):
            waiting += (inner for _, inner in one.entries)
