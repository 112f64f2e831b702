"""NTL205: a name that nothing can bind where it is read (TPL-7, RUL-4)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked
from noetl.compiler.findings import quoted
from noetl.compiler.scoping import Scopes
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL205", "name-out-of-scope", Severity.WARNING, "a name that is undefined wherever it is read here")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name. Undefined is a legal value (TPL-4), so that a read which asks for it, with `is defined` or a
    default, is none of these."""
    scopes = Scopes(playbook)
    for site in playbook.facts.sites:
        if site.problems or not site.reads:
            continue
        for found in scopes.unbound(site):
            start = found.read.offset
            shown = site.value.source[start : start + found.length]
            place = site.value.place(start, start + found.length)
            yield playbook.found(KIND, f"{quoted(shown)} is undefined here: {found.why}", place, hint=found.hint)
