"""Bare names that v1 took from the workload, as `workload.name`."""

from __future__ import annotations

import re
from typing import Final

from noetl.compiler import ir
from noetl.compiler.findings import quoted
from noetl.compiler.frontend import compile_source
from noetl.compiler.linting import fixes
from noetl.diagnostics import Edit, Fix, Span

from .notes import FROM_WORKLOAD
from .parts import Notebook

_OUT_OF_SCOPE: Final = "NTL205"


def from_workload(text: str, before: str, path: str, notebook: Notebook) -> str:
    """The text with each name that nothing binds read from the workload, into which v1 merged the payload."""
    compiled = compile_source(text, path)
    if compiled.workflow is None:
        return text
    known = ir.RESERVED | {step.name for step in compiled.workflow.steps}
    offsets = fixes.Offsets(text)
    edits: list[Edit] = []
    for found in compiled.diagnostics:
        if found.code != _OUT_OF_SCOPE or found.span.line != found.span.end_line:
            continue
        start, end = offsets.span(found.span)
        name = text[start:end].split(".")[0].split("[")[0]
        if not name.isidentifier() or name in known:
            continue
        edits.append(Edit(Span(found.span.line, found.span.column, found.span.line, found.span.column), "workload."))
        _note(name, before, notebook)
    return fixes.apply(text, [Fix("read it from the workload", tuple(edits))])


def _note(name: str, before: str, notebook: Notebook) -> None:
    """At the place in v1 where a template reads the name first."""
    match = re.search(rf"\{{[{{%][^\n]*?(?<![\w.'\"]){re.escape(name)}\b", before)
    if match is None:
        return
    start = match.end() - len(name)
    line = before.count("\n", 0, start) + 1
    column = start - (before.rfind("\n", 0, start) + 1) + 1
    message = f"{quoted(name)} is no step, arg or variable; it is read from the workload"
    hint = 'v1 merged the payload into the names of every template; v2 has it in "workload"'
    notebook.note(FROM_WORKLOAD, message, Span(line, column, line, column + len(name)), hint)
