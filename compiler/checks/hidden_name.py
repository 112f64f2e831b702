"""NTL210: a step or variable whose name another name hides (TPL-7)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked
from noetl.compiler.findings import quoted
from noetl.diagnostics import Diagnostic, Related, Severity, kind

KIND = kind("NTL210", "hidden-name", Severity.WARNING, "a step or variable whose name another name hides")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the step's name, or where a variable that is read by its bare name is first written.

    A step `error` is left alone: so are handlers called, and what they read is the root.
    """
    steps = playbook.facts.graph.steps
    for step in steps.values():
        if step.name in ir.RESERVED - {"error"}:
            message = f"{quoted(step.name)} is the name of a root, which hides the result of this step"
            hint = f"""it can be read as "steps['{step.name}']" only"""
            yield playbook.found(KIND, message, step.span, hint=hint)
    left = {read.name for site in playbook.facts.sites for read in site.reads} & steps.keys()
    for write in playbook.facts.names.writes:
        if write.name in left and write.name not in ir.RESERVED:
            left.remove(write.name)
            message = f"{quoted(write.name)} is the name of a step, whose result hides this variable"
            hint = f'it can be read as "ctx.{write.name}" where the step has a result'
            related = (Related("the step", steps[write.name].span),)
            yield playbook.found(KIND, message, write.span, hint=hint, related=related)
