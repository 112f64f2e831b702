"""NTL211: a workbook task that nothing runs (TOO-4). Off by default: a workbook may be meant for later."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked
from noetl.compiler.findings import quoted
from noetl.compiler.parts import overrides_of_step, tools_of_step, tools_of_task
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL211", "unused-workbook-task", Severity.WARNING, "a workbook task that nothing runs", default=False)


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name. Without a word where a name is rendered, or a part is refused, which may name any task."""
    if not playbook.sound:
        return
    named: set[str] = set()
    for value in _named(playbook.workflow):
        if not isinstance(value, ir.Const):
            return
        if isinstance(value.value, str):
            named.add(value.value)
    for task in playbook.workflow.tasks:
        if task.name not in named:
            yield playbook.found(KIND, f"workbook task {quoted(task.name)} is never run", task.span)


def _named(workflow: ir.Workflow) -> Iterator[ir.Value]:
    tools = [tool for task in workflow.tasks for tool in tools_of_task(task)]
    for step in workflow.steps:
        tools += tools_of_step(step)
        if step.tool is not None and step.tool.kind == "workbook":
            yield from (name for given in overrides_of_step(step) if (name := given.get("name")) is not None)
    yield from (name for tool in tools if tool.kind == "workbook" and (name := tool.fields.get("name")) is not None)
