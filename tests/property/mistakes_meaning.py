"""Mistakes in what a playbook means: names, templates, control flow, secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from typing import Final

from noetl.compiler.ir import Json

from . import tree
from .planting import Expected, pick, planter, with_tool
from .tree import Map, Part
from .yaml_writer import Path

STRAYS: Final = ("?", "$", "`", "\\", "§")


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
    tool = with_tool(document, chance, {"kind": "workbook", key: chance.choice(("no such task", "tasks"))})
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
def reserved_name_written(document: Map, chance: Random) -> Expected | None:
    owners = [*tree.actions(document, "set")]
    owners += [Part(s.at("vars"), names) for s in tree.steps(document) if isinstance(names := s.map.get("vars"), dict)]
    owner = chance.choice(owners)
    name = chance.choice(("response", "event", "env", "loop_index"))
    tree.add(owner.map, name, 1, chance)
    return Expected("NTL209", owner.at(name), "key")


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


@planter
def invalid_python(document: Map, chance: Random) -> Expected | None:
    tool = pick(chance, [t for t in tree.tools(document) if "code" in t.map])
    if tool is None:
        return None
    before = chance.choice(("x = ", "# é\nx = [1, 2", "if x:\n    y = 1\n\nresult = {'a': 1}"))
    tool.map["code"] = before + ")" + chance.choice(("", "\n", "\nresult = 1\n"))
    return Expected("NTL304", tool.at("code"), len(before))


@planter
def template_in_sql(document: Map, chance: Random) -> Expected | None:
    before = chance.choice(("SELECT '{{ ", "SELECT 1;\n-- é\nSELECT {{ execution_id }}, {{ "))
    key = chance.choice(("command", "query", "statement"))
    sql: Map = {"kind": chance.choice(("postgres", "duckdb", "snowflake")), key: before + "workload.n }}"}
    tool = with_tool(document, chance, sql)
    return None if tool is None else Expected("NTL602", tool.at(key), len(before))


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
