"""The text of a WorkflowTemplate checked against the plan and the playbook, without the emitter's reasoning.

What is checked for every file before it is given out, task by task, from the text itself: `depends` accepts the sources
of the arrows that lead to the task; `when` is true for exactly the edges of these arrows, and missing only where no
run that succeeds leaves them untaken; a join runs below no failed run, whatever lies between; the packets of the
arguments are those of the sources, and the table says of each which edges count; the verdict names every task.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from noetl.compiler import ir
from noetl.errors import InternalError
from noetl.targets.plan import Copy, CopyId, Plan, Unit

from .contract import UnitTable, leaving, words

_LINE: Final = re.compile(
    r'      - \{name: (?P<name>[-a-z0-9]+), template: [-a-z0-9]+(?:, depends: "(?P<depends>[^"]*)")?'
    r'(?:, when: "(?P<when>[^"]*)")?(?:, arguments: \{parameters: \[(?P<arguments>.*)\]\})?\}'
)
_VERDICT: Final = re.compile(
    r"      - name: verdict\n        template: done\n        depends: >-\n((?:          .+\n)+)"
)
_SETTLED: Final = re.compile(r"\(([-a-z0-9]+) \|\| \1\.Omitted\)")
_SUCCEEDED: Final = re.compile(r"([-a-z0-9]+)\.Succeeded")
_READ: Final = r"\(tasks\['(?P<{0}>[-a-z0-9]+)'\]\?\.outputs\?\.parameters\?\.(?P<{1}>[a-z0-9]+) \?\? 'none'\)"
_GUARDED: Final = re.compile(
    rf"\(tasks\['(?P<of>[-a-z0-9]+)'\]\.status == 'Succeeded' \? {_READ.format('name', 'output')} : 'none'\)"
    r" == '(?P<word>[a-z0-9]+)'"
)
_BARE: Final = re.compile(rf"{_READ.format('name', 'output')} == '(?P<word>[a-z0-9]+)'")
_STATUS: Final = re.compile(r"tasks\['(?P<name>[-a-z0-9]+)'\]\.status == 'Succeeded'")
_INPUT: Final = re.compile(r'\{name: (in[0-9]+|unit), value: ("[^"]*"|[-a-z0-9]+)\}')
_PACKET: Final = re.compile(r"\"\{\{= tasks\['([-a-z0-9]+)'\]\?\.outputs\?\.parameters\?\.ctx \?\? 'none' \}\}\"")
_PAYLOAD: Final = '"{{workflow.parameters.payload}}"'
_PHASE: Final = re.compile(r"\{\{tasks\.([-a-z0-9]+)\.status\}\}")


@dataclass(frozen=True, slots=True)
class _Task:
    """A line of the text."""

    name: str
    depends: str
    when: str
    inputs: tuple[str, ...] | None
    """None without a pod."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for a plan."""

    text: str
    """The WorkflowTemplate."""
    names: Mapping[CopyId, str]
    """The tasks of the copies."""
    tables: Mapping[str, UnitTable]


def verify(written: Written, plan: Plan, workflow: ir.Workflow) -> None:
    """Return if the text means what the plan means; InternalError, which says where not, otherwise."""
    tasks = {task.name: task for task in _read(written.text)}
    _check_verdict(written.text, tasks)
    checked = _Check(written, tasks, workflow)
    for unit, copy in plan.copies():
        checked.add(unit, copy)
    if odd := sorted(tasks.keys() - checked.known):
        raise _wrong(f"tasks {odd} stand for nothing")


def _wrong(what: str) -> InternalError:
    return InternalError(f"the manifest does not fit the plan: {what}")


def _read(text: str) -> Iterator[_Task]:
    for found in _LINE.finditer(text):
        given = found["arguments"]
        inputs = None if given is None else tuple(value for name, value in _INPUT.findall(given) if name != "unit")
        if given is not None and _INPUT.search(given) is not None and f"value: {found['name']}}}" not in given:
            raise _wrong(f"task {found['name']} runs another unit")
        yield _Task(found["name"], found["depends"] or "", found["when"] or "", inputs)


def _check_verdict(text: str, tasks: Iterable[str]) -> None:
    found = _VERDICT.search(text)
    named = [] if found is None else _SETTLED.findall(found[1])
    rest = "" if found is None else _SETTLED.sub("", found[1])
    if sorted(named) != sorted(tasks) or rest.split() != ["&&"] * (len(named) - 1):
        raise _wrong("the verdict does not name every task")


class _Check:
    """Copies in order, sources before targets. Tasks are bits where sets of them are large."""

    def __init__(self, written: Written, tasks: Mapping[str, _Task], workflow: ir.Workflow) -> None:
        self.known: set[str] = set()
        """The tasks that have been checked."""
        self._names = written.names
        self._tasks = tasks
        self._tables = written.tables
        self._workflow = workflow
        self._bits = {name: 1 << number for number, name in enumerate(written.names.values())}
        self._above: dict[str, int] = {}
        """For each task all those above it."""
        self._stopping: dict[str, int] = {}
        """For each task those whose failure keeps it from running."""
        self._passing: dict[str, int] = {}
        """For each task those above it that may have failed though it runs, as a region between gathers tokens."""
        self._soft: dict[str, int] = {}
        """For each task the regions above it, and itself, that may succeed though a run failed."""
        self._sure: set[str] = set()
        """The tasks that take every edge where they succeed."""
        self._many: set[str] = set()
        self._words: dict[str, tuple[tuple[ir.Edge, ...], list[str]]] = {}
        self._steps: dict[str, tuple[str, ...]] = {}

    def add(self, unit: Unit, copy: Copy) -> None:
        """Check one task, all of whose sources have been checked."""
        name = self._names[copy.id]
        task = self._tasks.get(name)
        if task is None:
            raise _wrong(f"there is no task {name}")
        sources = list(dict.fromkeys(self._names[arrow.source] for arrow in copy.arriving))
        joins = any(step.join == "all" for step in unit.steps)
        self.known.add(name)
        self._steps[name] = tuple(step.name for step in unit.steps)
        self._many |= {name} if unit.many else set()
        self._above[name] = self._any(sources, self._above) | sum(self._bits[s] for s in sources)
        soft = self._any(sources, self._soft)
        self._soft[name] = soft | (self._bits[name] if unit.many and copy.leaving else 0)
        edges = leaving(self._workflow, self._steps[name])
        self._words[name] = tuple(edges), [f"e{n}" for n in range(len(edges))] if unit.many else words(edges)
        if unit.kind != "region" and not (joins and soft) and not _diverts(unit.step):
            self._sure.add(name)
        self._check_depends(task, unit, sources, joins)
        self._check_when(task, copy, sources)
        self._check_inputs(task, copy, sources, soft if joins else 0)
        if unit.many and copy.leaving:
            self._check_red(name)

    def _any(self, sources: Iterable[str], of: Mapping[str, int]) -> int:
        found = 0
        for source in sources:
            found |= of[source]
        return found

    def _check_depends(self, task: _Task, unit: Unit, sources: list[str], joins: bool) -> None:
        named = _SETTLED.findall(task.depends)
        rest = [part for part in _SETTLED.sub("", task.depends).split(" && ") if part]
        some = rest[0].removeprefix("(").removesuffix(")").split(" || ") if rest else []
        if [f"{source}.Succeeded" for source in sources] != some or len(rest) > 1:
            raise _wrong(f"task {task.name} does not run where one of {sources} succeeded")
        above = self._above[task.name]
        stopping = sum({self._bits.get(other, -1) for other in named})
        if stopping & ~above:
            raise _wrong(f"task {task.name} names tasks that are not above it")
        everywhere = above
        for source in sources:
            everywhere &= self._stopping[source] | self._bits[source]
        stopping |= everywhere
        passing = above if unit.gathers else self._any(sources, self._passing)
        if not joins:
            # At most one token comes here, and none beside that of a failed run: see `noetl.targets.verify`.
            stopping |= above & ~passing
        self._stopping[task.name], self._passing[task.name] = stopping, passing & ~stopping
        if joins and (missing := above & ~(stopping | self._told(task))):
            lost = [name for name, bit in self._bits.items() if bit & missing]
            raise _wrong(f"task {task.name} joins tokens and does not hear of the failure of {lost}")

    def _told(self, task: _Task) -> int:
        """The tasks whose phases the pod is told."""
        named = _PHASE.findall(task.inputs[-1] if task.inputs else "")
        if self._tables[task.name].above != tuple(self._steps[name] for name in named):
            raise _wrong(f"task {task.name} takes phases for those of other steps")
        return sum({self._bits[name] for name in named})

    def _check_red(self, name: str) -> None:
        """That a task fails where a run failed in a region that stays green."""
        red = next((task for task in self._tasks.values() if self._tables[task.name].fails == name), None)
        condition = f"{{{{= (tasks['{name}']?.outputs?.parameters?.failed ?? 'none') == 'yes' }}}}"
        wanted = (
            f"{name}.Succeeded",
            condition,
            (f"\"{{{{= tasks['{name}']?.outputs?.parameters?.ctx ?? 'none' }}}}\"",),
        )
        if red is None or (red.depends, red.when, red.inputs) != wanted:
            raise _wrong(f"no task fails where a run in {name} did")
        self.known.add(red.name)

    def _check_when(self, task: _Task, copy: Copy, sources: list[str]) -> None:
        wanted: dict[tuple[str, str], None] = {}
        for arrow in copy.arriving:
            name = self._names[arrow.source]
            edges, found = self._words[name]
            word = found[next(n for n, edge in enumerate(edges) if edge is arrow.edge)]
            wanted[name, "" if name in self._sure else word] = None
        if not task.when:
            if any(word for _, word in wanted):
                raise _wrong(f"task {task.name} runs although no edge that leads to it was taken")
            return
        told = {self._edge(task, part, alone=len(sources) == 1) for part in task.when[4:-3].split(" || ")}
        if told != {*wanted} or task.when[:4] != "{{= " or task.when[-3:] != " }}":
            raise _wrong(f"task {task.name} runs for other edges than those that lead to it")

    def _edge(self, task: _Task, text: str, *, alone: bool) -> tuple[str, str]:
        """The source and the word that a part of `when` tests; the word is empty where success is all that is asked."""
        if (found := _STATUS.fullmatch(text)) is not None:
            return found["name"], ""
        found = (_BARE if alone else _GUARDED).fullmatch(text)
        if found is None or (not alone and found["of"] != found["name"]):
            raise _wrong(f"task {task.name} has the condition {text!r}")
        if found["name"] in self._many:
            return found["name"], found["output"] if found["word"] == "yes" else ""
        return found["name"], found["word"] if found["output"] == "edge" else ""

    def _check_inputs(self, task: _Task, copy: Copy, sources: list[str], asked: int) -> None:
        table = self._tables[task.name]
        if task.inputs is None:
            if table.sources != tuple(sources):
                raise _wrong(f"task {task.name} stands for a run with other packets")
            return
        given = list(task.inputs)
        if not copy.arriving and given[:1] != [_PAYLOAD]:
            raise _wrong(f"task {task.name} gets no payload")
        packets = [found[1] for value in given if (found := _PACKET.fullmatch(value)) is not None]
        if len(packets) != len(table.edges) or packets[: len(sources)] != sources:
            raise _wrong(f"task {task.name} gets other packets than those of {sources}")
        if sum({self._bits[name] for name in packets}) & asked != asked:
            raise _wrong(f"task {task.name} joins tokens and does not ask every region above for failed runs")
        numbers: dict[str, list[int]] = {name: [] for name in packets}
        for arrow in copy.arriving:
            name = self._names[arrow.source]
            numbers[name].append(next(n for n, edge in enumerate(self._words[name][0]) if edge is arrow.edge))
        if [list(edges) for edges in table.edges] != [numbers[name] for name in packets]:
            raise _wrong(f"the table of task {task.name} counts other edges than those that lead to it")


def _diverts(step: ir.Step) -> bool:
    """Whether a run may succeed and leave an edge untaken: by another `next`, or as a dead path."""
    if not any(step.edges()):
        return False
    return any(
        isinstance(c, ir.Next) or (isinstance(c, ir.Fail) and not _fails(c)) for c in (r.control for r in step.rules)
    )


def _fails(control: ir.Fail) -> bool:
    return isinstance(control.fail_workflow, ir.Const) and control.fail_workflow.value is True
