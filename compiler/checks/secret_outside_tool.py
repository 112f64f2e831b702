"""NTL603: the value of a secret, read where no tool is called with it (TOO-7, TOO-11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from noetl.compiler import ir
from noetl.compiler.checked import Checked, of_step
from noetl.compiler.expr.scan import Read
from noetl.compiler.findings import quoted
from noetl.compiler.parts import leaves, overrides_of_step, tools_of_step
from noetl.compiler.passes.facts import Site
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL603", "secret-outside-tool", Severity.ERROR, "a secret that is read outside of a tool's fields")
_ROOTS: Final = ("keychain", "secret")
_PARTS: Final = {
    "workload": "the workload",
    "args": 'the "args" of {step}',
    "loop": 'the "loop" of {step}',
    "when": 'a "when" of {step}',
    "action": "an action of {step}",
    "edge": "the args of a transition of {step}",
    "vars": 'the "vars" of {step}',
}


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name. It is opened only where the field of a tool, of a sink or of an override is rendered."""
    fields: set[int] | None = None
    reads = [(s, r, quoted(f"{r.name}.{r.path[0]}") if r.path else quoted(r.name)) for s, r in _roots(playbook)]
    reads += [
        (outcome.site, outcome.read, f"what {of_step(outcome.step)} fetched")
        for outcome in playbook.facts.outcomes
        if outcome.shape == "tool"
        and outcome.tool is not None
        and outcome.tool.kind == "secrets"
        and outcome.read.guard != "defined"
    ]
    for site, read, subject in reads:
        if site.part not in _PARTS:
            continue
        if fields is None:
            fields = {id(value) for value in _fields(playbook.workflow)}
        if id(site.value) not in fields:
            where = _PARTS[site.part].format(step=of_step(site.step) if site.step is not None else "")
            place = site.value.place(read.offset, read.offset + len(read.name))
            message = f"{subject} is a secret, which {where} cannot read: it is opened in the fields of a tool only"
            yield playbook.found(KIND, message, place, hint="read it in the field of the tool that needs it")


def _roots(playbook: Checked) -> Iterator[tuple[Site, Read]]:
    """Not `keychain` where there is none, which is undefined (NTL205)."""
    roots = _ROOTS if playbook.section("keychain") is not None else ("secret",)
    for site in playbook.facts.sites:
        for read in site.reads:
            if read.name in roots and read.guard != "defined":
                yield site, read


def _fields(workflow: ir.Workflow) -> Iterator[ir.Template]:
    for step in workflow.steps:
        for fields in (*(tool.fields for tool in tools_of_step(step)), *overrides_of_step(step)):
            yield from leaves(fields)
