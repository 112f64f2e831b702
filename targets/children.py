"""The playbooks that a playbook runs (TOO-4), as far as their paths are known when it is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from noetl.compiler import ir
from noetl.compiler.findings import quoted
from noetl.compiler.frontend import compile_source
from noetl.compiler.parts import tools_of_step, tools_of_task
from noetl.diagnostics import Diagnostic, Severity, kind

MISSING: Final = kind(
    "NTL508", "playbook-not-found", Severity.WARNING, "a sub-playbook that is not there to be shipped"
)

Find: TypeAlias = Callable[[str], "tuple[str, str] | None"]
"""The name and the text of the playbook of a path; None if there is none."""


def paths(workflow: ir.Workflow) -> Iterator[ir.Value]:
    """The paths of the playbooks that a playbook may run, its calls' overrides among them (CALL-1)."""
    for step in workflow.steps:
        yield from _paths(tools_of_step(step))
        yield from overrides(step)
    for task in workflow.tasks:
        yield from _paths(tools_of_task(task))


def overrides(step: ir.Step) -> Iterator[ir.Value]:
    """The paths that rules put in place of the one of a step's tool."""
    if step.tool is None or step.tool.kind != "playbook":
        return
    for rule in step.rules:
        if isinstance(rule.control, ir.Call | ir.Page):
            path = rule.control.overrides.get("path")
            if path is not None:
                yield path


@dataclass(slots=True)
class Shipped:
    """The playbooks that a playbook leads to by constant paths."""

    texts: dict[str, str] = field(default_factory=dict)
    """By name."""
    missing: list[Diagnostic] = field(default_factory=list)
    """One for each path that leads to none, in the file that has it."""
    templated: bool = False
    """Whether one of them, or the playbook itself, has a path that is a template."""


def shipped(workflow: ir.Workflow, path: str, find: Find) -> Shipped:
    """What a target ships with the workflow of the file `path`."""
    found = Shipped()
    by_path: set[str] = set()
    todo = [(workflow, path)]
    while todo:
        caller, file = todo.pop()
        for value in paths(caller):
            if not isinstance(value, ir.Const) or not isinstance(value.value, str):
                found.templated = found.templated or not isinstance(value, ir.Const)
                continue
            one = find(value.value)
            if one is None:
                message = f"no playbook has the path {quoted(value.value)}, so calls of it fail"
                hint = "name its folder with --playbooks"
                found.missing.append(Diagnostic(MISSING, message, value.span, file, hint=hint))
                continue
            child = compile_source(one[1], one[0], check=False).workflow
            if child is not None and child.path == value.value:
                by_path.add(one[0])
            if one[0] not in found.texts:
                found.texts[one[0]] = one[1]
                todo += [] if child is None else [(child, one[0])]
    # Where one text declares the path that another one has as its name, what was found by its path counts.
    order = sorted(found.texts, key=lambda name: (name in by_path, name))
    found.texts = {name: found.texts[name] for name in order}
    return found


def _paths(tools: Iterator[ir.Tool]) -> Iterator[ir.Value]:
    for tool in tools:
        path = tool.fields.get("path") if tool.kind == "playbook" else None
        if path is not None:
            yield path
