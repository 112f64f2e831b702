"""The control graph cut into units, for any target: which native tasks a step becomes, and why.

A step is one native task where at most one token can reach it or where it joins all of them, else one copy per token
that can be there at the same time. Every edge of the playbook has an arrow per copy of its source. What `start` does
not reach is dropped first: an engine of tasks would run it, a playbook does not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from noetl.compiler import ir
from noetl.compiler.passes.components import components
from noetl.compiler.passes.facts import Facts
from noetl.compiler.passes.graph import graph
from noetl.compiler.passes.reachability import reachability
from noetl.errors import InternalError

MAX_COPIES: Final = 16
"""Most copies of one step; past it a plan is refused."""


class Reason(Enum):
    """Why a step became the unit that it is: a code and the sentence that explains it."""

    ENTRY = "entry", "every execution starts here"
    ONE_EDGE = "one-edge", "one edge leads here"
    EXCLUSIVE = "exclusive-edges", "at most one of the edges that lead here is taken in an execution"
    JOIN_ALL = "join-all", "join: all takes the tokens of all its edges in one run"
    CONCURRENT = "concurrent-tokens", "several tokens can arrive, and join: each makes a run of every one"

    @property
    def code(self) -> str:
        """The stable name of the reason."""
        return self.value[0]

    @property
    def text(self) -> str:
        """The reason as a sentence."""
        return self.value[1]


@dataclass(frozen=True, slots=True, order=True)
class CopyId:
    """One native task of a step; copies count from 1."""

    step: str
    number: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """An edge of the playbook between two copies."""

    edge: ir.Edge
    source: CopyId
    target: CopyId


@dataclass(frozen=True, slots=True)
class Copy:
    """A step's native task with the arrows that lead to it and away from it, in the order of the edges."""

    id: CopyId
    arriving: tuple[Arrow, ...]
    leaving: tuple[Arrow, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """What a step became."""

    step: ir.Step
    kind: Literal["step", "copies"]
    reason: Reason
    chooses: bool
    """Whether a run that does not fail may leave an edge of the step untaken."""
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The units of a playbook, sources before targets."""

    units: tuple[Unit, ...]

    def copies(self) -> Iterator[tuple[Unit, Copy]]:
        """Every copy with its unit, in order."""
        for unit in self.units:
            for copy in unit.copies:
                yield unit, copy

    def arrows(self) -> Iterator[Arrow]:
        """Every arrow once, by source."""
        for _, copy in self.copies():
            yield from copy.leaving


class TooManyCopies(Exception):
    """A step would have more than MAX_COPIES copies."""

    def __init__(self, step: ir.Step) -> None:
        self.step = step
        super().__init__(step.name)


def control_graph(workflow: ir.Workflow) -> Facts:
    """The facts that a plan needs: edges, what `start` reaches, and cycles."""
    return components(workflow, reachability(workflow, graph(workflow, Facts())))


def cycles(facts: Facts) -> Iterator[tuple[ir.Edge, ...]]:
    """For each group of steps that `start` reaches and that reach each other, the shortest way back to the first."""
    for number, group in enumerate(facts.components.members):
        if number in facts.components.cyclic and group[0] in facts.reach.from_start:
            yield _way_back(facts, group[0])


def _way_back(facts: Facts, step: str) -> tuple[ir.Edge, ...]:
    ways: dict[str, tuple[ir.Edge, ...]] = {step: ()}
    todo = deque([step])
    while todo:
        here = todo.popleft()
        for edge in facts.graph.leaving[here]:
            if edge.target == step:
                return (*ways[here], edge)
            if edge.target not in ways:
                ways[edge.target] = (*ways[here], edge)
                todo.append(edge.target)
    raise InternalError(f'step "{step}" is in a cycle without a way back')


def plan(workflow: ir.Workflow, max_copies: int = MAX_COPIES) -> Plan:
    """The units of a playbook without cycles (ValueError); TooManyCopies where a step needs more than `max_copies`."""
    facts = control_graph(workflow)
    if any(cycles(facts)):
        raise ValueError("the control graph has a cycle")
    names = (name for group in facts.components.members for name in group)
    order = [facts.graph.steps[name] for name in names if name in facts.reach.from_start]
    draft = _Draft(max_copies)
    for step in order:
        draft.add(step)
    return draft.plan(order)


@dataclass(slots=True)
class _Draft:
    """Copies and arrows as numbers while the plan grows: an arrow knows its source at once, its target later."""

    max_copies: int
    copies: list[CopyId] = field(default_factory=list)
    arriving: list[list[int]] = field(default_factory=list)
    leaving: list[list[int]] = field(default_factory=list)
    edges: list[ir.Edge] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    waiting: dict[str, list[int]] = field(default_factory=dict)
    """Arrows that lead to a step whose copies are not made yet."""
    known: dict[tuple[int, int], bool] = field(default_factory=dict)

    def add(self, step: ir.Step) -> None:
        """Make the copies of a step, all of whose sources are there."""
        coming = self.waiting.pop(step.name, [])
        groups = [coming] if step.join == "all" or not coming else self._groups(coming)
        if len(groups) > self.max_copies:
            raise TooManyCopies(step)
        for number, group in enumerate(groups, 1):
            here = len(self.copies)
            self.copies.append(CopyId(step.name, number))
            self.arriving.append(group)
            self.leaving.append([])
            for arrow in group:
                self.targets[arrow] = here
            for edge in step.edges():
                self.leaving[here].append(len(self.edges))
                self.waiting.setdefault(edge.target, []).append(len(self.edges))
                self.edges.append(edge)
                self.sources.append(here)
                self.targets.append(-1)

    def plan(self, order: Sequence[ir.Step]) -> Plan:
        """The finished plan."""
        arrows = [
            Arrow(edge, self.copies[source], self.copies[target])
            for edge, source, target in zip(self.edges, self.sources, self.targets, strict=True)
        ]
        by_step: dict[str, list[Copy]] = {}
        for number, id_ in enumerate(self.copies):
            made = Copy(id_, *(tuple(arrows[a] for a in at[number]) for at in (self.arriving, self.leaving)))
            by_step.setdefault(id_.step, []).append(made)
        return Plan(tuple(_unit(step, tuple(by_step[step.name])) for step in order))

    def _groups(self, coming: Sequence[int]) -> list[list[int]]:
        """The arrows to a `join: each` step, each in the first group of which it excludes every member."""
        groups: list[list[int]] = []
        for arrow in coming:
            for group in groups:
                if all(self._exclude(arrow, other) for other in group):
                    group.append(arrow)
                    break
            else:
                groups.append([arrow])
        return groups

    def _exclude(self, first: int, second: int) -> bool:
        """Whether no execution takes both arrows, whatever each run chooses.

        From one copy: if they belong to different `next`s. Else the arrow whose source is later excludes the other if
        all arrows that lead to its source do. Nothing leads to `start`, so it excludes nothing.
        """
        stack = [(first, second)]
        while stack:
            pair = stack[-1]
            verdict, missing = self._decide(pair)
            if missing is not None:
                stack.append(missing)
            else:
                self.known[pair] = verdict
                stack.pop()
        return self.known[first, second]

    def _decide(self, pair: tuple[int, int]) -> tuple[bool, tuple[int, int] | None]:
        """The answer for a pair, or the pair that has to be known first."""
        one, other = pair
        if self.sources[one] == self.sources[other]:
            return self.edges[one].rule != self.edges[other].rule, None
        if self.sources[one] < self.sources[other]:
            one, other = other, one
        above = self.arriving[self.sources[one]]
        for arrow in above:
            found = self.known.get((arrow, other))
            if found is None:
                return False, (arrow, other)
            if not found:
                return False, None
        return bool(above), None


def _unit(step: ir.Step, copies: tuple[Copy, ...]) -> Unit:
    if len(copies) > 1:
        return Unit(step, "copies", Reason.CONCURRENT, _chooses(step), copies)
    arriving = len(copies[0].arriving)
    if arriving == 0:
        reason = Reason.ENTRY
    elif arriving == 1:
        reason = Reason.ONE_EDGE
    else:
        reason = Reason.JOIN_ALL if step.join == "all" else Reason.EXCLUSIVE
    return Unit(step, "step", reason, _chooses(step), copies)


def _chooses(step: ir.Step) -> bool:
    """A rule may take another `next` or end the run as a dead path (STP-7, FAI-1); a skip takes the structural one."""
    return any(step.edges()) and any(_diverts(rule.control) for rule in step.rules)


def _diverts(control: ir.ControlAction | None) -> bool:
    if isinstance(control, ir.Fail):
        return not (isinstance(control.fail_workflow, ir.Const) and control.fail_workflow.value is True)
    return isinstance(control, ir.Next)
