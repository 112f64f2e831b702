"""NTL405: a rule whose `when` is true at no event (RUL-2, RUL-3, TPL-4)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked, both, of_step
from noetl.compiler.conditions import conjuncts, named_event, whole_event
from noetl.compiler.document import CaseRule
from noetl.compiler.expr import analysis
from noetl.compiler.findings import close_to, listed, quoted
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL405", "rule-never-fires", Severity.WARNING, "a rule that can never fire")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the `when`. Not in steps that never run (NTL204), nor where the structure or an expression is refused."""
    for spec, step in playbook.steps():
        if playbook.lost_work(step) or step.name not in playbook.facts.reach.from_start:
            continue
        for rule, firing in zip(spec.case or (), playbook.facts.firings[step.span], strict=True):
            if (not firing.may or _whole_event(firing.rule)) and _is_readable(rule, firing.rule):
                why, hint = _why(step, firing.rule)
                yield playbook.found(
                    KIND, f"this rule of {of_step(step)} never fires: {why}", rule.when.span, hint=hint
                )


def _whole_event(rule: ir.Rule) -> bool:
    """Whether the rule asks `event` itself to be a text."""
    return not isinstance(rule.when, bool) and any(whole_event(p.node) is not None for p in conjuncts(rule.when.source))


def _is_readable(spec: CaseRule, rule: ir.Rule) -> bool:
    """Whether the `when` is the one that was written, and means something."""
    if isinstance(rule.when, bool):
        return isinstance(spec.when.value, bool)
    return not analysis.problems(rule.when.source, False)


def _why(step: ir.Step, rule: ir.Rule) -> tuple[str, str | None]:
    if isinstance(rule.when, bool):
        return 'its "when" is false', None
    if _whole_event(rule):
        return '"event" is a map, which equals no text', 'did you mean "event.name"?'
    named = [event for part in conjuncts(rule.when.source) if (event := named_event(part.node)) is not None]
    possible = [event for event in ir.EVENTS if _has(step, event)]
    for event in named:
        if event not in ir.EVENTS:
            return f"there is no event {quoted(event)}; events: {listed(ir.EVENTS)}", close_to(event, possible)
        if event not in possible:
            lacks = "loop" if event == "loop.done" else "tool"
            return (
                f"a step without a {lacks} has no event {quoted(event)}; events of this step: {listed(possible)}",
                None,
            )
    if not analysis.mentions_event_name(rule.when.source) and not rule.error_aware:
        heard = "call.done" if step.tool is not None else "step.exit"
        return f'its "when" is false at {heard}, the event that a rule listens to which names none', None
    heard_events = [event for event in (*rule.events, *named) if event in possible]
    where = both(list(dict.fromkeys(heard_events or possible)))
    return f'its "when" is false at {where}, whatever the data', None


def _has(step: ir.Step, event: str) -> bool:
    if event == "loop.done":
        return step.loop is not None
    return step.tool is not None or not event.startswith("call.")
