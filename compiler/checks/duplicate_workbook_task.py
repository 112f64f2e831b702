"""NTL207: two workbook tasks of one name (DOC-10)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked
from noetl.compiler.findings import quoted
from noetl.diagnostics import Diagnostic, Related, Severity, Span, kind

KIND = kind("NTL207", "duplicate-workbook-task", Severity.ERROR, "two workbook tasks with the same name")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name of every task but the first that has it."""
    first: dict[str, Span] = {}
    for task in playbook.document.workbook:
        name = task.name
        before = first.setdefault(name.text, name.span)
        if before != name.span:
            message = f"workbook task {quoted(name.text)} is already defined in line {before.line}"
            related = (Related(f"the first workbook task {quoted(name.text)}", before),)
            yield playbook.found(KIND, message, name.span, related=related)
