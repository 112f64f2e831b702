"""NTL401: two control actions in one block (RUL-6)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked, of_step
from noetl.compiler.findings import listed, quoted
from noetl.compiler.rules import CONTROLS, controls
from noetl.diagnostics import Diagnostic, Related, Severity, kind

KIND = kind("NTL401", "two-control-actions", Severity.ERROR, "two control actions in one block")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the key of every control action of a block but its first."""
    for spec, step in playbook.steps():
        for rule in spec.case or ():
            keys = controls(rule)
            for key in keys[1:]:
                first = keys[0]
                message = (
                    f"a second control action, {quoted(key.text)}, in a block of {of_step(step)}; "
                    f"allowed: one of {listed(CONTROLS)}"
                )
                related = (Related(f"the first one, {quoted(first.text)}", first.span),)
                yield playbook.found(KIND, message, key.span, related=related)
