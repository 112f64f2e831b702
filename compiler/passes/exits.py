"""The ways out of each step: which edges exclude each other, and which a run takes together (STP-7, NXT-1, LOP-4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from noetl.compiler import ir

from .facts import Exit, Exits, Facts, Phase


def exits(workflow: ir.Workflow, facts: Facts) -> Facts:
    """Every `next` of every step, with the moments at which it can fire; those of all steps that share a name."""
    found: dict[str, list[Exit]] = {name: [] for name in facts.graph.steps}
    for step in workflow.steps:
        found[step.name] += _exits(step)
    return replace(facts, exits=Exits({name: tuple(ways) for name, ways in found.items()}))


def _exits(step: ir.Step) -> Iterator[Exit]:
    for rule in step.rules:
        if isinstance(rule.control, ir.Next):
            yield Exit(rule.index, rule.control.edges, frozenset(_phases(step, rule)))
    if step.next is not None:
        yield Exit(None, step.next.edges, frozenset(("end",)))


def _phases(step: ir.Step, rule: ir.Rule) -> Iterator[Phase]:
    for event in rule.events:
        if event == "step.enter":
            yield "enter"
        elif step.loop is None or event == "loop.done" or (event == "step.exit" and not rule.per_iteration):
            yield "end"
        else:
            yield "iteration"
