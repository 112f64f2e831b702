"""NTL602: a template in the text of an SQL statement (TOO-2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from noetl.compiler import ir
from noetl.compiler.checked import Checked
from noetl.compiler.findings import quoted
from noetl.compiler.parts import leaves, overrides_of_step, tools_of_step, tools_of_task
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL602", "template-in-sql", Severity.WARNING, "a template in the text of an SQL statement")
_SQL: Final = frozenset(("duckdb", "ducklake", "postgres", "snowflake"))
_SAFE: Final = frozenset(("execution_id", "job"))
"""Roots whose values noetl makes itself."""


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At each name that is read."""
    commands = {id(leaf) for value in _commands(playbook.workflow) if value is not None for leaf in leaves(value)}
    for site in playbook.facts.sites:
        if id(site.value) not in commands:
            continue
        for read in site.reads:
            if read.name not in _SAFE:
                place = site.value.place(read.offset, read.offset + len(read.name))
                shown = quoted(".".join(map(str, (read.name, *read.path))))
                message = f"{shown} becomes part of the SQL itself, whatever its value holds"
                yield playbook.found(KIND, message, place, hint='bind it with "params"')


def _commands(workflow: ir.Workflow) -> Iterator[ir.Value | None]:
    """The text of every SQL tool."""
    for task in workflow.tasks:
        yield from (tool.fields.get("command") for tool in tools_of_task(task) if tool.kind in _SQL)
    for step in workflow.steps:
        yield from (tool.fields.get("command") for tool in tools_of_step(step) if tool.kind in _SQL)
        if step.tool is not None and step.tool.kind in _SQL:
            yield from (overrides.get("command") for overrides in overrides_of_step(step))
