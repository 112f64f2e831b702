"""NTL411: branches that run side by side and set the same name (CAU-2)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice, pairwise

from noetl.compiler import ir
from noetl.compiler.checked import Checked, of_step
from noetl.compiler.findings import quoted
from noetl.compiler.passes.facts import Facts
from noetl.compiler.passes.threads import parting
from noetl.diagnostics import Diagnostic, Related, Severity, Span, kind

KIND = kind("NTL411", "live-branches-write-one-name", Severity.WARNING, "branches side by side that set the same name")
_MAX_PAIRS = 1000
"""Pairs of steps that are looked at for one name."""
_MAX_SEARCHES = 200
"""Pairs of a file for which the graph is searched."""


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name in the later step, where a step joins the branches and it or one after it may read the name.

    What branches collect is no conflict: lists are concatenated in branch order.
    """
    if not playbook.flows:
        return
    writers: dict[str, dict[str, Span]] = {}
    for step in playbook.workflow.steps:
        for name, span in _sets(step):
            writers.setdefault(name, {}).setdefault(step.name, span)
    searches = iter(range(_MAX_SEARCHES))
    for name, spans in writers.items():
        for first, second in islice(_pairs(list(spans)), _MAX_PAIRS):
            threads = playbook.facts.multiplicity.threads
            if first not in threads or second not in threads or not parting(threads[first], threads[second]):
                continue
            if next(searches, None) is None:
                return
            join = _join(playbook, first, second, name)
            if join is not None:
                step = playbook.facts.graph.steps[second]
                message = (
                    f"{of_step(step)} and step {quoted(first)}, which run side by side, both set {quoted(name)}: "
                    f"from {of_step(join)} on, the one that is later in branch order wins"
                )
                related = (Related(f"step {quoted(first)} sets it here", spans[first]),)
                hint = "set names of their own, or collect into one list"
                yield playbook.found(KIND, message, spans[second], hint=hint, related=related)
                break


def _pairs(steps: list[str]) -> Iterator[tuple[str, str]]:
    return combinations(steps, 2) if len(steps) ** 2 <= _MAX_PAIRS else pairwise(steps)


def _sets(step: ir.Step) -> Iterator[tuple[str, Span]]:
    """The names whose value a step replaces, with their places."""
    maps = [action.entries for rule in step.rules for action in rule.data if isinstance(action, ir.Set)]
    for entries in (*maps, *([step.vars] if step.vars else [])):
        yield from ((name, entries.keys[i] if entries.keys else entries.span) for i, (name, _) in _listed(entries))
    for rule in step.rules:
        for action in rule.data:
            if isinstance(action, ir.Collect) and action.mode == "replace":
                yield action.into, action.span


def _listed(entries: ir.MapValue) -> Iterator[tuple[int, tuple[str, ir.Value]]]:
    return iter(enumerate(entries.entries))


def _join(playbook: Checked, first: str, second: str, name: str) -> ir.Step | None:
    """The step that joins two branches, if the name may be read there or later; None where one leads to the other."""
    facts = playbook.facts
    one, other = _after(facts, first), _after(facts, second)
    if first in other or second in one:
        return None
    leading = _leading(facts, _readers(facts, name))
    joins = (step for step in facts.graph.steps.values() if step.join == "all")
    return next((step for step in joins if step.name in one and step.name in other and step.name in leading), None)


def _readers(facts: Facts, name: str) -> set[str]:
    """The steps that may read the name."""
    wanted = {name, "ctx", "vars"}
    found = {step for step, read in facts.names.reads.items() if wanted & read}
    return found | facts.names.code | {edge[0] for edge, read in facts.names.edge_reads.items() if wanted & read}


def _leading(facts: Facts, steps: set[str]) -> set[str]:
    """The steps, and all that lead to one of them."""
    found = set(steps)
    waiting = list(steps)
    while waiting:
        for edge in facts.graph.arriving[waiting.pop()]:
            if edge.source not in found:
                found.add(edge.source)
                waiting.append(edge.source)
    return found


def _after(facts: Facts, step: str) -> set[str]:
    found: set[str] = set()
    waiting = [step]
    while waiting:
        for edge in facts.graph.leaving[waiting.pop()]:
            if edge.target not in found:
                found.add(edge.target)
                waiting.append(edge.target)
    return found
