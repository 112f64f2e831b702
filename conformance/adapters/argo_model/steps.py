"""steps templates (workflow/controller/steps.go of v4.1.2, as the recordings show it)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .conditions import holds
from .expressions import EvaluationFailed
from .manifest import OutsideSubset, Task, Template
from .nodes import Node
from .scope import Scope

if TYPE_CHECKING:
    from .controller import Place, Workflow


def execute(workflow: Workflow, node: Node, template: Template, place: Place, scope: Scope) -> None:
    """One group after the other; the first that fails ends the node."""
    names = frozenset(step.name for group in template.groups for step in group)
    inner = Scope(dict(scope.values), {"steps": names})
    for number, group in enumerate(template.groups):
        found = _group(workflow, template, place, number, group, inner)
        if not found.fulfilled:
            return
        if found.broken:
            node.outbound = _outbound(workflow, place, group, number)
            node.phase, node.message = found.phase, found.message
            return
        for step in group:
            child = workflow.nodes[f"{found.name}.{step.name}"]
            inner.values[f"steps.{step.name}.status"] = child.phase
            inner.add_outputs(f"steps.{step.name}", workflow.outputs_of(step, place, child))
    node.outbound = _outbound(workflow, place, template.groups[-1], len(template.groups) - 1)
    try:
        node.outputs = workflow.declared(template, inner) or None
    except EvaluationFailed as failure:
        node.phase, node.message = "Error", f"task '{node.name}' errored: {failure}"
        return
    node.phase = "Succeeded"


def _group(
    workflow: Workflow, template: Template, place: Place, number: int, group: tuple[Task, ...], scope: Scope
) -> Node:
    name = f"{place.name}[{number}]"
    node = workflow.nodes.get(name)
    if node is None:
        node = workflow.nodes[name] = Node(name, f"[{number}]", "StepGroup", "Running", boundary=place.name)
        before = [place.name] if number == 0 else _outbound(workflow, place, template.groups[number - 1], number - 1)
        for parent in before:
            workflow.attach(parent, name)
    if node.fulfilled:
        return node
    for step in group:
        _step(workflow, place, name, step, scope)
    children = [workflow.nodes.get(f"{name}.{step.name}") for step in group]
    if any(child is None or not child.fulfilled for child in children):
        return node
    for child in children:
        assert child is not None
        if child.broken:
            node.phase, node.message = "Failed", f"child '{child.name}' failed"
            return node
    node.phase = "Succeeded"
    return node


def _step(workflow: Workflow, place: Place, group: str, step: Task, scope: Scope) -> None:
    if step.count is not None or step.depends is not None:
        raise OutsideSubset("a loop or depends in steps")
    name = f"{group}.{step.name}"
    inner = replace(place, name=name, display=step.name, boundary=place.name, depth=place.depth + 1)
    known = workflow.nodes.get(name)
    if known is None and step.when is not None:
        when = scope.substitute(step.when)
        if not holds(when):
            workflow.create(step, inner, "Skipped", "Skipped", f"when '{when}' evaluated false")
            workflow.attach(group, name)
            return
    arguments = {key: scope.substitute(value) for key, value in step.arguments}
    if workflow.execute(step, inner, arguments) is not None:
        workflow.attach(group, name)


def _outbound(workflow: Workflow, place: Place, group: tuple[Task, ...], number: int) -> list[str]:
    names = [f"{place.name}[{number}].{step.name}" for step in group]
    return [out for name in names if name in workflow.nodes for out in workflow.outbound(name)]
