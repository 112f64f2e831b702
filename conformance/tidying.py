"""Takes out of a drawn playbook what lint rightly warns of.

A playbook that is drawn part by part is valid, and may do what nobody would write: two rules for one condition, a cycle
without a way out, branches that overwrite each other. Each function here mends one such thing, and knows of the drawn
parts only, not of how lint finds it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, cast

from noetl.compiler.ir import Json

from .authoring import Document

_WHEN: Final = re.compile(
    r"\s*(?:\{\{-?)?\s*(?:event\.name == '([a-z.]+)'|'([a-z.]+)' == event\.name)?(?:\s+and\s+)?(.*?)\s*(?:-?\}\})?\s*",
    re.DOTALL,
)
_SQL: Final = ("duckdb", "postgres")
_ROWS: Final = {"v": "row_count", "more": "row_count", "items": "rows", "text": "columns"}
_OUTCOME: Final = re.compile(r"\b(response|result|this)(\.|\[')(v|more|items|text)\b")
_OF_START: Final = re.compile(r"""(start|steps\[\\?["']start\\?["']\])\.(?:v|items|results|row_count|stats\.total)\b""")
_START: Final = re.compile(r"(?<=[ {(\[])start(?=[ })|])")
"""Where an expression reads the result of `start`."""
_READS: Final = re.compile(r"\b(?:response|result|this|payload)\b")
_STORED: Final = ("total", "seen", "last")


def tidied(document: Document) -> Document:
    """The same playbook without what lint warns of; the one that is given is used up."""
    steps = _maps(document["workflow"])
    start = steps[0]
    for task in _maps(document.get("workbook")):
        _declare(task)
    for place, step in enumerate(steps):
        _mend_tool(step, is_start=step is start)
        _mend_rules(step, is_start=step is start)
        _lead_out(step, [str(other["step"]) for other in steps[: place + 1]])
        if step is not start:
            _rename(step, f"_{place}")
    _connect(steps)
    if any(_forks(step) for step in steps):
        for step in steps:
            if step["step"] != "end":
                step.setdefault("join", "each")
    return _mend_reads_of(start, document)


def _mend_reads_of(start: Document, document: Document) -> Document:
    """The result of a start with a loop is not read, of one that gives no map not in parts."""
    text, tool = json.dumps(document), start.get("tool")
    if "loop" in start:
        text = _START.sub("workload.n", _OF_START.sub("workload.n", text)).replace('"from": "start"', '"from": "event"')
    elif not isinstance(tool, dict) or tool["kind"] in _SQL:
        text = _OF_START.sub(r"\1", text)
    return cast(Document, json.loads(text))


def _connect(steps: list[Document]) -> None:
    """Where a rule that was dropped was the only way to a step, `start` leads there."""
    leading = {str(step["step"]): [*_targets(step)] for step in steps}
    reached = {"start"}
    waiting = ["start"]
    for name in leading:
        if name not in reached and not waiting:
            following = steps[0].get("next", [])
            steps[0]["next"] = [*(following if isinstance(following, list) else [following]), name]
            reached.add(name)
            waiting = [name]
        while waiting:
            new = [target for target in leading.get(waiting.pop(), ()) if target not in reached]
            reached.update(new)
            waiting += new


def _targets(step: Document) -> Iterator[str]:
    for owner in (step, *_blocks(step)):
        if owner is not step and "step" in owner:
            yield str(owner["step"])
        following = owner.get("next", [])
        for entry in following if isinstance(following, list) else [following]:
            yield str(entry["step"] if isinstance(entry, dict) else entry)


def _maps(value: Json) -> list[Document]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _blocks(step: Document) -> Iterator[Document]:
    """Every mapping of actions of a step."""
    for rule in _maps(step.get("case")):
        yield from _of_rule(rule)


def _of_rule(rule: Document) -> list[Document]:
    then = rule["then"]
    return [then] if isinstance(then, dict) else _maps(then)


def _copied(value: Json) -> Json:
    return cast(Json, json.loads(json.dumps(value)))


def _declare(task: Document) -> None:
    """`assert` names what is always passed, and what the drawn templates read."""
    if "assert" in task:
        tool = task["tool"]
        args = (tool if isinstance(tool, dict) else task).get("args")
        task["assert"] = {"expects": ["b"] if isinstance(args, dict) and "b" in args else [], "returns": [*_ROWS]}


def _mend_tool(step: Document, *, is_start: bool) -> None:
    """What SQL answers is read by its own names, what a secret is not at all."""
    tool = step.get("tool")
    if not isinstance(tool, dict):
        return
    rest = {name: step.pop(name) for name in ("case", "vars", "next", "sink") if name in step}
    text = json.dumps(rest)
    if tool["kind"] in _SQL and "loop" not in step:
        text = _OUTCOME.sub(lambda found: f"{found[1]}{found[2]}{_ROWS[found[3]]}", text)
    elif tool["kind"] in _SQL or (tool["kind"] == "secrets" and (is_start or "loop" in step or _READS.search(text))):
        step["tool"] = {"kind": "script", "uri": "x.sh"}
    step.update(json.loads(text))


def _mend_rules(step: Document, *, is_start: bool) -> None:
    """No rule behind one that is true whenever it is, no `next` behind another, no page that is left out.

    `start`, whose result is read everywhere, is left after a success only.
    """
    kept: list[tuple[str, bool, Document]] = []
    taken: set[tuple[str, str]] = set()
    for rule in _maps(step.get("case")):
        event, condition = _parsed(rule["when"], with_tool="tool" in step)
        failing = "error" in condition or event == "call.error"
        general = "error is defined" if failing else ""
        if (event, condition) in taken or (event, general) in taken or (is_start and failing and _leaves(rule)):
            continue
        if not (failing and any("retry" in block for block in _of_rule(rule))):
            taken.add((event, condition))
        kept.append((event, not failing and _leaves(rule), rule))
        last = None if failing else _last_page(rule, event, condition)
        if last is not None:
            kept.append((event, False, last))
    routed = "loop" not in step and any(leaves for event, leaves, _ in kept if event in ("step.enter", "call.done"))
    left: list[Json] = [rule for event, leaves, rule in kept if not (routed and leaves and event == "step.exit")]
    step.pop("case", None)
    if left:
        step["case"] = left


def _leaves(rule: Document) -> bool:
    """Whether a rule fixes the transitions, or ends the run."""
    return any(name in block for block in _of_rule(rule) for name in ("next", "step", "skip", "fail"))


def _parsed(when: Json, *, with_tool: bool) -> tuple[str, str]:
    """The event and the condition of a drawn `when`."""
    found = _WHEN.fullmatch(when) if isinstance(when, str) else None
    event = (found[1] or found[2]) if found is not None else None
    return event or ("call.done" if with_tool else "step.exit"), found[3] if found is not None else ""


def _last_page(rule: Document, event: str, condition: str) -> Document | None:
    """A rule that collects the page for which a paging rule does not fire."""
    blocks = _of_rule(rule)
    if not condition or not any("call" in block or "retry" in block for block in blocks):
        return None
    collects: list[Json] = [{"collect": _copied(block["collect"])} for block in blocks if "collect" in block]
    if not collects:
        return None
    return {
        "when": f"{{{{ event.name == '{event}' and response is defined and not ({condition}) }}}}",
        "then": collects,
    }


def _lead_out(step: Document, earlier: list[str]) -> None:
    """Only a rule with a condition on what a call answered leads back."""
    owners = [step]
    for rule in _maps(step.get("case")):
        if "response." not in str(rule["when"]):
            owners += _of_rule(rule)
    for owner in owners:
        if owner is not step and owner.get("step") in earlier:
            owner["step"] = "end"
        following = owner.get("next")
        if isinstance(following, str):
            owner["next"] = "end" if following in earlier else following
        elif isinstance(following, dict):
            following["step"] = "end" if following["step"] in earlier else following["step"]
        elif isinstance(following, list):
            for entry in _maps(following):
                entry["step"] = "end" if entry["step"] in earlier else entry["step"]
            owner["next"] = ["end" if entry in earlier else entry for entry in following]


def _rename(step: Document, suffix: str) -> None:
    """What a step sets has names of its own, since a branch beside it may set the same."""
    owners: list[Document] = []
    for block in _blocks(step):
        given = block.get("set")
        if isinstance(given, dict):
            owners += [given, *(inner for name in ("ctx", "vars") if isinstance(inner := given.get(name), dict))]
        for entry in _maps(given):
            entry["name"] = f"{entry['name']}{suffix}"
        collect = block.get("collect")
        if isinstance(collect, dict) and collect.get("mode") == "replace":
            collect["into"] = f"{collect['into']}{suffix}"
    if isinstance(stored := step.get("vars"), dict):
        owners.append(stored)
    for owner in owners:
        entries = [(f"{name}{suffix}" if name in _STORED else name, value) for name, value in owner.items()]
        owner.clear()
        owner.update(entries)


def _forks(step: Document) -> bool:
    """Whether one `next` of a step has several entries."""
    if any(isinstance(found := owner.get("next"), list) and len(found) > 1 for owner in (step, *_blocks(step))):
        return True
    return any(sum("step" in block for block in _of_rule(rule)) > 1 for rule in _maps(step.get("case")))
