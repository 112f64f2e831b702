"""NTL801: `join`, which the published language does not have (STP-1, section 10)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked, of_step
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL801", "join-extension", Severity.WARNING, '"join", which only noetl knows', default=False)


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At its value: without it each token makes a run of its own, but at `end`."""
    for spec, step in playbook.steps():
        if spec.join is not None:
            message = f'"join" on {of_step(step)} is an extension of the published language'
            yield playbook.found(KIND, message, spec.join.span)
