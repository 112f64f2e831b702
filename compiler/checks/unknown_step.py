"""NTL203: a transition to a step that does not exist (DOC-7)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked, known, of_step
from noetl.compiler.findings import close_to, quoted
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL203", "unknown-step", Severity.ERROR, "a transition to a step that does not exist")
_MAX_HINTS = 50
"""Looking for a similar name takes time; a file with more such mistakes has another problem."""


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name of the target. Without a word where a step has lost its name, which may be the one meant."""
    if playbook.lost("workflow", len(playbook.document.workflow)):
        return
    steps = playbook.facts.graph.steps.keys()
    listed = known("steps", set(steps))
    hints = 0
    for step in playbook.workflow.steps:
        for edge in step.edges():
            if edge.target in steps:
                continue
            hints += 1
            hint = close_to(edge.target, steps) if hints <= _MAX_HINTS else None
            message = f"{of_step(step)} routes to unknown step {quoted(edge.target)}; {listed}"
            yield playbook.found(KIND, message, edge.span, hint=hint)
