"""NTL201: a workflow without a step `start` (DOC-4)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked
from noetl.compiler.document import StepSpec
from noetl.compiler.document.edits import Text
from noetl.compiler.findings import closest, quoted
from noetl.compiler.nodes import Seq
from noetl.diagnostics import Diagnostic, Edit, Fix, Severity, Span, kind

KIND = kind("NTL201", "missing-start", Severity.ERROR, 'a workflow without a step "start"')


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name of the first step, which the fix makes the target of a new `start`."""
    steps = playbook.document.workflow
    names = [spec.step.text for spec in steps]
    if ir.START in names or playbook.may_be_missing(ir.START):
        return
    if not steps:
        written = playbook.section("workflow")
        if playbook.sound and written is not None:
            yield playbook.found(KIND, 'the workflow has no steps; it begins at the step "start"', written[0].span)
        return
    first = steps[0]
    near = closest(ir.START, names)
    hint = f'insert "- step: start" with {quoted(f"next: {first.step.text}")} before it'
    if near is not None:
        hint = f"is {quoted(near)} meant to be it? else {hint}"
    message = f'the workflow has no step "start"; its first step is {quoted(first.step.text)}'
    yield playbook.found(KIND, message, first.step.span, hint=hint, fix=_fix(playbook, first))


def _fix(playbook: Checked, first: StepSpec) -> Fix | None:
    written = playbook.section("workflow")
    if written is None or not isinstance(written[1], Seq) or not written[1].items:
        return None
    workflow = written[1]
    text = Text(playbook.text)
    plain = first.step.text
    raw = text.on_one_line(first.step.span)
    name = raw if raw in (plain, f'"{plain}"', f"'{plain}'") else json.dumps(plain)
    title = f'insert a step "start" that leads to {quoted(first.step.text)}'
    if text.opens(workflow, "["):
        at = Span(workflow.span.line, workflow.span.column + 1, workflow.span.line, workflow.span.column + 1)
        return Fix(title, (Edit(at, f"{{step: start, next: {name}}}, "),))
    item = workflow.items[0].span
    dash = text.before(item)
    if dash.strip() != "-":
        return None
    column = dash.index("-") + 1
    indent = " " * (column - 1)
    added = f"- step: start\n{indent}  next: {name}\n{indent}"
    return Fix(title, (Edit(Span(item.line, column, item.line, column), added),))
