"""What a playbook's expressions ask of payload and outcomes: the paths that they read, the constants beside these."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from jinja2 import nodes

from noetl.compiler import ir
from noetl.compiler.expr import examine
from noetl.compiler.expr.analysis import OUTCOME_ROOTS
from noetl.compiler.ir import Json
from noetl.compiler.parts import tools_of_step

Path: TypeAlias = "tuple[str | int, ...]"
Pool: TypeAlias = "dict[Path, list[Json]]"
"""Values worth a try, by the path that is read."""
LONG: Final = 12
"""Items of a long list."""
ANY: Final[tuple[Json, ...]] = (1, True, "x", 0, None, False, "", [], [1, 2, 3], {"k": 1}, 0.5, [*range(LONG)])
"""What a path may hold that nothing is known of."""
ERRORS: Final[tuple[Json, ...]] = ("Timeout", "ConnectionFailed")
STATUSES: Final = (500, 404, 429, 503, 401)


@dataclass(slots=True)
class Mined:
    """What was found."""

    responses: dict[str, Pool] = field(default_factory=dict)
    """By step."""
    errors: Pool = field(default_factory=dict)
    workload: Pool = field(default_factory=dict)
    calls: bool = False
    """Whether it calls other playbooks: outcomes are then the same for all steps, as only places tell them apart."""

    def all_responses(self) -> Pool:
        """What is read of the responses of any step."""
        found: Pool = {}
        for pool in self.responses.values():
            for path, values in pool.items():
                found.setdefault(path, []).extend(values)
        return found


def mine(workflow: ir.Workflow) -> Mined:
    """Go through every expression of a playbook."""
    kinds = {tool.kind for step in workflow.steps for tool in tools_of_step(step)}
    found = Mined({step.name: {} for step in workflow.steps}, calls="playbook" in kinds)
    for step in workflow.steps:
        for source, template in _sources(step):
            _note(found, step.name, source, template)
    for task in workflow.tasks:
        for source, template in _sources(task):
            _note(found, None, source, template)
    return found


def _note(found: Mined, step: str | None, source: str, template: bool) -> None:
    parsed = examine(source, template)
    constants = [node.value for node in parsed.root.find_all(nodes.Const) if _usable(node.value)]
    near = [value + 1 for value in constants if isinstance(value, int) and not isinstance(value, bool)]
    near += [value - 1 for value in constants if isinstance(value, int) and not isinstance(value, bool)]
    for read in parsed.found.reads:
        path: Path = tuple(read.path)
        pool: Pool | None = None
        if read.name in OUTCOME_ROOTS and step is not None:
            pool = found.responses[step]
        elif read.name == "event" and path[:2] == ("payload", "response") and step is not None:
            pool, path = found.responses[step], path[2:]
        elif read.name in found.responses:
            pool = found.responses[read.name]
        elif read.name == "steps" and path and path[0] in found.responses:
            pool, path = found.responses[str(path[0])], path[1:]
        elif read.name == "error":
            pool = found.errors
        elif read.name == "workload":
            pool = found.workload
        if pool is not None:
            values = pool.setdefault(path, [])
            values += [value for value in (*constants, *near) if value not in values]


def _usable(value: object) -> bool:
    return isinstance(value, str | int | float | bool) and value not in ir.EVENTS


def _sources(part: object) -> Iterator[tuple[str, bool]]:
    """Every expression, and every template, below a part of the IR."""
    if isinstance(part, ir.Expression | ir.Template):
        yield part.source, isinstance(part, ir.Template)
    elif isinstance(part, tuple):
        for item in part:
            yield from _sources(item)
    elif dataclasses.is_dataclass(part) and not isinstance(part, type):
        for one in dataclasses.fields(part):
            if one.compare:  # what it came from is no part of it
                yield from _sources(getattr(part, one.name))


def put(owner: Json, path: Path, value: Json) -> Json:
    """The owner with a value at a path, with the maps and lists that it takes."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(first, int):
        items = list(owner) if isinstance(owner, list) else []
        index = first if first >= 0 else 0
        while len(items) <= index:
            items.append(None)
        items[index] = put(items[index], rest, value)
        return items
    entries = dict(owner) if isinstance(owner, dict) else {}
    entries[first] = put(entries.get(first), rest, value)
    return entries
