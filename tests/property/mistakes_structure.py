"""Mistakes in the structure of a playbook: keys, types, values, and what belongs to other languages."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from typing import Final

from noetl.compiler.ir import Json
from noetl.compiler.tools import KINDS

from . import tree
from .planting import Expected, pick, planter, with_tool
from .tree import Map, Part
from .yaml_writer import Path

ODD_KEYS: Final = ("frobnicate", "Colour", "next step", "été", "x-y", "$ref", "a: b", "then:")
ODD_VALUES: Final[tuple[Json, ...]] = ("x", 1, True, ["a"], {"b": "c"}, "{{ workload.n }}")


# -- keys ------------------------------------------------------------------------------------------------------------


def _unknown_key(document: Map, chance: Random, owners: Sequence[Part], code: str = "NTL101") -> Expected | None:
    owner = pick(chance, owners)
    if owner is None:
        return None
    key = chance.choice(ODD_KEYS)
    tree.add(owner.map, key, chance.choice(ODD_VALUES), chance)
    return Expected(code, owner.at(key), "key")


def _closed(document: Map) -> list[Part]:
    """Mappings that know all their keys, except steps and the top level."""
    found = [*tree.rules(document), *tree.blocks(document), *tree.loops(document), *tree.entries(document)]
    for name in ("collect", "skip", "fail"):
        found += tree.actions(document, name)
    found += [part for part in tree.actions(document, "retry") if not {"params", "args"} & part.map.keys()]
    found += [part for part in tree.actions(document, "result") if list(part.map) == ["from"]]
    found += [task for task in tree.tasks(document) if isinstance(task.map["tool"], dict)]
    for task in tree.tasks(document):
        if isinstance(asserted := task.map.get("assert"), dict):
            found.append(Part(task.at("assert"), asserted))
    return found


@planter
def unknown_key_at_the_top(document: Map, chance: Random) -> Expected | None:
    return _unknown_key(document, chance, [Part((), document)])


@planter
def unknown_key_of_a_step(document: Map, chance: Random) -> Expected | None:
    return _unknown_key(document, chance, tree.steps(document))


@planter
def unknown_key_of_a_part(document: Map, chance: Random) -> Expected | None:
    return _unknown_key(document, chance, _closed(document))


@planter
def misspelled_key(document: Map, chance: Random) -> Expected | None:
    """A key that nothing else needs, or that has to be there: one error either way."""
    owners: list[tuple[Part, str]] = []
    owners += [(s, key) for s in tree.steps(document) for key in ("desc", "vars", "join") if key in s.map]
    owners += [(rule, key) for rule in tree.rules(document) for key in ("when", "then")]
    owners += [(loop, key) for loop in tree.loops(document) for key in loop.map]
    owners += [(tool, "kind") for tool in tree.tools(document)]
    owners += [(Part((), document), key) for key in ("apiVersion", "workload")]
    owner, key = chance.choice(owners)
    wrong = key[:-2] + key[-1] + key[-2] if len(key) > 2 else key + "n"
    tree.rename(owner.map, key, wrong)
    if key == "kind":  # a tool may have any field; what it lacks is said
        return Expected("NTL102", owner.path, "key")
    return Expected("NTL101", owner.at(wrong), "key")


@planter
def unknown_field_of_a_tool(document: Map, chance: Random) -> Expected | None:
    owners = [tool for tool in tree.tools(document) if KINDS[str(tool.map["kind"])].fields is not None]
    closed = {id(tool.step) for tool in owners}
    owners += [call for call in tree.actions(document, "call") if id(call.step) in closed]
    for sink in [*tree.actions(document, "sink"), *_step_sinks(document)]:
        inner = sink.map.get("tool")
        owners += [Part(sink.at("tool"), inner)] if isinstance(inner, dict) else [sink]
    return _unknown_key(document, chance, owners, "NTL108")


def _step_sinks(document: Map) -> list[Part]:
    return [Part(s.at("sink"), sink) for s in tree.steps(document) if isinstance(sink := s.map.get("sink"), dict)]


@planter
def missing_key(document: Map, chance: Random) -> Expected | None:
    """At the key that holds the mapping; in a list at the name or else the first key of the mapping."""
    chosen = chance.choice(("apiVersion", "kind", "metadata", "workflow", "name", "rule", "loop", "collect", "tool"))
    if chosen == "name":
        metadata = document["metadata"]
        assert isinstance(metadata, dict)
        del metadata["name"]
        return Expected("NTL102", ("metadata",), "key")
    if chosen in document:
        del document[chosen]
        return Expected("NTL102", (next(iter(document)),), "key")
    if chosen == "rule" and (rule := pick(chance, tree.rules(document))):
        del rule.map[chance.choice(("when", "then"))]
        return Expected("NTL102", rule.at(next(iter(rule.map))), "key")
    owned = {"loop": tree.loops(document), "collect": tree.actions(document, "collect"), "tool": tree.tools(document)}
    needed = {"loop": ("in", "iterator"), "collect": ("into",), "tool": ("kind",)}
    if chosen in owned and (owner := pick(chance, owned[chosen])):
        del owner.map[chance.choice(needed[chosen])]
        return Expected("NTL102", owner.path, "key")
    return None


@planter
def two_spellings(document: Map, chance: Random) -> Expected | None:
    """At the second of the two."""
    first, second = chance.choice((("url", "endpoint"), ("endpoint", "url"), ("body", "payload"), ("data", "body")))
    tool = with_tool(document, chance, {"kind": "http", "method": "POST", first: "http://a.invalid/", second: "x"})
    return None if tool is None else Expected("NTL136", tool.at(second), "key")


# -- types and values ------------------------------------------------------------------------------------------------

TEXTS: Final = ("x", "a b")
NUMBERS: Final = (5, 2.5, True)
LISTS: Final[tuple[Json, ...]] = (["x"], [1, {"a": 2}])
MAPS: Final[tuple[Json, ...]] = ({"a": 1}, {"a": {"b": "c"}})
NO_MAP: Final[tuple[Json, ...]] = (*TEXTS, *NUMBERS, *LISTS)
NO_LIST: Final[tuple[Json, ...]] = (*TEXTS, *NUMBERS, *MAPS)
NO_TEXT: Final[tuple[Json, ...]] = (*NUMBERS, *LISTS, *MAPS)
NO_SCALAR: Final[tuple[Json, ...]] = (*LISTS, *MAPS)
ROOT_TYPES: Final[dict[str, tuple[Json, ...]]] = {
    "metadata": NO_MAP,
    "workload": NO_MAP,
    "workbook": NO_LIST,
    "workflow": NO_LIST,
    "keychain": NO_LIST,
}
STEP_TYPES: Final[dict[str, tuple[Json, ...]]] = {
    "desc": NO_SCALAR,
    "args": NO_MAP,
    "tool": (*NUMBERS, *LISTS),
    "loop": NO_MAP,
    "case": NO_LIST,
    "next": NUMBERS,
    "sink": (*NUMBERS, *LISTS),
    "vars": NO_MAP,
    "join": NO_TEXT,
}
RULE_TYPES: Final[dict[str, tuple[Json, ...]]] = {"when": (5, 2.5, *NO_SCALAR), "then": (*TEXTS, *NUMBERS)}
ACTION_TYPES: Final[dict[str, tuple[Json, ...]]] = {
    "set": (*TEXTS, *NUMBERS),
    "collect": NO_MAP,
    "result": (*TEXTS, *NUMBERS),
    "sink": (*NUMBERS, *LISTS),
    "log": NO_SCALAR,
    "next": NUMBERS,
    "call": NO_MAP,
    "retry": NO_MAP,
    "skip": NO_MAP,
    "fail": NO_MAP,
}
INNER_TYPES: Final[dict[str, dict[str, tuple[Json, ...]]]] = {
    "collect": {"from": NO_TEXT, "into": NO_TEXT, "mode": NO_TEXT, "path": NO_TEXT},
    "retry": {"max_attempts": ("3", True, 2.5, *NO_SCALAR), "initial_delay": ("x", True, *NO_SCALAR)},
    "fail": {"fail_workflow": ("yes", 1, *NO_SCALAR)},
}
LOOP_TYPES: Final[dict[str, tuple[Json, ...]]] = {
    "in": (*NUMBERS, *MAPS),
    "iterator": NO_TEXT,
    "mode": NO_TEXT,
    "max_in_flight": ("three", True, 2.5, *NO_SCALAR),
}


def _wrong(document: Map, chance: Random, code: str, places: Sequence[tuple[Path, Sequence[Json]]]) -> Expected | None:
    """One of the places gets one of its wrong values."""
    place = pick(chance, places)
    if place is None:
        return None
    path, values = place
    tree.put(document, path, chance.choice(values))
    return Expected(code, path)


def _typed(
    parts: Sequence[Part], types: dict[str, tuple[Json, ...]], keep: Sequence[str] = ()
) -> list[tuple[Path, Sequence[Json]]]:
    return [(part.at(key), types[key]) for part in parts for key in part.map if key in types and key not in keep]


@planter
def wrong_type_at_the_top(document: Map, chance: Random) -> Expected | None:
    return _wrong(document, chance, "NTL103", _typed([Part((), document)], ROOT_TYPES))


@planter
def wrong_type_in_a_step(document: Map, chance: Random) -> Expected | None:
    return _wrong(document, chance, "NTL103", _typed(tree.steps(document), STEP_TYPES))


@planter
def wrong_type_in_a_rule(document: Map, chance: Random) -> Expected | None:
    return _wrong(document, chance, "NTL103", _typed(tree.rules(document), RULE_TYPES))


@planter
def wrong_type_of_an_action(document: Map, chance: Random) -> Expected | None:
    places = _typed(tree.blocks(document), ACTION_TYPES)
    for name, types in INNER_TYPES.items():
        places += _typed(tree.actions(document, name), types)
    places += [(part.at("from"), NO_TEXT) for part in tree.actions(document, "result") if list(part.map) == ["from"]]
    return _wrong(document, chance, "NTL103", places)


@planter
def wrong_type_in_a_loop(document: Map, chance: Random) -> Expected | None:
    return _wrong(document, chance, "NTL103", _typed(tree.loops(document), LOOP_TYPES))


@planter
def wrong_type_in_a_tool(document: Map, chance: Random) -> Expected | None:
    places: list[tuple[Path, Sequence[Json]]] = []
    for tool in tree.tools(document):
        places += [(tool.at("kind"), NO_TEXT)]
        places += [(tool.at(key), (*TEXTS, *NUMBERS, *LISTS)) for key in ("args",) if key in tool.map]
        places += [(tool.at(key), NO_TEXT) for key in ("code", "code_b64") if key in tool.map]
        places += [(tool.at(key), ("x", 1, *NO_SCALAR)) for key in ("verify_ssl",) if key in tool.map]
    return _wrong(document, chance, "NTL103", places)


@planter
def wrong_type_of_an_entry(document: Map, chance: Random) -> Expected | None:
    """Entries of lists: a step (never the start), a rule, a block, a transition and its parts."""
    places: list[tuple[Path, Sequence[Json]]] = []
    places += [(step.path, NO_MAP) for step in tree.steps(document)[1:]]
    places += [(rule.path, NO_MAP) for rule in tree.rules(document)]
    places += [(block.path, NO_MAP) for block in tree.blocks(document) if isinstance(block.path[-1], int)]
    places += [(task.path, NO_MAP) for task in tree.tasks(document)]
    for entry in tree.entries(document):
        places += [(entry.at("step"), NO_TEXT)]
        places += [(entry.at("args"), NO_MAP)] if "args" in entry.map else []
    for path, _, value in tree.nexts(document):
        places += [((*path, i), (*NUMBERS, *LISTS)) for i in range(len(value) if isinstance(value, list) else 0)]
    return _wrong(document, chance, "NTL103", places)


@planter
def wrong_value(document: Map, chance: Random) -> Expected | None:
    places: list[tuple[Path, Sequence[Json]]] = []
    for step in tree.steps(document):
        places += [(step.at("join"), ("any", "", "All"))] if "join" in step.map else []
    for loop in tree.loops(document):
        places += [(loop.at("mode"), ("par", ""))] if "mode" in loop.map else []
        places += [(loop.at("max_in_flight"), (0, -1))] if "max_in_flight" in loop.map else []
        places += [(loop.at("iterator"), ("a b", "", "1x"))]
    for retry in tree.actions(document, "retry"):
        places += [(retry.at("max_attempts"), (0, -3))]
        places += [(retry.at(key), (-0.5, -1)) for key in ("initial_delay", "max_delay") if key in retry.map]
    for collect in tree.actions(document, "collect"):
        places += [(collect.at("into"), ("", "ctx.pages", "vars.x"))]
        places += [(collect.at("mode"), ("add", "Append"))] if "mode" in collect.map else []
    places += [(entry.at("step"), ("", " ")) for entry in tree.entries(document)]
    return _wrong(document, chance, "NTL104", places)


@planter
def other_version(document: Map, chance: Random) -> Expected | None:
    document["apiVersion"] = chance.choice(("noetl.io/v3", "v2", "noetl.io/v2 "))
    return Expected("NTL105", ("apiVersion",))


@planter
def other_kind(document: Map, chance: Random) -> Expected | None:
    document["kind"] = chance.choice(("Workflow", "playbook"))
    return Expected("NTL106", ("kind",))


@planter
def marker_with_a_sink(document: Map, chance: Random) -> Expected | None:
    step = tree.steps(document)[-1]
    for key in ("tool", "case", "next", "vars", "loop", "sink"):
        step.map.pop(key, None)
    useless: Map = {"sink": {"tool": {"kind": "event_log"}}, "loop": {"in": [1], "iterator": "i"}}
    key, value = chance.choice(list(useless.items()))
    tree.add(step.map, key, value, chance)
    return Expected("NTL134", step.at(key), "key")


# -- other languages -------------------------------------------------------------------------------------------------


@planter
def v1_type(document: Map, chance: Random) -> Expected | None:
    tool = pick(chance, tree.tools(document))
    if tool is None:
        return None
    tree.rename(tool.map, "kind", "type")
    return Expected("NTL111", tool.at("type"), "key")


@planter
def v1_when_of_a_step(document: Map, chance: Random) -> Expected | None:
    step = chance.choice(tree.steps(document))
    tree.add(step.map, "when", "{{ workload.n > 3 }}", chance)
    return Expected("NTL112", step.at("when"), "key")


@planter
def v1_next(document: Map, chance: Random) -> Expected | None:
    entry = pick(chance, [e for e in tree.entries(document) if "next" in e.path])
    if entry is None:
        return None
    key = chance.choice(("when", "with", "data"))
    tree.add(entry.map, key, "{{ workload.n > 3 }}" if key == "when" else {"a": 1}, chance)
    return Expected("NTL113", entry.at(key), "key")


@planter
def v1_tool(document: Map, chance: Random) -> Expected | None:
    step = pick(chance, [s for s in tree.steps(document) if "tool" in s.map])
    if step is None:
        return None
    tool = step.map["tool"]
    step.map["tool"] = tool["kind"] if isinstance(tool, dict) else None
    return Expected("NTL114", step.at("tool"))


@planter
def v1_save(document: Map, chance: Random) -> Expected | None:
    owner = chance.choice([*tree.steps(document), *tree.tools(document)])
    tree.add(owner.map, "save", {"storage": "postgres"}, chance)
    return Expected("NTL115", owner.at("save"), "key")


@planter
def v1_iterator(document: Map, chance: Random) -> Expected | None:
    if (loop := pick(chance, tree.loops(document))) and chance.random() < 0.7:
        old, new = chance.choice((("in", "collection"), ("iterator", "element")))
        tree.rename(loop.map, old, new)
        return Expected("NTL116", loop.at(new), "key")
    tool = pick(chance, tree.tools(document))
    if tool is None:
        return None
    tool.map["kind"] = "iterator"
    return Expected("NTL116", tool.at("kind"))


@planter
def v1_playbook(document: Map, chance: Random) -> Expected | None:
    document["apiVersion"] = "noetl.io/v1"
    return Expected("NTL110", ("apiVersion",))


@planter
def local_dialect(document: Map, chance: Random) -> Expected | None:
    tool = pick(chance, tree.tools(document))
    if tool is not None and chance.random() < 0.5:
        tool.map["kind"] = chance.choice(("shell", "rhai"))
        return Expected("NTL120", tool.at("kind"))
    tree.add(document, "executor", {"profile": "local"}, chance)
    return Expected("NTL120", ("executor", "profile"))
