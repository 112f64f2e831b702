"""A template's tasks as a graph: what is above each, and whose failure keeps each from running."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .depends import Atom, Both, Formula, NoDepends, atoms, parse
from .document import Task, Template
from .problem import Problem

_FAILURES = frozenset({"Errored", "Failed"})


@dataclass(slots=True)
class Graph:
    """The tasks of a dag, or the steps of a steps template. Sets of them are numbers, a bit for each."""

    names: dict[str, int] = field(default_factory=dict)
    """Each with its place."""
    above: dict[str, int] = field(default_factory=dict)
    """What comes before each, however far."""
    rejects: dict[str, int] = field(default_factory=dict)
    """The tasks of which a failure keeps it from running."""
    formulas: dict[str, Formula] = field(default_factory=dict)
    leaves: tuple[str, ...] = ()

    def bit(self, name: str) -> int:
        """The set of one task."""
        return 1 << self.names[name]

    def members(self, several: int) -> Iterator[str]:
        """The names of a set, in the order of the manifest."""
        return (name for name, place in self.names.items() if several >> place & 1)


def graph_of(template: Template, found: list[Problem]) -> Graph | None:
    """The graph of a dag or of a steps template; None where its `depends` cannot be followed, which `found` tells."""
    if template.kind == "steps":
        return _of_groups(template)
    graph = Graph({task.name: place for place, task in enumerate(template.groups[0])})
    tasks = {task.name: task for task in template.groups[0]}
    before = len(found)
    for task in tasks.values():
        _add(graph, task, found)
    if len(found) > before:
        return None
    order = _ordered(graph, tasks, found)
    if order is None:
        return None
    for name in order:
        _follow(graph, name)
    needed = {atom.task for formula in graph.formulas.values() for atom in atoms(formula)}
    graph.leaves = tuple(name for name in tasks if name not in needed)
    return graph


def _of_groups(template: Template) -> Graph:
    """Each group runs where no step of those before it failed."""
    graph = Graph()
    above = 0
    for group in template.groups:
        for step in group:
            graph.names.setdefault(step.name, len(graph.names))
            graph.above[step.name] = graph.rejects[step.name] = above
        for step in group:
            above |= graph.bit(step.name)
    graph.leaves = tuple(graph.names)
    return graph


def _add(graph: Graph, task: Task, found: list[Problem]) -> None:
    if task.depends is None:
        return
    try:
        formula = parse(task.depends.text)
    except NoDepends as wrong:
        found.append(Problem("depends", task.depends.line, f"depends of {task.name}: {wrong}"))
        return
    for atom in atoms(formula):
        if atom.task not in graph.names:
            found.append(Problem("depends", task.depends.line, f"{task.name} depends on {atom.task}, which is no task"))
    graph.formulas[task.name] = formula


def _ordered(graph: Graph, tasks: dict[str, Task], found: list[Problem]) -> list[str] | None:
    """The tasks, each after those that it depends on; None if there is a circle."""
    waits = {
        name: {atom.task for atom in atoms(graph.formulas[name])} if name in graph.formulas else set() for name in tasks
    }
    below: dict[str, list[str]] = {name: [] for name in tasks}
    for name, sources in waits.items():
        for source in sources:
            below[source].append(name)
    ready = [name for name, sources in waits.items() if not sources]
    order: list[str] = []
    left = {name: len(sources) for name, sources in waits.items()}
    while ready:
        name = ready.pop()
        order.append(name)
        for other in below[name]:
            left[other] -= 1
            if not left[other]:
                ready.append(other)
    if len(order) < len(tasks):
        name = next(name for name in tasks if left[name])
        found.append(Problem("depends", tasks[name].line, f"{name} waits for itself"))
        return None
    return order


def _follow(graph: Graph, name: str) -> None:
    formula = graph.formulas.get(name)
    above = 0
    for atom in atoms(formula) if formula is not None else ():
        above |= graph.bit(atom.task) | graph.above[atom.task]
    graph.above[name] = above
    graph.rejects[name] = 0 if formula is None else _rejected(graph, formula)


def _rejected(graph: Graph, formula: Formula) -> int:
    """The tasks of which a failure makes a formula false, whatever becomes of the others.

    Below a failed run a task that does not run is Omitted, hence neither Succeeded nor Skipped.
    """
    if isinstance(formula, Atom):
        found = 0 if formula.phases & _FAILURES else graph.bit(formula.task)
        return found if "Omitted" in formula.phases else found | graph.rejects[formula.task]
    parts = _atoms_merged(formula)
    found = _rejected(graph, parts[0])
    for part in parts[1:]:
        other = _rejected(graph, part)
        found = found | other if isinstance(formula, Both) else found & other
    return found


def _atoms_merged(formula: Formula) -> list[Formula]:
    """The parts of a formula; those of an alternative that are about one task are one atom."""
    assert not isinstance(formula, Atom)
    if isinstance(formula, Both):
        return [*formula.parts]
    merged: dict[str, Atom] = {}
    rest: list[Formula] = []
    for part in formula.parts:
        if isinstance(part, Atom):
            known = merged.get(part.task)
            phases = part.phases | (known.phases if known else frozenset())
            merged[part.task] = Atom(part.task, phases)
        else:
            rest.append(part)
    return [*merged.values(), *rest]
