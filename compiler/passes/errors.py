"""Where an error of an earlier run can still be bound (RUL-4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from noetl.compiler import ir

from .facts import Errors, Facts


def errors(_workflow: ir.Workflow, facts: Facts) -> Facts:
    """The steps to which a rule's `next` leads that can fire while `error` is bound, there or in a step before."""
    found = {edge.target for edges in facts.graph.leaving.values() for edge in edges if _after_failure(edge)}
    waiting = list(found)
    while waiting:
        for target in _handed_on(facts.graph.steps[waiting.pop()]):
            if target in facts.graph.steps and target not in found:
                found.add(target)
                waiting.append(target)
    return replace(facts, errors=Errors(frozenset(found)))


def _after_failure(edge: ir.Edge) -> bool:
    """A structural `next` never carries an error."""
    return edge.rule is not None and edge.taken_on != "success"


def _handed_on(step: ir.Step) -> Iterator[str]:
    """Targets of the rules that can fire before the first outcome of a run."""
    for rule in step.rules:
        if isinstance(rule.control, ir.Next) and (step.tool is None or "step.enter" in rule.events):
            yield from (edge.target for edge in rule.control.edges)
