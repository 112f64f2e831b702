"""NTL802: `loop.max_in_flight`, which the published language does not have (LOP-8, section 10)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked, of_step
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind(
    "NTL802", "max-in-flight-extension", Severity.WARNING, '"max_in_flight", which only noetl knows', default=False
)


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At its value."""
    for spec, step in playbook.steps():
        if spec.loop is not None and spec.loop.max_in_flight is not None:
            message = f'"max_in_flight" in "loop" of {of_step(step)} is an extension of the published language'
            yield playbook.found(KIND, message, spec.loop.max_in_flight.span)
