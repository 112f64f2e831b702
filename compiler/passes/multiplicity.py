"""How many runs of each step one execution can have (NXT-1, STP-1, LOP-4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from noetl.compiler import ir

from .facts import Exit, Facts, Multiplicity, Tokens
from .threads import Fork, Thread, Threads, both_alive, common, ordered

_ORDER: Final[tuple[Tokens, ...]] = ("none", "one", "several", "unbounded")


def multiplicity(_workflow: ir.Workflow, facts: Facts) -> Facts:
    """Bounds for all steps, in one walk from sources to targets."""
    count = _Count(facts)
    return replace(facts, multiplicity=Multiplicity(count.runs(), count.threads(), count.meetings))


@dataclass(frozen=True, slots=True)
class _Flow:
    """The tokens at a place: so many, each of the thread or of one that comes from it."""

    thread: Thread
    tokens: Tokens


class _Count:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._threads = Threads()
        self._at: dict[str, _Flow] = {}
        """What leaves each step by an exit with one edge that is taken once."""
        self.meetings: dict[str, Fork] = {}

    def threads(self) -> dict[str, Thread]:
        """The thread of what leaves each step."""
        return {name: flow.thread for name, flow in self._at.items()}

    def runs(self) -> dict[str, Tokens]:
        """The bound of each step."""
        facts = self._facts
        found: dict[str, Tokens] = dict.fromkeys(facts.graph.steps, "none")
        for number, group in enumerate(facts.components.members):
            if group[0] not in facts.reach.from_start:
                continue
            coming = [flow for name in group for flow in self._coming(name, number)]
            if number in facts.components.cyclic:
                flow = self._meeting(coming, takes_all=False)
                # A token that goes round stays one token; a cycle that splits it makes any number of them.
                leaving = flow if self._keeps(group, number) else _Flow(flow.thread, "unbounded")
                self._at.update(dict.fromkeys(group, leaving))
                found.update(dict.fromkeys(group, "unbounded"))
            else:
                takes_all = facts.graph.steps[group[0]].join == "all"
                flow = self._meeting(coming, takes_all=takes_all)
                if not takes_all:
                    self._note(group[0], number)
                self._at[group[0]] = flow
                found[group[0]] = flow.tokens
        return found

    def _coming(self, name: str, component: int) -> Iterator[_Flow]:
        """What arrives at a step from outside its component."""
        if name == self._facts.graph.entry:
            yield _Flow(self._threads.root, "one")
        for edge in self._facts.graph.arriving[name]:
            if edge.source in self._at and self._facts.components.index[edge.source] != component:
                yield self._through(edge)

    def _through(self, edge: ir.Edge) -> _Flow:
        flow = self._at[edge.source]
        way = next(way for way in self._facts.exits.of[edge.source] if way.rule == edge.rule)
        if way.repeats:
            return _Flow(flow.thread, "unbounded")
        if flow.tokens == "one" and len(way.edges) > 1:
            return _Flow(self._threads.split(flow.thread, (edge.source, edge.rule)), "one")
        return flow

    def _meeting(self, coming: list[_Flow], *, takes_all: bool) -> _Flow:
        """All that arrives, as one flow; `takes_all`: one run takes it (STP-1)."""
        threads = list(dict.fromkeys(flow.thread for flow in coming))
        tokens = max((flow.tokens for flow in coming), key=_ORDER.index)
        if tokens == "one":
            if len(threads) == 1:
                return coming[0]
            if takes_all or not both_alive(threads):
                return _Flow(self._threads.merged(threads), "one")
            tokens = "several"
        if takes_all:
            return _Flow(self._threads.merged(threads), "one")
        inner = ordered(threads)
        return _Flow(common(inner[0], inner[-1]), tokens)

    def _note(self, name: str, component: int) -> None:
        """Where two tokens of one fork arrive; not those that one `next` sends there side by side (NXT-1)."""
        arriving = {
            (edge.source, edge.rule): self._through(edge).thread
            for edge in self._facts.graph.arriving[name]
            if edge.source in self._at and self._facts.components.index[edge.source] != component
        }
        fork = self._threads.fork(set(arriving.values()))
        if fork is not None:
            self.meetings[name] = fork

    def _keeps(self, group: tuple[str, ...], component: int) -> bool:
        """Whether no run of the component's steps sends more than one token on inside it, or one inside and others
        out of it."""
        return not any(self._splits(way, component) for name in group for way in self._facts.exits.of[name])

    def _splits(self, way: Exit, component: int) -> bool:
        inside = any(self._facts.components.index.get(edge.target) == component for edge in way.edges)
        return inside and (len(way.edges) > 1 or way.repeats)
