"""NTL403: a name that is collected in both forms of `collect` (COL-3)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked, of_step
from noetl.compiler.document import CollectByPath
from noetl.compiler.findings import quoted
from noetl.compiler.nodes import Scalar
from noetl.diagnostics import Diagnostic, Related, Severity, kind

KIND = kind("NTL403", "collect-in-both-forms", Severity.ERROR, "a name that is collected in both forms")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name, wherever its form is not that of its first `collect`."""
    first: dict[str, tuple[bool, Scalar]] = {}
    for spec, step in playbook.steps():
        for rule in spec.case or ():
            for action in rule.then:
                if action.collect is None:
                    continue
                into, by_path = action.collect.into, isinstance(action.collect, CollectByPath)
                before_by_path, before = first.setdefault(into.text, (by_path, into))
                if before_by_path != by_path:
                    message = (
                        f'{quoted(into.text)} is collected with "{_form(by_path)}" in {of_step(step)} and with '
                        f'"{_form(before_by_path)}" in line {before.span.line}: '
                        "one starts anew in each run, the other goes on"
                    )
                    related = (Related(f"collected with {quoted(_form(before_by_path))}", before.span),)
                    yield playbook.found(KIND, message, into.span, related=related)


def _form(by_path: bool) -> str:
    return "path" if by_path else "from"
