"""NTL302: a template in python code, which is not rendered (TPL-8)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked
from noetl.compiler.findings import quoted
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL302", "template-in-code", Severity.WARNING, "a template in python code, which is not rendered")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the template. Only what reads a name of the playbook counts: doubled braces have other uses in python."""
    for scalar, code in playbook.python:
        for start, end in code.templates(playbook.names):
            message = f"{quoted(code.text[start:end])} in python code is not rendered; the code sees the braces"
            hint = 'pass the value through "args"'
            yield playbook.found(KIND, message, scalar.place(start, end), hint=hint)
