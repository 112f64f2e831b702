"""NTL303: a filter or function that gives chance (TPL-3, CAU-4)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked
from noetl.compiler.expr.scan import RefusedFunction
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL303", "refused-function", Severity.ERROR, "a filter or function whose value is left to chance")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name of the filter or function."""
    for site in playbook.facts.sites:
        for problem in site.problems:
            if isinstance(problem, RefusedFunction):
                place = site.value.place(problem.offset, problem.offset + problem.length)
                hint = "make the value in a tool and read the tool's result"
                yield playbook.found(KIND, problem.message, place, hint=hint)
