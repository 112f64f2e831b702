"""NTL406: a rule that an earlier one leaves nothing to do (RUL-1)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked, both, of_step
from noetl.diagnostics import Diagnostic, Related, Severity, kind

KIND = kind("NTL406", "shadowed-rule", Severity.WARNING, "a rule that an earlier one always comes before")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the `when`, with the `when` of the earlier rules."""
    for spec, step in playbook.steps():
        if playbook.lost_work(step):
            continue
        rules = spec.case or ()
        for rule, firing in zip(rules, playbook.facts.firings[step.span], strict=True):
            if not firing.behind or playbook.broken(firing.rule, *firing.behind):
                continue
            first = [rules[other.index].when.span for other in firing.behind]
            lines = both([str(span.line) for span in first])
            plural = "s" if len(first) > 1 else ""
            events = both(list(dict.fromkeys(event for event in firing.rule.events if _counts(event, firing.may))))
            message = (
                f'this rule of {of_step(step)} never fires: wherever its "when" is true at {events}, '
                f"the rule{plural} in line{plural} {lines} fire{'' if plural else 's'} first"
            )
            related = tuple(Related("this rule comes before it", span) for span in first)
            hint = "the first rule that is true fires, the others are not looked at: put the special one first"
            yield playbook.found(KIND, message, rule.when.span, hint=hint, related=related)


def _counts(event: str, moments: frozenset[tuple[str, str]]) -> bool:
    return any(event == name for name, _ in moments)
