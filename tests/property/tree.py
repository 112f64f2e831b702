"""Finds and changes the parts of a playbook that is a tree of JSON values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis

from noetl.compiler.ir import Json

from .yaml_writer import Path

Map = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Part:
    """A mapping of the playbook, the way to it, and the step that it belongs to, if any."""

    path: Path
    map: Map
    step: Map | None = None

    def at(self, *more: str | int) -> Path:
        """The way to something in it."""
        return (*self.path, *more)


def maps(value: Json) -> list[tuple[int, Map]]:
    """The mappings of a list, with their index."""
    return [(i, item) for i, item in enumerate(value) if isinstance(item, dict)] if isinstance(value, list) else []


def steps(document: Map) -> list[Part]:
    """Every step."""
    return [Part(("workflow", i), step, step) for i, step in maps(document["workflow"])]


def tasks(document: Map) -> list[Part]:
    """Every workbook task."""
    return [Part(("workbook", i), task) for i, task in maps(document.get("workbook"))]


def rules(document: Map) -> list[Part]:
    """Every rule."""
    return [Part(s.at("case", i), rule, s.map) for s in steps(document) for i, rule in maps(s.map.get("case"))]


def blocks(document: Map) -> list[Part]:
    """Every mapping of actions."""
    found: list[Part] = []
    for rule in rules(document):
        then = rule.map.get("then")
        if isinstance(then, dict):
            found.append(Part(rule.at("then"), then, rule.step))
        found += [Part(rule.at("then", i), block, rule.step) for i, block in maps(then)]
    return found


def actions(document: Map, name: str) -> list[Part]:
    """The values, as far as they are mappings, of every action of a name."""
    return [Part(b.at(name), value, b.step) for b in blocks(document) if isinstance(value := b.map.get(name), dict)]


def tools(document: Map) -> list[Part]:
    """The tool of every step that has one."""
    return [Part(s.at("tool"), tool, s.map) for s in steps(document) if isinstance(tool := s.map.get("tool"), dict)]


def loops(document: Map) -> list[Part]:
    """Every loop."""
    return [Part(s.at("loop"), loop, s.map) for s in steps(document) if isinstance(loop := s.map.get("loop"), dict)]


def nexts(document: Map) -> list[tuple[Path, Map, Json]]:
    """Every `next` of steps and rules: the way to it, the mapping that has it and its value."""
    owners = [*steps(document), *blocks(document)]
    return [(owner.at("next"), owner.map, owner.map["next"]) for owner in owners if "next" in owner.map]


def entries(document: Map) -> list[Part]:
    """Every `next` entry, and every `- step: x` of a block, that is a mapping."""
    found = [Part(block.path, block.map, block.step) for block in blocks(document) if "step" in block.map]
    for path, _, value in nexts(document):
        found += [Part((*path, i), entry) for i, entry in maps(value)]
        found += [Part(path, value)] if isinstance(value, dict) else []
    return found


def targets(document: Map) -> list[Path]:
    """The way to the name of the target of every transition."""
    found = [entry.at("step") for entry in entries(document)]
    for path, _, value in nexts(document):
        found += [path] if isinstance(value, str) else []
        if isinstance(value, list):
            found += [(*path, i) for i, entry in enumerate(value) if isinstance(entry, str)]
    return found


def names(document: Map) -> set[str]:
    """The names of all steps."""
    return {str(step.map["step"]) for step in steps(document)}


def get(document: Json, path: Path) -> Json:
    """What stands at a path."""
    for part in path:
        if isinstance(document, dict):
            document = document[str(part)]
        elif isinstance(document, list):
            document = document[int(part)]
    return document


def put(document: Json, path: Path, value: Json) -> None:
    """Replace what stands at a path."""
    owner, last = get(document, path[:-1]), path[-1]
    if isinstance(owner, dict):
        owner[str(last)] = value
    elif isinstance(owner, list):
        owner[int(last)] = value


def add(owner: Map, key: str, value: Json, chance: Random) -> None:
    """Put one more entry anywhere into a mapping."""
    kept = list(owner.items())
    kept.insert(chance.randint(0, len(kept)), (key, value))
    owner.clear()
    owner.update(kept)


def rename(owner: Map, old: str, new: str) -> None:
    """Write another key in the place of one."""
    kept = [(new if key == old else key, value) for key, value in owner.items()]
    owner.clear()
    owner.update(kept)


_BRACES = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_BARE = frozenset({"when", "from", "in"})


def strings(value: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every string value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from strings(inner, (*path, i))
    elif isinstance(value, str):
        yield path, value


def expressions(document: Map) -> list[tuple[Path, int, int]]:
    """Every expression that is evaluated: the way to its string, where it starts there and where it ends."""
    found: list[tuple[Path, int, int]] = []
    for path, text in strings(document):
        if path[0] not in ("workload", "workbook", "workflow") or path[-1] in ("code", "code_b64"):
            continue
        inside = [(path, m.start(1), m.end(1)) for m in _BRACES.finditer(text)]
        bare = path[-1] in _BARE and path[0] != "workload" and not inside
        found += [(path, 0, len(text))] if bare else inside
    return found
