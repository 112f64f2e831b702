"""NTL206: a tool that names a workbook task that does not exist (TOO-4)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked, known, of_step
from noetl.compiler.findings import close_to, quoted
from noetl.compiler.parts import overrides_of_step, tools_of_step, tools_of_task
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL206", "unknown-workbook-task", Severity.ERROR, "a workbook task that does not exist")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name. Without a word where a task has lost its own, which may be the one meant."""
    if playbook.lost("workbook", len(playbook.document.workbook)):
        return
    tasks = {task.name for task in playbook.workflow.tasks}
    for subject, name in _named(playbook.workflow):
        if isinstance(name, ir.Const) and isinstance(name.value, str) and name.value not in tasks:
            message = f"{subject} runs unknown workbook task {quoted(name.value)}; {known('workbook tasks', tasks)}"
            yield playbook.found(KIND, message, name.span, hint=close_to(name.value, tasks))


def _named(workflow: ir.Workflow) -> Iterator[tuple[str, ir.Value | None]]:
    """Every name of a task with what runs it."""
    for task in workflow.tasks:
        for tool in tools_of_task(task):
            if tool.kind == "workbook":
                yield f"workbook task {quoted(task.name)}", tool.fields.get("name")
    for step in workflow.steps:
        for tool in tools_of_step(step):
            if tool.kind == "workbook":
                yield of_step(step), tool.fields.get("name")
        if step.tool is not None and step.tool.kind == "workbook":
            for overrides in overrides_of_step(step):
                yield of_step(step), overrides.get("name")
