"""NTL414: a cycle that nothing but a failure can leave (RUN-7)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler.checked import Checked, both, of_step
from noetl.compiler.findings import quoted
from noetl.compiler.passes.facts import Facts
from noetl.diagnostics import Diagnostic, Related, Severity, kind

KIND = kind("NTL414", "endless-cycle", Severity.WARNING, "a cycle without a way out")
_SHOWN = 5


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the first step of the cycle in the document."""
    facts = playbook.facts
    if not playbook.flows:
        return
    for number in sorted(facts.components.cyclic):
        members = facts.components.members[number]
        closed = _closed(facts, members) if members[0] in facts.reach.from_start else frozenset()
        if closed:
            steps = [step for step in facts.graph.steps.values() if step.name in closed]
            names = [quoted(step.name) for step in steps[:_SHOWN]]
            more = f" and {len(steps) - _SHOWN} more" if len(steps) > _SHOWN else ""
            inside = f"{both(names)}{more} lead to each other" if len(steps) > 1 else "it leads to itself"
            message = (
                f"{of_step(steps[0])} repeats without end: {inside}, whatever the data, "
                "until a call fails or the execution has too many runs"
            )
            edge = next(edge for edge in facts.graph.leaving[steps[-1].name] if edge.target in closed)
            hint = 'put the transition that leads back under a rule, and let "next" lead out'
            yield playbook.found(
                KIND, message, steps[0].span, hint=hint, related=(Related("it leads back", edge.span),)
            )


def _closed(facts: Facts, members: tuple[str, ...]) -> frozenset[str]:
    """The largest set of steps of which each run leads on to one of them: what is left when no more drops out."""
    left = {name for name in members if not facts.routes[name].may_stop}
    waiting = [name for name in members if name not in left]
    leading = {name: [edge.source for edge in facts.graph.arriving[name] if edge.source in left] for name in members}
    candidates = set(left)
    while candidates or waiting:
        dropped = {name for name in candidates if name in left and not _stays(facts, name, left)}
        left -= dropped
        candidates = {source for name in (*waiting, *dropped) for source in leading[name] if source in left}
        waiting = []
    return frozenset(left)


def _stays(facts: Facts, name: str, left: set[str]) -> bool:
    ways = facts.routes[name].ways
    return bool(ways) and all(any(target in left for target in way) for way in ways)
