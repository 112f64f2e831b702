"""Which steps lead where (STP-1, RUN-6)."""

from __future__ import annotations

from dataclasses import replace

from noetl.compiler import ir

from .facts import Facts, Reach


def reachability(_workflow: ir.Workflow, facts: Facts) -> Facts:
    """What the entry reaches. All other questions are searches, made when they are asked: a table of all pairs would
    grow with the square of the playbook."""
    found: set[str] = set()
    entry = facts.graph.entry
    waiting = [] if entry is None else [entry]
    found.update(waiting)
    while waiting:
        for edge in facts.graph.leaving[waiting.pop()]:
            if edge.target not in found:
                found.add(edge.target)
                waiting.append(edge.target)
    return replace(facts, reach=Reach(facts.graph.arriving, frozenset(found)))
