"""Every template and expression of the playbook, parsed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from noetl.compiler import ir
from noetl.compiler.expr import analysis

from .facts import Facts, Part, Site


def sites(workflow: ir.Workflow, facts: Facts) -> Facts:
    """All sites: those of the workload, of the workbook, and of the steps in the order of the document."""
    return replace(facts, sites=tuple(_all(workflow)))


def _all(workflow: ir.Workflow) -> Iterator[Site]:
    yield from _values("workload", workflow.workload)
    for task in workflow.tasks:
        yield from _values("task", task.tool.fields)
        if task.sink:
            yield from _values("task", task.sink.tool.fields)
    for step in workflow.steps:
        yield from _of_step(step)


def _of_step(step: ir.Step) -> Iterator[Site]:
    yield from _values("args", step.args, step)
    if step.tool:
        yield from _values("tool", step.tool.fields, step)
    if step.loop:
        yield from _values("loop", step.loop.items, step)
        yield from _values("loop", step.loop.max_in_flight, step)
    for rule in step.rules:
        if isinstance(rule.when, ir.Expression):
            yield _site("when", rule.when, step, rule)
        for action in rule.data:
            yield from _values("action", _data(action), step, rule)
        for value in _control(rule.control):
            yield from _values("action", value, step, rule)
        if isinstance(rule.control, ir.Next):
            for edge in rule.control.edges:
                yield from _values("edge", edge.args, step, rule, edge)
    for edge in step.next.edges if step.next else ():
        yield from _values("edge", edge.args, step, None, edge)
    yield from _values("vars", step.vars, step)
    if step.sink:
        yield from _values("sink", step.sink.tool.fields, step)


def _data(action: ir.DataAction) -> ir.Value | ir.Expression | None:
    match action:
        case ir.Set():
            return action.entries
        case ir.Collect():
            return action.source
        case ir.CollectPath():
            return None
        case ir.SetResult():
            return action.value
        case ir.Sink():
            return action.tool.fields
        case ir.Log():
            return action.text
        case _:
            assert_never(action)


def _control(action: ir.ControlAction | None) -> tuple[ir.Value | None, ...]:
    """What a control action renders, besides the args of its edges."""
    match action:
        case None | ir.Next():
            return ()
        case ir.Call():
            return (action.overrides,)
        case ir.Retry():
            return (action.max_attempts, action.initial_delay, action.backoff_multiplier, action.max_delay)
        case ir.Page():
            return (action.overrides, action.max_attempts, action.initial_delay)
        case ir.Skip():
            return (action.reason,)
        case ir.Fail():
            return (action.message, action.fail_workflow)
        case _:
            assert_never(action)


def _values(
    part: Part,
    value: ir.Value | ir.Expression | None,
    step: ir.Step | None = None,
    rule: ir.Rule | None = None,
    edge: ir.Edge | None = None,
) -> Iterator[Site]:
    """The sites in a value. (Its depth is bounded by that of the YAML, which `source` limits.)"""
    match value:
        case None | ir.Const():
            return
        case ir.Template() | ir.Expression():
            yield _site(part, value, step, rule, edge)
        case ir.ListValue():
            for item in value.items:
                yield from _values(part, item, step, rule, edge)
        case ir.MapValue():
            for _, inner in value.entries:
                yield from _values(part, inner, step, rule, edge)
        case _:
            assert_never(value)


def _site(
    part: Part,
    value: ir.Template | ir.Expression,
    step: ir.Step | None,
    rule: ir.Rule | None = None,
    edge: ir.Edge | None = None,
) -> Site:
    template = isinstance(value, ir.Template)
    reads = analysis.paths(value.source, template)
    return Site(value, part, step, rule, edge, reads, analysis.problems(value.source, template))
