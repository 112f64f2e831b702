"""NTL803: the root `steps`, which the published language does not have (TPL-7, section 10)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked
from noetl.diagnostics import Diagnostic, Severity, kind

ROOT = "steps"
KIND = kind("NTL803", "steps-extension", Severity.WARNING, 'the root "steps", which only noetl knows', default=False)


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name, in a playbook that gives it no meaning of its own: `steps` is the weakest of all names."""
    if ROOT in playbook.names or ROOT in _own(playbook.workflow) or playbook.may_be_missing(ROOT):
        return
    for site in playbook.facts.sites:
        for read in site.reads:
            if read.name == ROOT:
                place = site.value.place(read.offset, read.offset + len(ROOT))
                hint = "read a step's result by the name of the step"
                yield playbook.found(KIND, '"steps" is an extension of the published language', place, hint=hint)


def _own(workflow: ir.Workflow) -> set[str]:
    """The names of args and iterators."""
    found: set[str] = set()
    for step in workflow.steps:
        found |= {name for name, _ in step.args.entries}
        for edge in step.edges():
            found |= {name for name, _ in edge.args.entries}
        if step.loop is not None:
            found.add(step.loop.iterator)
    for task in workflow.tasks:
        args = task.tool.fields.get("args")
        found |= {name for name, _ in args.entries} if isinstance(args, ir.MapValue) else set()
    return found
