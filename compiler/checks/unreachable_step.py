"""NTL204: a step that no way from the start leads to (RUN-5)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from noetl.compiler.checked import Checked, of_step
from noetl.compiler.findings import closest, quoted
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL204", "unreachable-step", Severity.WARNING, "a step to which no transition leads")
_MAX_GUESSES = 50
"""Looking for a similar name takes time."""


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name of the step, unless a misspelled transition is probably meant to lead there."""
    facts = playbook.facts
    reached = facts.reach.from_start
    if len(reached) < len(facts.graph.steps):
        reached |= _meant(playbook)
    for step in facts.graph.steps.values():
        if step.declared and step.name not in reached and not playbook.may_be_missing(step.name):
            sources = {edge.source for edge in facts.graph.arriving[step.name]} - {step.name}
            why = "no step routes to it"
            if sources:
                why = f"the steps that route to it are not reached either, {quoted(min(sources))} among them"
            message = f"{of_step(step)} is never reached from {quoted(str(facts.graph.entry))}: {why}"
            yield playbook.found(KIND, message, step.span)


def _meant(playbook: Checked) -> set[str]:
    """The steps that would be reached if unknown targets (NTL203) were the steps of the most similar names."""
    graph = playbook.facts.graph
    unknown = {edge.target for step in playbook.workflow.steps for edge in step.edges()} - graph.steps.keys()
    guesses = (closest(target, graph.steps) for target in islice(sorted(unknown), _MAX_GUESSES))
    found = {name for name in guesses if name is not None}
    waiting = list(found)
    while waiting:
        for edge in graph.leaving[waiting.pop()]:
            if edge.target not in found:
                found.add(edge.target)
                waiting.append(edge.target)
    return found
