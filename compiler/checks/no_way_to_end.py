"""NTL404: a branch that ends before the step `end` (RUN-5)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked, both, of_step
from noetl.compiler.findings import quoted
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL404", "no-way-to-end", Severity.NOTE, 'a step from which no way leads to "end"')
_SHOWN = 5


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the last step of such a branch, in a playbook whose `end` is reached by another.

    A step that fails on purpose, or says `next: []`, ends there on purpose.
    """
    facts = playbook.facts
    if ir.END not in facts.reach.from_start or not playbook.flows:
        return
    leading = facts.reach.reaching(ir.END) | {ir.END}
    for number, members in enumerate(facts.components.members):
        if members[0] in leading or members[0] not in facts.reach.from_start:
            continue
        if any(facts.components.index[edge.target] != number for m in members for edge in facts.graph.leaving[m]):
            continue
        steps = [step for step in facts.graph.steps.values() if step.name in set(members)]
        if any(_on_purpose(step) for step in steps):
            continue
        if number in facts.components.cyclic:
            names = both([quoted(step.name) for step in steps[:_SHOWN]]) + (" ..." if len(steps) > _SHOWN else "")
            message = f'no way leads from {names} to "end": they lead to themselves only'
        else:
            message = f'no way leads from {of_step(steps[0])} to "end": the branch ends here'
        hint = 'add "next: end", or "next: []" where the branch ends on purpose'
        yield playbook.found(KIND, message, steps[0].span, hint=hint)


def _on_purpose(step: ir.Step) -> bool:
    controls = [*(rule.control for rule in step.rules), step.next]
    return any(isinstance(c, ir.Fail) or (isinstance(c, ir.Next) and not c.edges) for c in controls)
