"""The control graph (STP-1)."""

from __future__ import annotations

from dataclasses import replace

from noetl.compiler import ir

from .facts import Facts, Graph


def graph(workflow: ir.Workflow, facts: Facts) -> Facts:
    """Steps by name, and the edges that leave and reach each of them.

    An edge to a step that does not exist is none, and a name that two steps share is one step with the edges of both:
    such a playbook is refused, and still looked at.
    """
    steps: dict[str, ir.Step] = {}
    for step in workflow.steps:
        steps.setdefault(step.name, step)
    leaving: dict[str, list[ir.Edge]] = {name: [] for name in steps}
    arriving: dict[str, list[ir.Edge]] = {name: [] for name in steps}
    for step in workflow.steps:
        for edge in step.edges():
            if edge.target in steps:
                leaving[edge.source].append(edge)
                arriving[edge.target].append(edge)
    entry = ir.START if ir.START in steps else next(iter(steps), None)
    made = Graph(
        entry,
        steps,
        {name: tuple(edges) for name, edges in leaving.items()},
        {name: tuple(edges) for name, edges in arriving.items()},
    )
    return replace(facts, graph=made)
