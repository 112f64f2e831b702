"""NTL301: a template or expression that cannot be evaluated, whatever the data (TPL-1, TPL-3)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked
from noetl.compiler.expr.scan import RefusedFunction
from noetl.compiler.findings import INVALID_TEMPLATE, quoted
from noetl.diagnostics import Diagnostic

KIND = INVALID_TEMPLATE


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the character where it goes wrong, also inside block scalars and escapes."""
    for site in playbook.facts.sites:
        noun = "template" if site.is_template else "expression"
        for problem in site.problems:
            if isinstance(problem, RefusedFunction):
                continue
            place = site.value.place(problem.offset, problem.offset + problem.length)
            message = f"invalid {noun} {quoted(site.value.source)}: {problem.message}"
            yield playbook.found(KIND, message, place, hint=problem.hint)
