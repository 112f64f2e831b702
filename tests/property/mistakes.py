"""Mistakes that people make, each planted at a random place of a playbook that has none.

A planter changes the document and says which finding it expects where; None where the playbook has no place for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from typing import Final, Literal, TypeVar

from noetl.compiler.ir import Json
from noetl.compiler.tools import KINDS

from . import tree
from .tree import Map, Part
from .yaml_writer import Path

_T = TypeVar("_T")
ODD_KEYS: Final = ("frobnicate", "Colour", "next step", "été", "x-y", "$ref", "a: b", "then:")
ODD_VALUES: Final[tuple[Json, ...]] = ("x", 1, True, ["a"], {"b": "c"}, "{{ workload.n }}")
STRAYS: Final = ("?", "$", "`", "\\", "§")


@dataclass(frozen=True, slots=True)
class Expected:
    """One finding: at a key, at a value, or at a character of a string value."""

    code: str
    path: Path
    at: Literal["key", "value"] | int = "value"


Planter = Callable[[Map, Random], Expected | None]
PLANTERS: Final[dict[str, Planter]] = {}
"""Every mistake by its name."""


def planter(plant: Planter) -> Planter:
    """Register a planter under the name of its function."""
    PLANTERS[plant.__name__] = plant
    return plant


def pick(chance: Random, options: Sequence[_T]) -> _T | None:
    """One of the options, if there are any."""
    return chance.choice(options) if options else None


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


def _with_tool(document: Map, chance: Random, tool: Map) -> Part | None:
    """A step gets this tool; not one whose rules have overrides, which may fit its old tool only."""
    paging = {id(call.step) for name in ("call", "retry") for call in tree.actions(document, name)}
    paging |= {id(block.step) for block in tree.blocks(document) if "call" in block.map}
    old = pick(chance, [part for part in tree.tools(document) if id(part.step) not in paging])
    if old is None:
        return None
    old.map.clear()
    old.map.update(tool)
    return old


@planter
def two_spellings(document: Map, chance: Random) -> Expected | None:
    """At the second of the two."""
    first, second = chance.choice((("url", "endpoint"), ("endpoint", "url"), ("body", "payload"), ("data", "body")))
    tool = _with_tool(document, chance, {"kind": "http", "method": "POST", first: "http://a.invalid/", second: "x"})
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


# -- names -----------------------------------------------------------------------------------------------------------


@planter
def unknown_step(document: Map, chance: Random) -> Expected | None:
    path = pick(chance, tree.targets(document))
    if path is None:
        return None
    old = str(tree.get(document, path))
    tree.put(document, path, chance.choice(("nowhere", old + "x", old.upper() + "_", "no such: step")))
    return Expected("NTL203", path)


@planter
def duplicate_step(document: Map, chance: Random) -> Expected | None:
    """Anywhere; the later of the two is the wrong one."""
    workflow = document["workflow"]
    assert isinstance(workflow, list)
    at = chance.randint(0, len(workflow) - 1)
    before = workflow[at]
    assert isinstance(before, dict)
    name = before["step"]
    later = chance.randint(at + 1, len(workflow))
    workflow.insert(later, {"step": name} if chance.random() < 0.5 else {"desc": "again", "step": name})
    return Expected("NTL202", ("workflow", later, "step"))


@planter
def missing_start(document: Map, chance: Random) -> Expected | None:
    """At the first step's name."""
    for path in tree.targets(document):
        if tree.get(document, path) == "start":
            return None
    start = tree.steps(document)[0].map
    for path, text in list(tree.strings(document)):
        if "start" in text:
            tree.put(document, path, text.replace("start", "begin"))
    assert start["step"] == "begin"
    return Expected("NTL201", ("workflow", 0, "step"))


@planter
def unreachable_step(document: Map, chance: Random) -> Expected | None:
    workflow = document["workflow"]
    assert isinstance(workflow, list)
    at = chance.randint(1, len(workflow))
    workflow.insert(at, {"step": "alone", "next": "start"} if chance.random() < 0.5 else {"step": "alone"})
    return Expected("NTL204", ("workflow", at, "step"))


@planter
def unknown_workbook_task(document: Map, chance: Random) -> Expected | None:
    key = chance.choice(("name", "task"))
    tool = _with_tool(document, chance, {"kind": "workbook", key: chance.choice(("no such task", "tasks"))})
    return None if tool is None else Expected("NTL206", tool.at(key))


@planter
def duplicate_workbook_task(document: Map, chance: Random) -> Expected | None:
    tasks = tree.tasks(document)
    workbook = document.get("workbook")
    task = pick(chance, tasks)
    if task is None or not isinstance(workbook, list):
        return None
    workbook.append({"tool": {"kind": "python", "code": "result = 1"}, "name": task.map["name"]})
    return Expected("NTL207", ("workbook", len(workbook) - 1, "name"))


@planter
def unknown_tool_kind(document: Map, chance: Random) -> Expected | None:
    tool = pick(chance, tree.tools(document))
    if tool is None:
        return None
    tool.map["kind"] = chance.choice(("htp", "Python", "sql", ""))
    return Expected("NTL135", tool.at("kind"))


@planter
def name_out_of_scope(document: Map, chance: Random) -> Expected | None:
    """A name that nothing binds, read in a value of a step's args, a `set` or a transition."""
    owners = [Part(s.at("args"), args) for s in tree.steps(document) if isinstance(args := s.map.get("args"), dict)]
    owners += [Part(e.at("args"), args) for e in tree.entries(document) if isinstance(args := e.map.get("args"), dict)]
    owner = pick(chance, owners)
    if owner is None:
        return None
    key = chance.choice(list(owner.map))
    before = chance.choice(("", "n=", "{{ workload.n }}:\n", "é "))
    owner.map[key] = before + "{{ " + chance.choice(("nobody.x }}", "nobody | upper }}", "nobody }}"))
    return Expected("NTL205", owner.at(key), len(before) + 3)


@planter
def workload_that_reads_the_workload(document: Map, chance: Random) -> Expected | None:
    workload = document["workload"]
    assert isinstance(workload, dict)
    before = chance.choice(("", "a: ", "{{ payload.a }} and\n"))
    tree.add(workload, "again", before + "{{ workload.n }}", chance)
    return Expected("NTL208", ("workload", "again"), len(before) + 3)


# -- templates -------------------------------------------------------------------------------------------------------


def _between_tokens(source: str) -> list[int]:
    """Offsets at which a sign stands neither in a text of the expression nor in the middle of an operator."""
    whole = [m.span() for m in re.finditer(r"'[^']*'|\"[^\"]*\"|[=<>!]=|\b(?:and|else|if|in|is|not|or)\b", source)]
    return [i for i in range(len(source) + 1) if not any(start < i < end for start, end in whole)]


def _insert(document: Map, path: Path, at: int, text: str) -> None:
    old = str(tree.get(document, path))
    tree.put(document, path, old[:at] + text + old[at:])


@planter
def stray_sign_in_an_expression(document: Map, chance: Random) -> Expected | None:
    """Anywhere in any expression, also in the middle of a name."""
    path, start, end = chance.choice(tree.expressions(document))
    source = str(tree.get(document, path))[start:end]
    dashes = (1 if source.startswith("-") else 0, len(source) - source.endswith("-"))
    at = start + chance.choice([i for i in _between_tokens(source) if dashes[0] <= i <= dashes[1]])
    _insert(document, path, at, chance.choice(STRAYS))
    return Expected("NTL301", path, at)


@planter
def stray_word_after_an_expression(document: Map, chance: Random) -> Expected | None:
    path, start, end = chance.choice(tree.expressions(document))
    source = str(tree.get(document, path))[start:end].removesuffix("-").rstrip()
    if source.endswith("is defined"):
        return None  # a test may have an argument
    added = chance.choice((" nonsense", " )", " | no_such_filter", " is no_such_test"))
    _insert(document, path, start + len(source), added)
    word = "is" if " is " in added else added.split()[-1]  # of a test the word before its name is told
    return Expected("NTL301", path, start + len(source) + added.index(word))


@planter
def empty_braces(document: Map, chance: Random) -> Expected | None:
    """At what closes them."""
    texts = [(path, text) for path, text in tree.strings(document["workflow"], ("workflow",)) if "args" in path]
    place = pick(chance, texts)
    if place is None:
        return None
    path, _ = place
    before = chance.choice(("", "x ", "\n"))
    tree.put(document, path, before + "{{ }}")
    return Expected("NTL301", path, len(before) + 3)


@planter
def refused_function(document: Map, chance: Random) -> Expected | None:
    path, start, end = chance.choice([e for e in tree.expressions(document) if e[0][0] == "workflow"])
    source = str(tree.get(document, path))[start:end].removesuffix("-").rstrip()
    if re.search(r"\bif\b|\band\b|==|>|\bin\b|\+", source):
        return None  # a filter binds to the last operand only, which may be anything
    _insert(document, path, start + len(source), " | random")
    return Expected("NTL303", path, start + len(source) + 3)


@planter
def text_around_an_expression(document: Map, chance: Random) -> Expected | None:
    rule = pick(chance, [r for r in tree.rules(document) if "{{" in str(r.map["when"])])
    if rule is None:
        return None
    when = str(rule.map["when"])
    rule.map["when"] = chance.choice((f"not {when}", f"{when.rstrip()} and true", f"{when.rstrip()} {{{{ true }}}}"))
    return Expected("NTL133", rule.at("when"))


@planter
def template_in_code(document: Map, chance: Random) -> Expected | None:
    tool = pick(chance, [t for t in tree.tools(document) if "code" in t.map])
    if tool is None:
        return None
    before = f"{tool.map['code']}\n# "
    tool.map["code"] = before + "{{ workload.n }}\n"
    return Expected("NTL302", tool.at("code"), len(before))


# -- control flow ----------------------------------------------------------------------------------------------------


def _with_control(document: Map, controls: Sequence[str]) -> list[Part]:
    return [block for block in tree.blocks(document) if set(controls) & block.map.keys()]


@planter
def two_control_actions(document: Map, chance: Random) -> Expected | None:
    """`fail` is allowed at every event; the second of the two is the wrong one."""
    block = pick(chance, _with_control(document, ("next", "call", "retry", "skip")))
    if block is None:
        return None
    if "fail" in block.map:
        return None
    first = next(key for key in block.map if key in ("next", "call", "retry", "skip"))
    tree.add(block.map, "fail", {"message": "no"} if chance.random() < 0.5 else {}, chance)
    order = list(block.map)
    return Expected("NTL401", block.at(max(first, "fail", key=order.index)), "key")


@planter
def action_not_allowed(document: Map, chance: Random) -> Expected | None:
    """RUL-9, in a rule of its own."""
    with_tool = [s for s in tree.steps(document) if "tool" in s.map]
    without = [s for s in tree.steps(document) if "tool" not in s.map]
    looping = [s for s in with_tool if "loop" in s.map]
    options: list[tuple[Part, str, str]] = []
    options += [(s, event, "retry") for s in with_tool for event in ("step.enter", "step.exit")]
    options += [(s, "step.exit", "call") for s in with_tool]
    options += [(s, "loop.done", action) for s in looping for action in ("call", "retry", "skip")]
    options += [(s, "step.enter", "call") for s in looping]
    options += [(s, "step.exit", "call") for s in without]
    step, event, action = chance.choice(options)
    case = step.map.setdefault("case", [])
    assert isinstance(case, list)
    at = chance.randint(0, len(case))
    value: Json = {} if action != "call" else {"args": {"a": 1}}
    then: Json = {action: value} if chance.random() < 0.5 else [{"log": "x"}, {action: value}]
    case.insert(at, {"when": f"event.name == '{event}'", "then": then})
    more: Path = (action,) if isinstance(then, dict) else (1, action)
    return Expected("NTL402", step.at("case", at, "then", *more), "key")


@planter
def name_collected_in_both_forms(document: Map, chance: Random) -> Expected | None:
    """At the name in the later of two blocks."""
    free = [block for block in tree.blocks(document) if "collect" not in block.map and "step" not in block.map]
    if len(free) < 2:
        return None
    at = sorted(chance.sample(range(len(free)), 2))
    forms: list[Json] = [{"from": "workload.n", "into": "both"}, {"strategy": "append", "path": "x", "into": "both"}]
    chance.shuffle(forms)
    for place, form in zip(at, forms, strict=True):
        tree.add(free[place].map, "collect", form, chance)
    return Expected("NTL403", free[at[1]].at("collect", "into"))


@planter
def call_with_a_step(document: Map, chance: Random) -> Expected | None:
    call = pick(chance, tree.actions(document, "call"))
    if call is None:
        return None
    tree.add(call.map, "step", "end", chance)
    return Expected("NTL132", call.at("step"), "key")


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


# -- secrets ---------------------------------------------------------------------------------------------------------


@planter
def secret_under_its_name(document: Map, chance: Random) -> Expected | None:
    """The whole value."""
    owners = [Part(s.at("args"), args) for s in tree.steps(document) if isinstance(args := s.map.get("args"), dict)]
    owners += [Part(("workload",), workload) for workload in [document["workload"]] if isinstance(workload, dict)]
    owner = chance.choice(owners)
    key = chance.choice(("password", "db_password", "apiKey", "client_secret", "Authorization", "access-token"))
    tree.add(owner.map, key, chance.choice(("hunter2", "Bearer 8f14e45fceea167a", "a long: secret # text")), chance)
    return Expected("NTL601", owner.at(key))


@planter
def secret_by_its_form(document: Map, chance: Random) -> Expected | None:
    """The place inside the text."""
    owners = [Part(s.at("args"), args) for s in tree.steps(document) if isinstance(args := s.map.get("args"), dict)]
    owner = pick(chance, owners)
    if owner is None:
        return None
    before, secret = chance.choice(
        (
            ("", "AKIA" + "IOSFODNN7EXAMPL1"),
            ("key: ", "ghp_" + "a1B2" * 9),
            ("postgres://admin:", "s3cr3tpass@db.invalid/x"),
            ("see\n", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"),
        )
    )
    key = chance.choice(list(owner.map))
    owner.map[key] = before + secret
    return Expected("NTL601", owner.at(key), len(before))
