"""What a picture of a playbook shows: its steps, and the transitions between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from noetl.compiler import ir
from noetl.compiler.passes.facts import Facts

Role: TypeAlias = Literal["next", "success", "failure", "both", "default"]
"""On which outcome a transition is taken; `next` where a step knows no other way, `default` where no rule fired."""
ROLES: Final[dict[Role, str]] = {
    "next": "always",
    "success": "rule, on success",
    "failure": "rule, on failure",
    "both": "rule, on either",
    "default": "no rule fired",
}
"""What a legend says of each."""
_SAYS_NOTHING: Final = re.compile(
    r"event\.name\s*==\s*(['\"])[\w.]+\1|(?:response|result|this|error)\s+is\s+defined|\(\s*\)|"
)
"""What the colour of a line shows already."""
_TOKEN: Final = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Box:
    """One step."""

    number: int
    """Its place in the document, from 0."""
    step: ir.Step
    kind: str
    """The kind of its tool, `marker` or `rules` without one."""
    details: tuple[str, ...]
    """What else is to be known at a glance: the loop, the join."""
    ways: Literal["none", "one", "choice"]
    """`choice`: more than one `next` may be taken, of which one is."""
    forks: bool
    """Whether one of its `next` makes several tokens."""
    joins: bool
    reached: bool
    cyclic: bool
    """Whether the step can come back to itself."""

    @property
    def name(self) -> str:
        """The step's name."""
        return self.step.name


@dataclass(frozen=True, slots=True)
class Line:
    """All transitions of one role from one step to another."""

    source: int
    target: int
    role: Role
    labels: tuple[str, ...]
    """What is left of their conditions without the event, in order."""
    conditions: tuple[str, ...]
    """Their whole conditions."""
    forked: bool
    """Whether it is one of several that are taken together."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes in the order of the document, and lines in that of the rules."""

    title: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]

    def leaving(self, box: Box) -> list[Line]:
        """The lines that leave a box."""
        return [line for line in self.lines if line.source == box.number]


def picture(workflow: ir.Workflow, facts: Facts) -> Picture:
    """The picture of a workflow; steps that share a name, which lint refuses, are one."""
    graph = facts.graph
    numbers = {name: number for number, name in enumerate(graph.steps)}
    lines = [line for name in numbers for line in _lines(name, graph.leaving[name], graph.steps[name], numbers)]
    boxes = [_box(step, numbers[name], graph.leaving[name], facts) for name, step in graph.steps.items()]
    return Picture(workflow.name, tuple(boxes), tuple(lines))


def _box(step: ir.Step, number: int, edges: Iterable[ir.Edge], facts: Facts) -> Box:
    ways = {edge.rule for edge in edges}
    together = [edge.rule for edge in edges]
    loop = step.loop
    details = []
    if loop is not None:
        mode = " in parallel" if loop.parallel else ""
        over = loop.items.source if isinstance(loop.items, ir.Expression | ir.Template) else "a list"
        details.append(f"for {loop.iterator} in {' '.join(over.split())}{mode}")
    joins = step.join == "all" and len(facts.graph.arriving.get(step.name, ())) > 1
    if joins:
        details.append("waits for all")
    return Box(
        number=number,
        step=step,
        kind=step.tool.kind if step.tool else "rules" if step.rules else "marker",
        details=tuple(details),
        ways="none" if not ways else "one" if len(ways) == 1 else "choice",
        forks=any(together.count(rule) > 1 for rule in ways),
        joins=joins,
        reached=step.name in facts.reach.from_start,
        cyclic=facts.components.in_cycle(step.name),
    )


def _lines(name: str, edges: Iterable[ir.Edge], step: ir.Step, numbers: dict[str, int]) -> list[Line]:
    grouped: dict[tuple[str, Role], list[ir.Edge]] = {}
    given = list(edges)
    ruled = any(edge.rule is not None for edge in given)
    for edge in given:
        role: Role = edge.taken_on if edge.rule is not None else "default" if ruled else "next"
        grouped.setdefault((edge.target, role), []).append(edge)
    made = []
    for (target, role), together in grouped.items():
        conditions = [_condition(step, edge) for edge in together]
        labels = dict.fromkeys(label for condition in conditions if (label := _label(condition)))
        forked = any(sum(other.rule == edge.rule for other in given) > 1 for edge in together)
        whole = tuple(dict.fromkeys(condition for condition in conditions if condition))
        made.append(Line(numbers[name], numbers[target], role, tuple(labels), whole, forked))
    return made


def _condition(step: ir.Step, edge: ir.Edge) -> str:
    if edge.rule is None:
        return ""
    when = next(rule.when for rule in step.rules if rule.index == edge.rule)
    return " ".join(when.source.split()) if isinstance(when, ir.Expression) else str(when).lower()


def _label(condition: str) -> str:
    """A condition without the event and without what only asks whether there is an outcome.

    >>> _label("event.name == 'step.exit' and response is defined and response.hot == true")
    'response.hot == true'
    """
    if condition == "true":
        return ""
    return " and ".join(part for part in _conjuncts(condition) if not _SAYS_NOTHING.fullmatch(part))


def _conjuncts(condition: str) -> list[str]:
    """The parts that have to hold together; one, where the condition is of another form."""
    parts, depth, start = [], 0, 0
    for found in _TOKEN.finditer(condition):
        token = found[0]
        depth += (token in ("(", "[", "{")) - (token in (")", "]", "}"))
        if depth == 0 and token in ("or", "if"):
            return [condition]
        if depth == 0 and token == "and":
            parts.append(condition[start : found.start()].strip())
            start = found.end()
    return [*parts, condition[start:].strip()]
