"""NTL204: a step that no way from the start leads to (RUN-5)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked, of_step
from noetl.compiler.findings import quoted
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL204", "unreachable-step", Severity.WARNING, "a step to which no transition leads")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name of the step."""
    facts = playbook.facts
    for step in facts.graph.steps.values():
        if step.declared and step.name not in facts.reach.from_start and not playbook.may_be_missing(step.name):
            sources = {edge.source for edge in facts.graph.arriving[step.name]} - {step.name}
            why = "no step routes to it"
            if sources:
                why = f"the steps that route to it are not reached either, {quoted(min(sources))} among them"
            message = f"{of_step(step)} is never reached from {quoted(str(facts.graph.entry))}: {why}"
            yield playbook.found(KIND, message, step.span)
