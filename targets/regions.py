"""The steps cut into parts: those that stay alone, and regions, whose steps the embedded runtime runs together.

Steps that lead back to themselves belong together. Where any number of tokens may come to a step of which each makes a
run of its own, no number of native tasks is enough, so the step belongs to the region that the tokens come from, and so
on, up to the steps that join them all. What lies between two steps of a region belongs to it, too, as no part may lead
back to one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from noetl.compiler import ir
from noetl.compiler.passes.components import components
from noetl.compiler.passes.facts import Facts, Graph
from noetl.compiler.passes.graph import graph
from noetl.compiler.passes.reachability import reachability


class Reason(Enum):
    """Why a step became what it is: a code and the sentence that explains it."""

    ENTRY = "entry", "every execution starts here"
    ONE_EDGE = "one-edge", "one edge leads here"
    EXCLUSIVE = "exclusive-edges", "at most one of the edges that lead here is taken in an execution"
    JOIN_ALL = "join-all", "join: all takes the tokens of all its edges in one run"
    CONCURRENT = "concurrent-tokens", "several tokens can arrive, and join: each makes a run of every one"
    MAPPED = "mapped", "its iterations are tasks of their own, as --map asks"
    CYCLE = "cycle", "it leads back to itself"
    FAN_OUT = "fan-out", "its iterations release tokens, as many as there are items"
    JOIN_IN_CYCLE = "join-in-cycle", "a join of its cycle takes the tokens of edges that can be taken side by side"
    TOO_MANY = "too-many-tokens", "more tokens can be here at the same time than a step has copies"
    FED = "any-number-of-tokens", "any number of tokens can arrive, and join: each makes a run of every one"
    BETWEEN = "between", "it lies between steps of the region"

    @property
    def code(self) -> str:
        """The stable name of the reason."""
        return self.value[0]

    @property
    def text(self) -> str:
        """The reason as a sentence."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Part:
    """Steps that stay together, in the order in which a walk from `start` meets them."""

    steps: tuple[ir.Step, ...]
    reasons: tuple[Reason, ...]
    """Of a region, why each step belongs to it; empty for a step that stays alone."""
    many: bool
    """Whether any number of tokens may be in it at the same time, and leave by any of its edges. Else one token comes
    in (all tokens, where it is a single join), and what leaves is one `next`."""

    @property
    def region(self) -> bool:
        """Whether the steps are run together."""
        return bool(self.reasons)

    def leaving(self) -> Iterator[ir.Edge]:
        """The edges that lead out."""
        inside = {step.name for step in self.steps}
        for step in self.steps:
            yield from (edge for edge in step.edges() if edge.target not in inside)


def control_graph(workflow: ir.Workflow) -> Facts:
    """The facts that a plan needs: edges, what `start` reaches, and cycles."""
    return components(workflow, reachability(workflow, graph(workflow, Facts())))


def fans_out(step: ir.Step) -> bool:
    """Whether an iteration of the step's loop may release tokens (LOP-3, LOP-4)."""
    return step.loop is not None and any(
        isinstance(rule.control, ir.Next)
        and rule.control.edges
        and (rule.per_iteration if event == "step.exit" else event in ("call.done", "call.error"))
        for rule in step.rules
        for event in rule.events
    )


def one_token(steps: Iterable[ir.Step]) -> bool:
    """Whether one token that comes into steps that lead to each other stays one, until it leaves by one `next`."""
    inside = {step.name: step for step in steps}
    for step in inside.values():
        ways: dict[int | None, list[str]] = {}
        for edge in step.edges():
            ways.setdefault(edge.rule, []).append(edge.target)
        if fans_out(step) or any(len(way) > 1 and not inside.keys().isdisjoint(way) for way in ways.values()):
            return False
    return True


def parts(workflow: ir.Workflow, facts: Facts, crowded: Mapping[str, Reason]) -> list[Part]:
    """The parts of what `start` reaches, sources before targets. `crowded` steps take any number of tokens."""
    cut = _Cut(workflow, facts, {**dict(_crowded(facts)), **crowded})
    return list(cut.parts())


def _crowded(facts: Facts) -> Iterator[tuple[str, Reason]]:
    """The steps that need a region of any number of tokens whatever leads to them."""
    for number, group in enumerate(facts.components.members):
        steps = [facts.graph.steps[name] for name in group]
        cyclic = number in facts.components.cyclic
        if group[0] in facts.reach.from_start and (cyclic or fans_out(steps[0])) and not one_token(steps):
            yield from ((step.name, Reason.FAN_OUT if fans_out(step) else Reason.CYCLE) for step in steps)


@dataclass(slots=True)
class _Cut:
    """Parts while they grow."""

    workflow: ir.Workflow
    facts: Facts
    crowded: dict[str, Reason]
    """The steps of regions with any number of tokens, and why each belongs to its region."""
    owner: dict[str, str] = field(default_factory=dict)
    """For each step the first one of its part."""

    def parts(self) -> Iterator[Part]:
        """The finished parts."""
        groups = self.facts.components.members
        self.owner = {name: group[0] for group in groups for name in group}
        order = [group[0] for group in groups]
        if self.crowded:
            self._feed(list(self.crowded))
            groups = self._contracted()
            while any(len(group) > 1 for group in groups):
                self._feed(self._merge(groups))
                groups = self._contracted()
            order = [group[0] for group in groups]
        members: dict[str, list[str]] = {}
        for group in self.facts.components.members:
            members.setdefault(self.owner[group[0]], []).extend(group)
        for first in order:
            if first in self.facts.reach.from_start:
                yield self._part([self.facts.graph.steps[name] for name in members[first]])

    def _part(self, steps: list[ir.Step]) -> Part:
        many = steps[0].name in self.crowded
        region = many or self.facts.components.in_cycle(steps[0].name)
        reasons = tuple(self.crowded.get(step.name, Reason.CYCLE) for step in steps) if region else ()
        return Part(tuple(steps), reasons, many)

    def _feed(self, crowd: list[str]) -> None:
        """Steps to which a crowded one leads join its part, unless they join all tokens."""
        while crowd:
            name = crowd.pop()
            for other in self.facts.components.members[self.facts.components.index[name]]:
                if other not in self.crowded:
                    self.crowded[other] = Reason.CYCLE
                    crowd.append(other)
            for edge in self.facts.graph.leaving[name]:
                if self.facts.graph.steps[edge.target].join == "each":
                    self._unite(name, edge.target)
                    if edge.target not in self.crowded:
                        self.crowded[edge.target] = Reason.FED
                        crowd.append(edge.target)

    def _unite(self, one: str, other: str) -> None:
        gone, kept = self._find(other), self._find(one)
        if gone != kept:
            self.owner[gone] = kept

    def _find(self, name: str) -> str:
        while self.owner[name] != name:
            self.owner[name] = self.owner[self.owner[name]]
            name = self.owner[name]
        return name

    def _contracted(self) -> tuple[tuple[str, ...], ...]:
        """The parts in groups of those that lead to each other, sources before targets."""
        for name in self.owner:
            self.owner[name] = self._find(name)
        leaving: dict[str, list[ir.Edge]] = {first: [] for first in self.owner.values()}
        for name in self.owner:
            for edge in self.facts.graph.leaving[name]:
                source, target = self.owner[name], self.owner[edge.target]
                if source != target:
                    leaving[source].append(replace(edge, source=source, target=target))
        steps = {first: self.facts.graph.steps[first] for first in leaving}
        entry = self.facts.graph.entry
        made = Graph(
            None if entry is None else self.owner[entry],
            steps,
            {name: tuple(edges) for name, edges in leaving.items()},
            {},
        )
        return components(self.workflow, replace(self.facts, graph=made)).components.members

    def _merge(self, groups: tuple[tuple[str, ...], ...]) -> list[str]:
        """Make one part of each group; the steps that have become crowded by it."""
        fresh: list[str] = []
        for group in groups:
            for other in group[1:]:
                self._unite(group[0], other)
        merged = {self._find(group[0]) for group in groups if len(group) > 1}
        for name in self.owner:
            if name not in self.crowded and self._find(name) in merged:
                self.crowded[name] = Reason.BETWEEN
                fresh.append(name)
        return fresh
