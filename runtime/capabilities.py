"""What this version's runtime does not run yet, as diagnostics: a playbook is refused before anything happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from noetl.compiler import ir
from noetl.compiler.findings import quoted
from noetl.compiler.parts import tools_of_step, tools_of_task
from noetl.compiler.tools import plugged
from noetl.diagnostics import Diagnostic, Severity, in_order, kind

TOOL: Final = kind("NTL553", "tool-not-run", Severity.ERROR, "a tool kind for which there is no runner")

RUN: Final = frozenset({"duckdb", "event_log", "http", "playbook", "postgres", "python", "secrets", "workbook"})
"""The tool kinds that the runtime runs without a plug-in."""


def refusals(workflow: ir.Workflow, path: str) -> list[Diagnostic]:
    """Every tool of the playbook that cannot be run, in the order of the text."""
    found: list[Diagnostic] = []
    for step in workflow.steps:
        found += _tools(f"step {quoted(step.name)}", tools_of_step(step), path)
    for task in workflow.tasks:
        found += _tools(f"workbook task {quoted(task.name)}", tools_of_task(task), path)
    return in_order(found)


def _tools(owner: str, tools: Iterator[ir.Tool], path: str) -> Iterator[Diagnostic]:
    for tool in tools:
        if tool.kind not in RUN and tool.kind not in plugged():
            allowed = ", ".join(f'"{name}"' for name in sorted(RUN | plugged()))
            message = f'{owner} uses tool kind "{tool.kind}", which needs a plug-in; kinds that run: {allowed}'
            yield Diagnostic(TOOL, message, tool.span, path)
