"""A plan as tasks of a DAG template: names, what each reads, and what may have failed above. What is emitted, explained
and checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from noetl.compiler import ir
from noetl.targets.plan import Copy, CopyId, Plan, Unit

from .contract import UnitTable, words
from .names import object_name, unit_name


@dataclass(frozen=True, eq=False)
class UnitTask:
    """One task that runs a step, or the steps of a region, or stands for a run that needs no pod."""

    name: str
    unit: Unit
    copy: Copy
    lines: tuple[int, int]
    sources: tuple[UnitTask, ...]
    """The tasks above that edges lead from, each once, in the order of the edges."""
    asked: tuple[UnitTask, ...]
    """The regions that may have failed though they left tokens, and whose failure may poison a join here (RUN-6)."""
    named: tuple[UnitTask, ...]
    """The tasks above whose failure it has to know of itself, as it could have tokens nevertheless."""
    pod: bool
    """Whether a pod runs it."""

    @property
    def joins(self) -> bool:
        """Whether a step of it joins tokens, so that failed runs above poison it."""
        return any(step.join == "all" for step in self.unit.steps)

    @property
    def soft(self) -> bool:
        """Whether it is green although a run in it failed: tokens may have left."""
        return self.unit.many and bool(self.copy.leaving)

    @property
    def decides(self) -> bool:
        """Whether what does not fail may leave an edge untaken: it chooses, or it may have been poisoned unseen."""
        return self.unit.chooses or bool(self.asked)

    @property
    def told(self) -> tuple[UnitTask, ...]:
        """The tasks above whose phases its pod is told: a region of many tokens goes on where some of them failed."""
        return self.named if self.unit.many and self.joins else ()

    @cached_property
    def edges(self) -> tuple[ir.Edge, ...]:
        """The edges that leave it, by number."""
        return tuple(arrow.edge for arrow in self.copy.leaving)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """For each of its edges the word that its outputs have for it: the edge's own in a region of many tokens."""
        return tuple(f"e{n}" for n in range(len(self.edges))) if self.unit.many else tuple(words(self.edges))

    @cached_property
    def arriving(self) -> dict[str, list[int]]:
        """For each source the numbers of its edges that lead here."""
        found: dict[str, list[int]] = {source.name: [] for source in self.sources}
        names = {source.copy.id: source for source in self.sources}
        for arrow in self.copy.arriving:
            source = names[arrow.source]
            found[source.name].append(source.numbers[id(arrow)])
        return found

    @cached_property
    def numbers(self) -> dict[int, int]:
        """The numbers of the arrows that leave it, by identity."""
        return {id(arrow): number for number, arrow in enumerate(self.copy.leaving)}

    @property
    def packets(self) -> tuple[UnitTask, ...]:
        """The tasks whose packets it gets."""
        return (*self.sources, *(task for task in self.asked if task not in self.sources))

    def table(self) -> UnitTable:
        """What its pod is told."""
        return UnitTable(
            steps=tuple(step.name for step in self.unit.steps),
            lines=self.lines,
            edges=tuple(tuple(self.arriving.get(task.name, ())) for task in self.packets),
            above=tuple(tuple(step.name for step in task.unit.steps) for task in self.told),
            starts=not self.copy.arriving,
            many=self.unit.many,
            soft=self.soft,
            sources=None if self.pod else tuple(task.name for task in self.sources),
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """All tasks of a playbook, in an order in which sources come first."""

    name: str
    """Of the WorkflowTemplate."""
    tasks: tuple[UnitTask, ...]


def lay_out(workflow: ir.Workflow, plan: Plan) -> Layout:
    """Names and relations for everything in a plan; the same playbook always gets the same."""
    made = _Layout(plan)
    return Layout(object_name(workflow.path or workflow.name), tuple(made.tasks()))


class _Layout:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tasks: dict[CopyId, UnitTask] = {}
        self._many: dict[CopyId, dict[CopyId, None]] = {}
        """For each task the regions of many tokens above it and itself."""
        self._order: dict[CopyId, int] = {}
        self._dominators: dict[CopyId, CopyId | None] = {}
        self._blind: set[CopyId] = set()
        """The tasks that may run although some task above has failed."""

    def tasks(self) -> Iterator[UnitTask]:
        for unit, copy in self._plan.copies():
            sources = list(dict.fromkeys(arrow.source for arrow in copy.arriving))
            self._order[copy.id] = len(self._order)
            self._dominators[copy.id] = self._dominator(sources)
            many = {id_: None for source in sources for id_ in self._many[source]}
            joins = any(step.join == "all" for step in unit.steps)
            if unit.gathers or (not self._blind.isdisjoint(sources) and (unit.kind == "region" or not joins)):
                self._blind.add(copy.id)
            task = UnitTask(
                unit_name(unit.step.name, copy.id.number, len(unit.copies), region=len(unit.steps) > 1),
                unit,
                copy,
                extent(unit.steps),
                tuple(self._tasks[id_] for id_ in sources),
                tuple(self._tasks[id_] for id_ in many) if joins else (),
                tuple(self._tasks[id_] for id_ in self._named(copy.id, sources)) if joins else (),
                pod=bool(many and joins) or not sources or not _calls_nothing(unit),
            )
            self._tasks[copy.id] = task
            self._many[copy.id] = many | {copy.id: None} if unit.many else many
            yield task

    def _dominator(self, sources: list[CopyId]) -> CopyId | None:
        """The nearest task that every way to these goes through, one of them if it is the only one."""
        found: CopyId | None = sources[0] if sources else None
        for source in sources[1:]:
            other: CopyId | None = source
            while found != other and found is not None and other is not None:
                if self._order[found] > self._order[other]:
                    found = self._dominators[found]
                else:
                    other = self._dominators[other]
        return found

    def _named(self, here: CopyId, sources: list[CopyId]) -> Iterable[CopyId]:
        """The tasks above that may fail while tokens come here: those after the last that all ways go through.

        What is before that one has not failed where it ran: a failed run poisons joins, and another copy is there for
        each token that can come beside that of the failed run. Only a region that gathers tokens runs whatever failed
        above, so below one, up to the next join, what is before it counts, too.
        """
        stop = self._dominators[here]
        while stop is not None and stop in self._blind:
            stop = self._dominators[stop]
        found: set[CopyId] = set()
        todo = list(sources)
        while todo:
            id_ = todo.pop()
            if id_ not in found and id_ != stop:
                found.add(id_)
                todo += (task.copy.id for task in self._tasks[id_].sources)
        return sorted(found, key=self._order.__getitem__)


def _calls_nothing(unit: Unit) -> bool:
    """Whether a run of the unit can only succeed, with the args of its tokens, and nothing comes after it."""
    if unit.kind == "region" or any(unit.step.edges()):
        return False
    step = unit.step
    parts = (step.tool, step.loop, step.vars, step.sink, *step.rules, *step.args.entries)
    return not any(part is not None for part in parts)


def extent(steps: Iterable[ir.Step]) -> tuple[int, int]:
    """The first and the last line of steps."""
    places = [step.extent for step in steps]
    last = max(place.end_line - (place.end_column == 1 and place.end_line > place.line) for place in places)
    return min(place.line for place in places), last
