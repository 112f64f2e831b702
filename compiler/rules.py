"""What a rule may do, and after which outcomes of a run it can fire (RUL-3, RUL-4, RUL-6, RUL-9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from . import document, ir
from .expr import analysis
from .nodes import Scalar

Outcome: TypeAlias = Literal["none", "worked", "failed"]
CONTROLS: Final = frozenset(("call", "fail", "next", "retry", "skip"))


def controls(rule: document.CaseRule) -> list[Scalar]:
    """The keys of the control actions of a rule's block, in the order written."""
    keys = [action.node.entries[0][0] for action in rule.then if action.node.entries]
    return [key for key in keys if key.text in CONTROLS]


def allowed(step: ir.Step, event: ir.EventName) -> frozenset[str]:
    """The control actions that may fire at an event (RUL-9)."""
    match event:
        case "step.enter":
            loop = step.loop is not None
            return frozenset(("fail", "next", "skip")) | (frozenset() if loop else frozenset(("call",)))
        case "call.done" | "call.error":
            return CONTROLS
        case "step.exit":
            return frozenset(("fail", "next", "skip"))
        case "loop.done":
            return frozenset(("fail", "next"))


def moments(step: ir.Step, rule: ir.Rule, *, inherits: bool) -> Iterator[tuple[ir.EventName, Outcome]]:
    """When a rule can fire: its events, each with the outcomes of the call before it that its `when` admits.

    `inherits`: the run can start with `error` bound, which a step without a tool keeps.
    """
    for event, outcome, _ in firings(step, rule, inherits=inherits):
        yield event, outcome


def firings(step: ir.Step, rule: ir.Rule, *, inherits: bool) -> Iterator[tuple[ir.EventName, Outcome, bool]]:
    """The same, each with whether its `when` is true there whatever the data."""
    for event in rule.events:
        for outcome, response, error in _states(step, rule, event, inherits):
            verdict = _verdict(rule, event, response=response, error=error)
            if verdict is not False:
                yield event, outcome, verdict is True


def _states(
    step: ir.Step, rule: ir.Rule, event: ir.EventName, inherits: bool
) -> Iterator[tuple[Outcome, bool | None, bool | None]]:
    """The outcomes after which a rule hears an event, and whether `response` and `error` are defined then (RUL-4)."""
    if event == "step.enter":
        yield "none", False, None if inherits else False
        return
    if event != "call.error":
        yield "worked", True, None if inherits and step.tool is None else False
    last = event == "loop.done" or (event == "step.exit" and step.loop is not None and not rule.per_iteration)
    if step.tool is not None and rule.error_aware and not last:
        yield "failed", None if event == "call.error" else False, True


def _verdict(rule: ir.Rule, event: ir.EventName, *, response: bool | None, error: bool | None) -> bool | None:
    if isinstance(rule.when, bool):
        return rule.when
    return analysis.fold(rule.when.source, event, response, error)
