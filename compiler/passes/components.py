"""Cycles: the strongly connected components of the control graph, by Tarjan's algorithm without recursion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from noetl.compiler import ir

from .facts import Components, Facts


def components(_workflow: ir.Workflow, facts: Facts) -> Facts:
    """The components, sources before targets, and which of them hold a cycle.

    In what the entry reaches their order does not depend on that of the steps in the document.
    """
    search = _Search(facts.graph.leaving)
    if facts.graph.entry is not None:
        search.visit(facts.graph.entry)
    for name in facts.graph.steps:
        search.visit(name)
    members = tuple(reversed(search.done))
    index = {name: number for number, group in enumerate(members) for name in group}
    cyclic = frozenset(
        number
        for number, group in enumerate(members)
        if len(group) > 1 or any(edge.target == group[0] for edge in facts.graph.leaving[group[0]])
    )
    return replace(facts, components=Components(members, index, cyclic))


@dataclass(slots=True)
class _Search:
    leaving: Mapping[str, tuple[ir.Edge, ...]]
    done: list[tuple[str, ...]] = field(default_factory=list)
    """Finished components, targets before sources."""
    order: dict[str, int] = field(default_factory=dict)
    low: dict[str, int] = field(default_factory=dict)
    """The earliest step still open that each step leads to."""
    open: dict[str, None] = field(default_factory=dict)
    """The steps whose component is not finished, oldest first."""

    def visit(self, root: str) -> None:
        """Walk all that `root` leads to and that was not walked before."""
        if root in self.order:
            return
        path = [(root, self._enter(root))]
        while path:
            name, targets = path[-1]
            target = next(targets, None)
            if target is None:
                path.pop()
                if path:
                    above = path[-1][0]
                    self.low[above] = min(self.low[above], self.low[name])
                if self.low[name] == self.order[name]:
                    self._finish(name)
            elif target not in self.order:
                path.append((target, self._enter(target)))
            elif target in self.open:
                self.low[name] = min(self.low[name], self.order[target])

    def _enter(self, name: str) -> Iterator[str]:
        self.order[name] = self.low[name] = len(self.order)
        self.open[name] = None
        # Targets are walked last to first, so that finished components stand in the order of the document.
        return iter([edge.target for edge in reversed(self.leaving[name])])

    def _finish(self, root: str) -> None:
        group: list[str] = []
        while not group or group[-1] != root:
            name, _ = self.open.popitem()
            group.append(name)
        self.done.append(tuple(reversed(group)))
