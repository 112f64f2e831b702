"""NTL410: a `next` that is never taken, because another one always comes before it (STP-7)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from noetl.compiler import ir
from noetl.compiler.checked import Checked, of_step
from noetl.compiler.conditions import conjuncts, mentions_event
from noetl.compiler.expr import analysis
from noetl.compiler.passes.facts import Firing, Moment
from noetl.diagnostics import Diagnostic, Related, Severity, Span, kind

KIND = kind("NTL410", "ignored-next", Severity.WARNING, 'a "next" that comes too late to be taken')
_ENTER: Final[Moment] = ("step.enter", "none")
_CALL: Final[Moment] = ("call.done", "worked")
_EXIT: Final[Moment] = ("step.exit", "worked")
_LOOKED_AT: Final = 50
"""Of the rules of a step, so many are compared with each later one."""
_FIXED: Final = frozenset(("response", "this", "workload", "args", "execution_id", "job", "env", "spec"))
"""Roots that are the same at step.exit as at the last call.done."""


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the later `next`, with the earlier one. Steps with a loop are not looked at: their exits have other runs. Nor
    is the structural `next`, which may stand as the default of rules that leave it nothing."""
    if not playbook.flows:
        return
    for step in playbook.workflow.steps:
        if step.loop is not None:
            continue
        firings = playbook.facts.firings[step.span]
        entered = _at_enter(firings)
        for firing in firings:
            control = firing.rule.control
            if firing.may != {_EXIT} or firing.behind or not isinstance(control, ir.Next):
                continue
            first, event = entered, "step.enter"
            if first is None and step.tool is not None:
                first, event = _earlier(firings, firing, playbook.facts.routes[step.name].settled_by_call), "call.done"
            if first is not None and first.control is not None:
                yield _ignored(playbook, step, control, first.control.span, event)


def _ignored(playbook: Checked, step: ir.Step, late: ir.Next, first: Span, event: str) -> Diagnostic:
    message = (
        f'this "next" of {of_step(step)} is ignored: the one in line {first.line} has fixed the transitions at {event}'
    )
    related = (Related("the first transitions of a run stay", first),)
    return playbook.found(KIND, message, late.span, related=related, hint="route at one of the two events")


def _at_enter(firings: tuple[Firing, ...]) -> ir.Rule | None:
    """The rule whose `next` each run takes at step.enter, if one is sure to fire there."""
    for firing in firings:
        if _ENTER in firing.may and not firing.behind:
            fixes = _ENTER in firing.sure and isinstance(firing.rule.control, ir.Next)
            return firing.rule if fixes else None
    return None


def _earlier(firings: tuple[Firing, ...], late: Firing, settled: bool) -> ir.Rule | None:
    """The rule at call.done that has fired wherever the late one does."""
    for firing in islice(firings, _LOOKED_AT):
        if _CALL not in firing.may or firing.behind:
            continue
        if isinstance(firing.rule.control, ir.Next) and (settled or _is_implied(firing.rule, late.rule)):
            return firing.rule
        if not settled and isinstance(firing.rule.control, ir.Page | None):
            return None
    return None


def _is_implied(early: ir.Rule, late: ir.Rule) -> bool:
    """Whether the earlier rule, but for the event, asks for no more than the later one, of what stays the same."""
    if isinstance(early.when, bool) or isinstance(late.when, bool):
        return False
    if any(read.name not in _FIXED for read in analysis.paths(early.when.source, False) if read.name != "event"):
        return False
    needed = [part for part in conjuncts(early.when.source) if not mentions_event(part.node)]
    given = {part.shown for part in conjuncts(late.when.source)}
    return bool(needed) and all(part.boolean and part.shown in given for part in needed)
