"""Whether what is named exists, and whether a failed run ends the Workflow and poisons the joins below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from .depends import atoms
from .document import Document, Task, Template, Text
from .graph import Graph
from .problem import Problem

MAX_DEPTH: Final = 90
"""How deep calls of templates may be nested: the controller ends with 100."""
_SUCCEEDED: Final = frozenset({"Succeeded"})


def unknown(document: Document, others: Mapping[str, set[str]]) -> Iterator[Problem]:
    """What is named and does not exist; `others` are the names of the file's objects by kind."""
    templates = {template.name: template for template in document.templates}
    entry = document.text("spec", "entrypoint")
    if entry is not None and entry.text not in templates:
        yield Problem("reference", entry.line, f"the entrypoint {entry.text} is no template")
    volumes = {volume.text for volume in document.names("spec", "volumes")}
    for template in document.templates:
        for mount in template.mounts:
            if mount.text not in volumes:
                yield Problem("reference", mount.line, f"the volume {mount.text} is not there")
        for group in template.groups:
            for task in group:
                yield from _call(task, templates)
    yield from _objects(document, others)


def _objects(document: Document, others: Mapping[str, set[str]]) -> Iterator[Problem]:
    named: list[tuple[str, Text | None]] = [
        ("WorkflowTemplate", document.text("spec", "workflowSpec", "workflowTemplateRef", "name"))
    ]
    named += (("ConfigMap", config) for config in document.configs())
    for kind, name in named:
        if name is not None and name.text not in others.get(kind, ()):
            yield Problem("reference", name.line, f"the {kind} {name.text} is not in the file")


def _call(task: Task, templates: Mapping[str, Template]) -> Iterator[Problem]:
    template = templates.get(task.template)
    if template is None:
        yield Problem("reference", task.line, f"{task.name} calls {task.template}, which is no template")
        return
    inputs = dict(template.inputs)
    given = [name for name, _ in task.arguments]
    for name in given:
        if name not in inputs:
            yield Problem("reference", task.line, f"{task.name} gives {name}, which {template.name} does not take")
    for name, default in inputs.items():
        if default is None and name not in given:
            yield Problem("reference", task.line, f"{task.name} does not give {name}, which {template.name} needs")
    if len(given) != len(set(given)):
        yield Problem("reference", task.line, f"{task.name} gives an argument twice")


def succeeding(
    template: Template, templates: Mapping[str, Template], graph: Graph, *, entry: bool
) -> Iterator[Problem]:
    """Tasks of a dag that may fail and leave it Succeeded: an Omitted task is no failure for Argo."""
    rejected = 0
    for leaf in graph.leaves:
        rejected |= graph.rejects[leaf] | graph.bit(leaf)
    for task in template.groups[0]:
        if _failable(task, templates) and not rejected & graph.bit(task.name):
            yield Problem("verdict", task.line, f"{task.name} may fail, and {template.name} succeeds nevertheless")
    if entry and len(graph.leaves) != 1:
        yield Problem("verdict", template.line, f"{template.name} ends in {len(graph.leaves)} tasks, not in one")


def unpoisoned(template: Template, templates: Mapping[str, Template], graph: Graph) -> Iterator[Problem]:
    """Tasks that wait for others than their sources and run below a failed run.

    What is asked are the tasks between the sources and the last one that all ways go through; a task whose pod is told
    the phase of another one knows itself.
    """
    tasks = {task.name: task for task in template.groups[0]}
    parents = {name: _parents(graph, name) for name in tasks}
    through: dict[str, int] = {}
    for name in sorted(tasks, key=lambda name: graph.above[name].bit_count()):
        through[name] = graph.bit(name) | _common(through, parents[name])
    for name, task in tasks.items():
        formula = graph.formulas.get(name)
        if formula is None or name in graph.leaves or not any("Omitted" in atom.phases for atom in atoms(formula)):
            continue
        asked = _between(graph, parents, parents[name], _common(through, parents[name]))
        told = _told(task)
        for other in graph.members(asked & ~graph.rejects[name]):
            if other not in told and _failable(tasks[other], templates):
                yield Problem("poison", task.line, f"{name} runs though {other} above it failed")


def _parents(graph: Graph, name: str) -> list[str]:
    formula = graph.formulas.get(name)
    found = () if formula is None else atoms(formula)
    return [atom.task for atom in found if atom.phases == _SUCCEEDED]


def _common(through: Mapping[str, int], names: list[str]) -> int:
    found = -1 if names else 0
    for name in names:
        found &= through[name]
    return found


def _between(graph: Graph, parents: Mapping[str, list[str]], sources: list[str], stop: int) -> int:
    found = 0
    todo = list(sources)
    while todo:
        name = todo.pop()
        bit = graph.bit(name)
        if not (found | stop) & bit:
            found |= bit
            todo += parents[name]
    return found


def _told(task: Task) -> set[str]:
    """The tasks whose phases a pod is told."""
    return {
        part.removeprefix("{{tasks.").removesuffix(".status}}")
        for _, value in task.arguments
        if value.text.endswith(".status}}")
        for part in value.text.split(",")
    }


def _failable(task: Task, templates: Mapping[str, Template]) -> bool:
    template = templates.get(task.template)
    return template is None or template.kind != "suspend" or task.when is not None


def recursive(document: Document) -> Iterator[Problem]:
    """Templates that reach themselves, and calls that are nested too deep."""
    templates = {template.name: template for template in document.templates}
    depth: dict[str, int] = {}
    for start in templates:
        todo: list[tuple[str, bool]] = [(start, False)]
        way: set[str] = set()
        while todo:
            name, left = todo.pop()
            calls = {t.template for group in templates[name].groups for t in group} & templates.keys()
            if left:
                way.discard(name)
                depth[name] = 1 + max((depth.get(call, 0) for call in calls), default=0)
            elif name in way:
                yield Problem("recursion", templates[name].line, f"{name} reaches itself")
                return
            elif name not in depth:
                way.add(name)
                todo += [(name, True), *((call, False) for call in sorted(calls))]
    for name, found in depth.items():
        if found > MAX_DEPTH:
            yield Problem("recursion", templates[name].line, f"calls are nested {found} deep below {name}")
            return
