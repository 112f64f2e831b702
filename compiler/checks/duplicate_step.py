"""NTL202: two steps of one name (DOC-4)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked
from noetl.compiler.findings import quoted
from noetl.diagnostics import Diagnostic, Related, Severity, Span, kind

KIND = kind("NTL202", "duplicate-step", Severity.ERROR, "two steps with the same name")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name of every step but the first that has it."""
    first: dict[str, Span] = {}
    for spec in playbook.document.workflow:
        name = spec.step
        before = first.setdefault(name.text, name.span)
        if before != name.span:
            message = f"step {quoted(name.text)} is already defined in line {before.line}"
            related = (Related(f"the first step {quoted(name.text)}", before),)
            yield playbook.found(KIND, message, name.span, related=related)
