"""The control graph cut into units, for any target: which native tasks the steps become, and why.

A step is one native task where at most one token can reach it or where it joins all of them, else one copy per token
that can be there at the same time. Steps that cannot be tasks are together one region (see `regions`), which the
embedded runtime runs inside a task; a region that one token goes through has copies like a step. Every edge of the
playbook between two units has an arrow per copy of its source. What `start` does not reach is dropped first: an engine
of tasks would run it, a playbook does not.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from noetl.compiler import ir

from .regions import Part, Reason, control_graph, parts

MAX_COPIES: Final = 16
"""Most copies of one step; what needs more becomes a region."""


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
    """What a step became, or several steps together."""

    steps: tuple[ir.Step, ...]
    """One, if it is not a region."""
    kind: Literal["step", "copies", "map", "region"]
    reasons: tuple[Reason, ...]
    """Why each step became this."""
    chooses: bool
    """Whether what does not fail may leave an edge untaken."""
    many: bool
    """Whether any number of tokens may leave by each edge: it may have failed, nevertheless."""
    gathers: bool
    """Whether tokens that come side by side make runs of their own, so that none is lost where another one fails."""
    copies: tuple[Copy, ...]

    @property
    def step(self) -> ir.Step:
        """The first step."""
        return self.steps[0]


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


def plan(workflow: ir.Workflow, max_copies: int = MAX_COPIES, mapped: Container[str] = ()) -> Plan:
    """The units of a playbook, none of them with more than `max_copies` copies.

    The iterations of `mapped` steps are to be tasks of their own; a step that belongs to a region stays there.
    """
    facts = control_graph(workflow)
    crowded: dict[str, Reason] = {}
    while True:
        draft = _Draft(max_copies, mapped)
        for part in parts(workflow, facts, crowded):
            draft.add(part)
        if not draft.crowded:
            return draft.plan()
        crowded |= draft.crowded


@dataclass(slots=True)
class _Draft:
    """Copies and arrows as numbers while the plan grows: an arrow knows its source at once, its target later."""

    max_copies: int
    mapped: Container[str] = ()
    crowded: dict[str, Reason] = field(default_factory=dict)
    """Steps for which the parts have to be cut anew."""
    parts: list[tuple[Part, bool]] = field(default_factory=list)
    """Each with whether it gathers."""
    owners: list[int] = field(default_factory=list)
    """Of each copy the number of its part."""
    copies: list[CopyId] = field(default_factory=list)
    arriving: list[list[int]] = field(default_factory=list)
    leaving: list[list[int]] = field(default_factory=list)
    edges: list[ir.Edge] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    waiting: dict[str, list[int]] = field(default_factory=dict)
    """Arrows that lead to a step whose copies are not made yet."""
    known: dict[tuple[int, int], bool] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        """Make the copies of a part, all of whose sources are there."""
        coming = sorted(arrow for step in part.steps for arrow in self.waiting.pop(step.name, ()))
        leaving = tuple(part.leaving())
        groups = self._groups(coming) if part.many or part.region or part.steps[0].join == "each" else [coming]
        self.parts.append((part, part.many and len(groups) > 1))
        if not coming or part.many:
            groups = [coming]
        elif (reason := self._crowd(part, groups)) is not None:
            self.crowded.update(dict.fromkeys((step.name for step in part.steps), reason))
            groups = [coming]
        for number, group in enumerate(groups, 1):
            here = len(self.copies)
            self.copies.append(CopyId(part.steps[0].name, number))
            self.owners.append(len(self.parts) - 1)
            self.arriving.append(group)
            self.leaving.append([])
            for arrow in group:
                self.targets[arrow] = here
            for edge in leaving:
                self.leaving[here].append(len(self.edges))
                self.waiting.setdefault(edge.target, []).append(len(self.edges))
                self.edges.append(edge)
                self.sources.append(here)
                self.targets.append(-1)

    def plan(self) -> Plan:
        """The finished plan."""
        arrows = [
            Arrow(edge, self.copies[source], self.copies[target])
            for edge, source, target in zip(self.edges, self.sources, self.targets, strict=True)
        ]
        by_part: list[list[Copy]] = [[] for _ in self.parts]
        for number, id_ in enumerate(self.copies):
            made = Copy(id_, *(tuple(arrows[a] for a in at[number]) for at in (self.arriving, self.leaving)))
            by_part[self.owners[number]].append(made)
        units = zip(self.parts, by_part, strict=True)
        return Plan(tuple(_unit(part, gathers, tuple(copies), self.mapped) for (part, gathers), copies in units))

    def _crowd(self, part: Part, groups: Sequence[Sequence[int]]) -> Reason | None:
        """Why a part cannot have a copy for each group of arrows, if so."""
        if part.region and any(step.join == "all" for step in part.steps):
            several = len(groups) > 1 or any(self._many(arrow) for group in groups for arrow in group)
            return Reason.JOIN_IN_CYCLE if several else None
        return Reason.TOO_MANY if len(groups) > self.max_copies else None

    def _many(self, arrow: int) -> bool:
        """Whether any number of tokens may come by an arrow."""
        return self.parts[self.owners[self.sources[arrow]]][0].many

    def _groups(self, coming: Sequence[int]) -> list[list[int]]:
        """Arrows, each in the first group of which it excludes every member."""
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

        From one copy: if they belong to different `next`s, of which a region that one token goes through takes one,
        too. Else the arrow whose source is later excludes the other if all arrows that lead to its source do. Nothing
        leads to `start`, so it excludes nothing.
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
            return not self._many(one) and _way(self.edges[one]) != _way(self.edges[other]), None
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


def _way(edge: ir.Edge) -> tuple[str, int | None]:
    """The `next` that an edge belongs to."""
    return edge.source, edge.rule


def _unit(part: Part, gathers: bool, copies: tuple[Copy, ...], mapped: Container[str]) -> Unit:
    if part.region:
        return Unit(part.steps, "region", part.reasons, bool(copies[0].leaving), part.many, gathers, copies)
    (step,) = part.steps
    arriving = len(copies[0].arriving)
    if step.name in mapped:
        reason = Reason.MAPPED
    elif len(copies) > 1:
        reason = Reason.CONCURRENT
    elif arriving == 0:
        reason = Reason.ENTRY
    elif arriving == 1:
        reason = Reason.ONE_EDGE
    else:
        reason = Reason.JOIN_ALL if step.join == "all" else Reason.EXCLUSIVE
    kind: Literal["step", "copies", "map"] = "copies" if len(copies) > 1 else "step"
    if reason is Reason.MAPPED:
        kind = "map"
    return Unit(part.steps, kind, (reason,), _chooses(step), many=False, gathers=False, copies=copies)


def _chooses(step: ir.Step) -> bool:
    """A rule may take another `next` or end the run as a dead path (STP-7, FAI-1); a skip takes the structural one."""
    return any(step.edges()) and any(_diverts(rule.control) for rule in step.rules)


def _diverts(control: ir.ControlAction | None) -> bool:
    if isinstance(control, ir.Fail):
        return not (isinstance(control.fail_workflow, ir.Const) and control.fail_workflow.value is True)
    return isinstance(control, ir.Next)
