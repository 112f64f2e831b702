"""NTL304: python code that does not compile (TOO-3)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL304", "invalid-python", Severity.WARNING, "python code that does not compile")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the place that Python names. Not where a template stands in the code (NTL302), which is why it does not."""
    for scalar, code in playbook.python:
        if code.problem is not None and not any(code.templates(playbook.names)):
            message, offset = code.problem
            yield playbook.found(KIND, f"python code does not {code.verb}: {message}", scalar.place(offset))
