"""Which rules can come to their turn, and when (RUL-1 to RUL-4, RET-4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from noetl.compiler import ir
from noetl.compiler.conditions import implies
from noetl.compiler.rules import firings as rule_firings

from .facts import Facts, Firing, Moment

_LOOKED_AT: Final = 50
"""Of the rules of a step, so many are compared with each later one."""


def firings(workflow: ir.Workflow, facts: Facts) -> Facts:
    """The moments of every rule of every step, and the rules that stand before it."""
    found = {step.span: _of_step(step, step.name in facts.errors.inherited) for step in workflow.steps}
    return replace(facts, firings=found)


def _of_step(step: ir.Step, inherits: bool) -> tuple[Firing, ...]:
    made: list[Firing] = []
    certain: dict[Moment, Firing] = {}
    for rule in step.rules:
        found = list(rule_firings(step, rule, inherits=inherits))
        may = frozenset((event, outcome) for event, outcome, _ in found)
        sure = frozenset((event, outcome) for event, outcome, always in found if always)
        firing = Firing(rule, may, sure, _before(step, rule, may, (made[:_LOOKED_AT], certain)))
        made.append(firing)
        for moment in sure:
            certain.setdefault(moment, firing)
    return tuple(made)


def _before(
    step: ir.Step, rule: ir.Rule, may: frozenset[Moment], earlier: tuple[list[Firing], dict[Moment, Firing]]
) -> tuple[ir.Rule, ...]:
    """The rules of which one takes each of the moments; none where one moment is left."""
    firings, certain = earlier
    found: list[ir.Rule] = []
    for moment in sorted(may):
        candidates = firings if moment not in certain else [*firings, certain[moment]]
        first = next((other.rule for other in candidates if _takes(step, other, rule, moment)), None)
        if first is None:
            return ()
        if first not in found:
            found.append(first)
    return tuple(found)


def _takes(step: ir.Step, other: Firing, rule: ir.Rule, moment: Moment) -> bool:
    """Whether the other rule fires at the moment wherever this one could. A `retry` may be exhausted (RET-4)."""
    if moment not in other.may or isinstance(other.rule.control, ir.Retry):
        return False
    if step.loop is not None and moment[0] == "step.exit" and other.rule.per_iteration != rule.per_iteration:
        return False  # LOP-3: they do not hear the same exits
    if moment in other.sure:
        return True
    whens = rule.when, other.rule.when
    return all(isinstance(when, ir.Expression) for when in whens) and implies(*(_source(when) for when in whens))


def _source(when: ir.Expression | bool) -> str:
    return "" if isinstance(when, bool) else when.source
