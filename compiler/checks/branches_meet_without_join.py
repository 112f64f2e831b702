"""NTL412: branches that run side by side and meet at a step that runs once for each (STP-1)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked, of_step
from noetl.compiler.findings import quoted
from noetl.diagnostics import Diagnostic, Related, Severity, kind

KIND = kind("NTL412", "branches-meet-without-join", Severity.WARNING, "branches that meet at a step without join")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name of the step. One that says `join: each` means it."""
    facts = playbook.facts
    for spec, step in playbook.steps():
        fork = facts.multiplicity.meetings.get(step.name)
        if fork is None or not playbook.flows or spec.join is not None:
            continue
        source, rule = fork
        edge = next(edge for edge in facts.graph.leaving[source] if edge.rule == rule)
        message = (
            f"branches that step {quoted(source)} starts side by side may meet at {of_step(step)}, which runs for each"
        )
        hint = 'write "join: all" for one run when all have come, or "join: each" where one for each is meant'
        related = (Related("the branches start here", edge.span),)
        yield playbook.found(KIND, message, step.span, hint=hint, related=related)
