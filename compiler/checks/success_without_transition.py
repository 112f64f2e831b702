"""NTL407: a success that leads nowhere, beside an outcome that leads on (RUN-5, STP-7)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked, of_step
from noetl.compiler.passes.facts import Firing, Moment
from noetl.diagnostics import Diagnostic, Related, Severity, Span, kind

KIND = kind(
    "NTL407", "success-without-transition", Severity.NOTE, "a success that leads nowhere, where something else does"
)


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the step's name where only a failure leads on; at the rule that leads nowhere where another one does.

    Steps with a loop are not looked at, nor those that say with `next: []` where they end.
    """
    for spec, step in playbook.steps():
        if step.loop is not None or step.next is not None or not playbook.flows:
            continue
        firings = [firing for firing in playbook.facts.firings[step.span] if firing.may and not firing.behind]
        leading = [firing for firing in firings if isinstance(firing.rule.control, ir.Next)]
        if not any(firing.rule.control.edges for firing in leading if isinstance(firing.rule.control, ir.Next)):
            continue
        succeeding = [firing for firing in leading if _succeeds(firing)]
        if not succeeding:
            span = _place(leading[0].rule)
            message = f"a success of {of_step(step)} leads nowhere: only a failure has a transition"
            hint = 'add a "next" to the step, or "next: []" where its branch ends on purpose'
            yield playbook.found(KIND, message, step.span, hint=hint, related=(Related("this one", span),))
            continue
        rules = spec.case or ()
        leads = {moment: firing for firing in reversed(succeeding) for moment in firing.may if moment[1] != "failed"}
        last = max(ir.EVENTS.index(event) for event, _ in leads)
        for firing in firings:
            later = _stuck(firing, leads, last)
            if later is not None:
                message = (
                    f"where this rule of {of_step(step)} fires, the run leads nowhere; another rule has a transition"
                )
                hint = 'add a "next" to the rule or the step, or "next: []" where the branch ends on purpose'
                related = (Related("the rule with a transition", _place(later.rule)),)
                yield playbook.found(KIND, message, rules[firing.rule.index].when.span, hint=hint, related=related)


def _succeeds(firing: Firing) -> bool:
    return any(outcome != "failed" for _, outcome in firing.may)


def _stuck(firing: Firing, leads: dict[Moment, Firing], last: int) -> Firing | None:
    """The rule at the same moment that has a transition, where this one has none and no later event brings one."""
    if firing.rule.control is not None or len(firing.may) != 1:
        return None
    (moment,) = firing.may
    return leads.get(moment) if ir.EVENTS.index(moment[0]) == last else None


def _place(rule: ir.Rule) -> Span:
    return rule.control.span if rule.control is not None else rule.span
