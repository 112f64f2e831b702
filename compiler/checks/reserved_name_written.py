"""NTL209: a store variable or iterator whose name another name hides (SET-1, TPL-7)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked
from noetl.compiler.document import StepSpec
from noetl.compiler.findings import listed, quoted
from noetl.compiler.nodes import Scalar
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL209", "reserved-name-written", Severity.WARNING, "a variable with the name of a root, which hides it")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name where it is written, or where the loop gives it."""
    for spec in playbook.document.workflow:
        for name in _written(spec):
            if name.text in ir.RESERVED:
                message = f"{quoted(name.text)} is the name of a root, which hides this variable"
                yield playbook.found(KIND, message, name.span, hint=f'it can be read as "ctx.{name.text}" only')
        if spec.loop is not None and spec.loop.iterator.text in ir.RESERVED:
            iterator = spec.loop.iterator
            message = f"{quoted(iterator.text)} is the name of a root, which hides this iterator; reserved: "
            yield playbook.found(KIND, message + listed(ir.RESERVED), iterator.span)


def _written(spec: StepSpec) -> Iterator[Scalar]:
    for rule in spec.case or ():
        for action in rule.then:
            if action.set is not None:
                yield from (key for key, _ in action.set.entries)
            if action.collect is not None:
                yield action.collect.into
    if spec.vars is not None:
        yield from (key for key, _ in spec.vars.entries)
