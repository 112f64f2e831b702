"""Mistakes in what happens when, and in what is passed on: rules, transitions, branches, args."""

from __future__ import annotations

from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis

from . import tree
from .planting import Expected, pick, planter, with_tool
from .tree import Map, Part

OPEN = ("http", "python")
"""Kinds whose response may hold anything."""


def _with_rule(step: Part, at: int, rule: Map) -> int:
    """Inserts a rule, at the end if there are fewer; gives its index."""
    case = step.map.setdefault("case", [])
    assert isinstance(case, list)
    case.insert(at, rule)
    return min(at, len(case) - 1)


def _calling(document: Map, *, loop: bool = True) -> list[Part]:
    """The steps that call a tool of an open kind."""
    found = [
        part for part in tree.steps(document) if isinstance(tool := part.map.get("tool"), dict) and tool["kind"] in OPEN
    ]
    return [part for part in found if loop or "loop" not in part.map]


def _append(document: Map, *steps: Map) -> int:
    """Adds steps at the end; gives the index of the first."""
    workflow = document["workflow"]
    assert isinstance(workflow, list)
    workflow += steps
    return len(workflow) - len(steps)


def _forked(document: Map, *names: str) -> bool:
    """Adds entries to the `next` of `start`, if what comes after it may meet."""
    steps = tree.steps(document)
    if not all("join" in part.map for part in steps[1:] if part.map["step"] != "end"):
        return False
    start = steps[0].map
    following = start.get("next", [])
    start["next"] = [*(following if isinstance(following, list) else [following]), *names]
    return True


# -- rules -----------------------------------------------------------------------------------------------------------


@planter
def rule_never_fires(document: Map, chance: Random) -> Expected | None:
    step = chance.choice(tree.steps(document))
    case = step.map.get("case", [])
    assert isinstance(case, list)
    when = chance.choice(("event.name == 'call.finished'", "{{ 'step.entered' == event.name and ctx.total }}", False))
    at = _with_rule(step, chance.randint(0, len(case)), {"when": when, "then": {"log": "never"}})
    return Expected("NTL405", step.at("case", at, "when"))


@planter
def shadowed_rule(document: Map, chance: Random) -> Expected | None:
    """The same condition again, behind a rule that may not be exhausted."""
    retrying = {id(block.map) for block in tree.blocks(document) if "retry" in block.map}
    options = []
    for step in tree.steps(document):
        for i, rule in tree.maps(step.map.get("case")):
            then = rule["then"]
            blocks = [then] if isinstance(then, dict) else [block for _, block in tree.maps(then)]
            if not any(id(block) in retrying for block in blocks):
                options.append((step, i, rule))
    found = pick(chance, options)
    if found is None:
        return None
    step, i, rule = found
    at = _with_rule(step, i + 1, {"when": rule["when"], "then": {"log": "again"}})
    return Expected("NTL406", step.at("case", at, "when"))


@planter
def useless_retry(document: Map, chance: Random) -> Expected | None:
    step = pick(chance, _calling(document))
    if step is None:
        return None
    when = "event.name == 'call.error' and " + chance.choice(("error.status == 400", "error.status in [405, 415]"))
    at = _with_rule(step, 0, {"when": when, "then": {"retry": {"max_attempts": 2}}})
    return Expected("NTL415", step.at("case", at, "then", "retry"), "key")


@planter
def last_page_left_out(document: Map, chance: Random) -> Expected | None:
    step = pick(chance, _calling(document))
    if step is None:
        return None
    forms: tuple[Map, ...] = (
        {"from": "response.v", "into": "fresh"},
        {"strategy": "append", "path": "v", "into": "f"},
    )
    collected = chance.choice(forms)
    rule: Map = {"when": "response.cursor == 'x'", "then": {"collect": collected, "call": {"args": {"page": 2}}}}
    at = _with_rule(step, 0, rule)
    return Expected("NTL408", step.at("case", at, "then", "collect"), "key")


@planter
def endless_paging(document: Map, chance: Random) -> Expected | None:
    step = pick(chance, _calling(document))
    if step is None:
        return None
    before = chance.choice(("", "{{ ", "event.name == 'call.done' and response is defined and "))
    after = " }}" if before == "{{ " else ""
    when = f"{before}response.cursor is not none{after}"
    at = _with_rule(step, 0, {"when": when, "then": {"call": {"args": {"page": 2}}}})
    return Expected("NTL409", step.at("case", at, "when"), len(before))


@planter
def ignored_next(document: Map, chance: Random) -> Expected | None:
    free = [step for step in _calling(document, loop=False) if "case" not in step.map and step.map["step"] != "end"]
    step = pick(chance, free)
    if step is None:
        return None
    first = chance.choice(
        (True, "event.name == 'call.done'", "{{ event.name == 'call.done' and response is defined }}")
    )
    _with_rule(step, 0, {"when": first, "then": {"next": "end"}})
    at = _with_rule(step, 1, {"when": "event.name == 'step.exit' and response.v", "then": {"next": "end"}})
    return Expected("NTL410", step.at("case", at, "then", "next"), "key")


# -- branches --------------------------------------------------------------------------------------------------------


@planter
def endless_cycle(document: Map, chance: Random) -> Expected | None:
    last = tree.steps(document)[-1].map
    if "next" in last:
        return None
    last["next"] = "spin"
    step: Map = {"step": "spin", "next": "spin"}
    if chance.random() < 0.5:
        step |= {
            "tool": {"kind": "python", "code": "result = 1"},
            "case": [{"when": "response.v", "then": {"log": "x"}}],
        }
    return Expected("NTL414", ("workflow", _append(document, step), "step"))


@planter
def branches_that_meet(document: Map, chance: Random) -> Expected | None:
    if not _forked(document, "m1", "m2"):
        return None
    at = _append(document, {"step": "m1", "next": "m3"}, {"step": "m2", "next": ["m3"]}, {"step": "m3"})
    return Expected("NTL412", ("workflow", at + 2, "step"))


@planter
def branches_that_write(document: Map, chance: Random) -> Expected | None:
    if not _forked(document, "w1", "w2"):
        return None
    joining: Map = {"step": "w3", "join": "all", "args": {"x": chance.choice(("{{ ctx.clash }}", "{{ clash }}"))}}
    writing: list[Map] = [{"step": name, "vars": {"clash": 1}, "next": "w3"} for name in ("w1", "w2")]
    at = _append(document, *writing, joining)
    return Expected("NTL411", ("workflow", at + 1, "vars", "clash"), "key")


# -- names and args --------------------------------------------------------------------------------------------------


@planter
def hidden_name(document: Map, chance: Random) -> Expected | None:
    last = tree.steps(document)[-1].map
    if "next" in last:
        return None
    name = chance.choice(("result", "event", "workload"))
    last["next"] = name
    return Expected("NTL210", ("workflow", _append(document, {"step": name}), "step"))


@planter
def missing_attribute(document: Map, chance: Random) -> Expected | None:
    block = pick(chance, [b for b in tree.blocks(document) if "log" not in b.map and "step" not in b.map])
    if block is None:
        return None
    before = chance.choice(("", "at ", "{{ event.name }}\n"))
    tree.add(
        block.map, "log", before + "{{ " + chance.choice(("event.nme }}", "job.id }}", "execution_id.x }}")), chance
    )
    return Expected("NTL213", block.at("log"), len(before) + 3)


@planter
def missing_argument(document: Map, chance: Random) -> Expected | None:
    before = chance.choice(("", "import math\n\n")) + "def main(entries, "
    code = before + "coutn):\n    return entries\n"
    tool = with_tool(document, chance, {"kind": "python", "args": {"entries": [], "count": 1}, "code": code})
    return None if tool is None else Expected("NTL214", tool.at("code"), len(before))


@planter
def unread_argument(document: Map, chance: Random) -> Expected | None:
    args: Map = {"entries": [], "extra": chance.choice((1, "{{ workload.n }}"))}
    tool = with_tool(document, chance, {"kind": "python", "args": args, "code": "def main(entries):\n    return 1\n"})
    if tool is None or tool.step is None:
        return None
    tool.step.pop("args", None)
    if any("args" in str(value) or "p }}" in str(value) for name, value in tool.step.items() if name != "tool"):
        return None
    return Expected("NTL215", tool.at("args", "extra"), "key")


@planter
def expected_and_not_passed(document: Map, chance: Random) -> Expected | None:
    asserted: Map = {"expects": [chance.choice(("nothing", "no_arg"))]}
    tool = with_tool(document, chance, {"kind": "python", "code": "result = 1", "assert": asserted})
    return None if tool is None else Expected("NTL216", tool.at("assert", "expects", 0))


@planter
def secret_outside_of_a_tool(document: Map, chance: Random) -> Expected | None:
    owners = [Part(s.at("args"), args) for s in tree.steps(document) if isinstance(args := s.map.get("args"), dict)]
    owners += [Part(e.at("args"), args) for e in tree.entries(document) if isinstance(args := e.map.get("args"), dict)]
    owner = pick(chance, owners)
    if owner is None:
        return None
    key = chance.choice(list(owner.map))
    before = chance.choice(("", "Bearer "))
    owner.map[key] = before + "{{ secret.token }}"
    return Expected("NTL603", owner.at(key), len(before) + 3)
