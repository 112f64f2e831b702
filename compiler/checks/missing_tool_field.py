"""NTL109: a tool without a field that no call can do without (section 9)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked
from noetl.compiler.findings import quoted
from noetl.compiler.parts import tools_of_step, tools_of_task
from noetl.compiler.tools import ToolKind, tool_kind
from noetl.diagnostics import Diagnostic, Severity, Span, kind

KIND = kind("NTL109", "missing-tool-field", Severity.WARNING, "a tool without a field that it needs")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the kind. One with a field that is none of its kind's (NTL108) probably has the one that it needs under
    another name. What the first call of a step takes from a rule is not missing."""
    if not playbook.sound:
        return
    tools: list[tuple[ir.Tool, ir.Step | None]] = [
        (tool, None) for task in playbook.workflow.tasks for tool in tools_of_task(task)
    ]
    for own in playbook.workflow.steps:
        tools += ((tool, own if tool is own.tool else None) for tool in tools_of_step(own))
    seen: set[Span] = set()
    for tool, step in tools:
        known = tool_kind(tool.kind)
        if not known.lacks(_given(tool.fields)) or tool.span in seen or not _is_understood(known, tool):
            continue
        if step is None or (known.lacks(_by_rules(step)) and not _never_calls(playbook, step)):
            seen.add(tool.span)
            message = f"this tool of kind {quoted(tool.kind)} has no {_named(known)}: each call fails"
            yield playbook.found(KIND, message, tool.span)


def _given(fields: ir.MapValue) -> frozenset[str]:
    """The fields with a value; null is none."""
    return frozenset(
        name for name, value in fields.entries if not isinstance(value, ir.Const) or value.value is not None
    )


def _by_rules(step: ir.Step) -> frozenset[str]:
    """The fields that the first call may get from a rule (RUL-9, CALL-1)."""
    first = [rule.control for rule in step.rules if "step.enter" in rule.events]
    return frozenset().union(*(_given(control.overrides) for control in first if isinstance(control, ir.Call)))


def _never_calls(playbook: Checked, step: ir.Step) -> bool:
    """Whether a rule at step.enter ends or leaves each run before its call (RUL-9)."""
    return any(
        ("step.enter", "none") in firing.sure and isinstance(firing.rule.control, ir.Next | ir.Skip | ir.Fail)
        for firing in playbook.facts.firings[step.span]
    )


def _is_understood(known: ToolKind, tool: ir.Tool) -> bool:
    return all(known.knows(name) for name, _ in tool.fields.entries)


def _named(known: ToolKind) -> str:
    """The fields of which one is needed, as a sentence lists them."""
    *others, last = map(quoted, known.needs)
    return f"{', '.join(others)} or {last}" if others else last
