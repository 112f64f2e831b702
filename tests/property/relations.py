"""Rewritings of drawn playbooks that must not change what they mean.

A relation runs a playbook and what it makes of it, and tells in what the two outcomes differ once the names, keys and
places that it changes are put back. None: it has nothing to rewrite there.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping, Sequence
from random import Random  # noqa: TID251  # a manner of writing, from a fixed seed
from typing import Final, TypeAlias, cast
from zlib import crc32

from jinja2 import Environment, TemplateSyntaxError

from noetl.compiler import ir
from noetl.compiler.expr import examine
from noetl.compiler.expr.scan import ExpressionError
from noetl.compiler.ir import Json
from noetl.conformance.authoring import Document
from noetl.conformance.judge import differences
from noetl.conformance.strategies import Playbook
from noetl.runtime.events import Event
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.tools.playbook import child_id

from .relating import (
    Summary,
    entries,
    failed_rendering,
    maps,
    outcome,
    rewritten,
    rules,
    steps,
    with_texts,
    workflow_of,
    written,
)
from .yaml_writer import write

BETWEEN: Final = "between"
Relation: TypeAlias = Callable[[Playbook], "list[str] | None"]
Pairs: TypeAlias = "tuple[tuple[int, int], ...]"
_BRACES: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}\s*", re.DOTALL)
_LEXER: Final = Environment(keep_trailing_newline=True, autoescape=False)  # nothing is rendered with it


# -- order and form --------------------------------------------------------------------------------------------------


def reversed_workflow(playbook: Playbook) -> list[str] | None:
    """The order of the steps in the list means nothing."""

    def change(document: Document) -> bool:
        found = steps(document)
        document["workflow"] = list(reversed(found))
        return len(found) > 1

    return rewritten(playbook, change)


def unreachable_step(playbook: Playbook) -> list[str] | None:
    """A step to which nothing leads does not run."""

    def change(document: Document) -> bool:
        document["workflow"] = [*steps(document), {"step": "nobody", "tool": {"kind": "python", "code": "result = 1"}}]
        return True

    return rewritten(playbook, change)


def then_as_list(playbook: Playbook) -> list[str] | None:
    """A `then` mapping is the list of its entries (DOC-8)."""

    def change(document: Document) -> bool:
        found = [(rule, then) for rule in rules(document) if isinstance(then := rule["then"], dict)]
        for rule, then in found:
            rule["then"] = [{name: value} for name, value in then.items()]
        return bool(found)

    return rewritten(playbook, change)


def next_as_maps(playbook: Playbook) -> list[str] | None:
    """A `next` that is a text or has texts is the list of maps (DOC-7)."""

    def change(document: Document) -> bool:
        found = [(step, entries(step)) for step in steps(document) if "next" in step]
        differs = any(step["next"] != listed for step, listed in found)
        for step, listed in found:
            step["next"] = list(listed)
        return differs

    return rewritten(playbook, change)


def spacing(playbook: Playbook) -> list[str] | None:
    """White space inside of braces means nothing."""
    document = copy.deepcopy(playbook.document)
    if not with_texts(document, lambda text, _key: spaced(text)):
        return None
    usual = outcome(playbook, playbook.text)
    return None if failed_rendering(usual) else differences(outcome(playbook, written(document)), usual)


def spaced(source: str) -> str:
    """A template with more white space in its braces."""
    try:
        tokens = [(kind, value) for _, kind, value in _LEXER.lex(source)]
    except TemplateSyntaxError:
        return source
    wider = {"whitespace": "{} ", "variable_begin": "{}  ", "variable_end": "  {}"}
    return "".join(wider.get(kind, "{}").format(value) for kind, value in tokens)


def bare_and_braces(playbook: Playbook) -> list[str] | None:
    """One expression may stand bare or in braces (DOC-8)."""
    document = copy.deepcopy(playbook.document)
    if not with_texts(document, lambda text, key: other_way(text) if key in ("when", "in", "from") else text):
        return None
    usual = outcome(playbook, playbook.text)
    return None if failed_rendering(usual) else differences(outcome(playbook, written(document)), usual)


def other_way(text: str) -> str:
    """An expression in braces without them, any other in braces."""
    found = _BRACES.fullmatch(text)
    return f"{{{{ {text} }}}}" if found is None else found[1]


def manner_of_yaml(playbook: Playbook) -> list[str] | None:
    """Flow and block, quotes, folded lines and comments mean nothing (DOC-13)."""
    text = write(playbook.document, Random(crc32(playbook.text.encode()))).text
    return differences(outcome(playbook, text), outcome(playbook, playbook.text))


def anchors(playbook: Playbook) -> list[str] | None:
    """An alias is the value that it stands for: here that of the second of two equal steps' args, tools and rules."""
    seen: dict[str, str] = {}

    def told(value: Json) -> str:
        plain = json.dumps(value, ensure_ascii=False)
        if not isinstance(value, dict | list) or not value:
            return plain
        if plain in seen:
            return f"*{seen[plain]}"
        anchor = seen[plain] = f"a{len(seen)}"
        if isinstance(value, dict):
            inner = (f"{json.dumps(name, ensure_ascii=False)}: {told(item)}" for name, item in value.items())
            return f"&{anchor} {{{', '.join(inner)}}}"
        return f"&{anchor} [{', '.join(map(told, value))}]"

    text = "\n".join(f"{key}: {told(value)}" for key, value in playbook.document.items())
    if "*a" not in text:
        return None
    return differences(outcome(playbook, text), outcome(playbook, playbook.text))


# -- names -----------------------------------------------------------------------------------------------------------


def renamed_steps(playbook: Playbook) -> list[str] | None:
    """The names of steps mean nothing beside `start` and `end`; here their order in the alphabet is another, too."""
    names = [str(step["step"]) for step in steps(playbook.document)]
    given = {name: f"renamed{50 - n}" for n, name in enumerate(names) if name not in ("start", "end")}
    if not given:
        return None
    document = copy.deepcopy(playbook.document)
    with_texts(document, lambda text, key: renamed(text, key, given))
    usual, other = outcome(playbook, playbook.text), outcome(playbook, written(document))
    told = json.dumps(other, ensure_ascii=False)
    for name, new in given.items():
        told = told.replace(new, json.dumps(name, ensure_ascii=False)[1:-1])
    return None if failed_rendering(usual) else differences(json.loads(told), usual)


def renamed(text: str, key: str, given: Mapping[str, str]) -> str:
    """A text of a playbook with the new names of its steps."""
    if key in ("step", "next") and text in given:
        return given[text]
    try:
        parsed = examine(text, "{{" in text or "{%" in text or key not in ("when", "in", "from"))
    except ExpressionError:
        return text
    for read in sorted(parsed.found.reads, key=lambda read: -read.offset):
        if read.name in given and text.startswith(read.name, read.offset):
            text = text[: read.offset] + given[read.name] + text[read.offset + len(read.name) :]
    for name, new in given.items():
        text = text.replace(f'steps["{name}"]', f'steps["{new}"]')
    return text


# -- rules -----------------------------------------------------------------------------------------------------------


def split_guards(playbook: Playbook) -> list[str] | None:
    """A rule is two, one with a condition more, the other with its opposite (RUL-1)."""

    document = copy.deepcopy(playbook.document)
    for step in steps(document):
        if "case" in step:
            step["case"] = [half for rule in maps(step["case"]) for half in halves(rule)]
    if not any(rules(document)):
        return None

    def original(place: str) -> str:
        """Where a sink has the number of its rule."""
        return _SINK.sub(lambda found: f":{int(found[1]) // 2}.{found[2]}", place)

    return differences(outcome(playbook, written(document), original), outcome(playbook, playbook.text))


_SINK: Final = re.compile(r":(\d+)\.(\d+)$")


def halves(rule: Document) -> list[Document]:
    """The rule where the workload's number is large, and where it is not."""
    when = rule["when"]
    found = _BRACES.fullmatch(when) if isinstance(when, str) else None
    asked = "" if when is True else f"({found[1] if found is not None else when}) and "
    return [{**rule, "when": f"{{{{ {asked}{other}workload.n > 4 }}}}"} for other in ("", "not ")]


def catch_all_rules(playbook: Playbook) -> list[str] | None:
    """A structural `next` is a last rule at step.exit, where no other rule is about step.exit or skips (STP-7)."""

    def change(document: Document) -> bool:
        plain = {step.name: step for step in workflow_of(document).steps if _plain(step)}
        found = [step for step in steps(document) if step["step"] in plain and entries(step)]
        for step in found:
            last: Document = {"when": "{{ event.name == 'step.exit' }}", "then": {"next": step.pop("next")}}
            step["case"] = [*maps(step.get("case")), last]
        return bool(found)

    return rewritten(playbook, change)


def _plain(step: ir.Step) -> bool:
    about = any("step.exit" in rule.events or isinstance(rule.control, ir.Skip) for rule in step.rules)
    return step.loop is None and not about


# -- steps -----------------------------------------------------------------------------------------------------------


def pass_through(playbook: Playbook) -> list[str] | None:
    """A step between that passes on what it is given changes nothing but keys."""
    document = copy.deepcopy(playbook.document)
    found = [(step, place) for step in steps(document) for place in range(len(entries(step)))]
    if not found:
        return None
    step, place = found[crc32(playbook.text.encode()) % len(found)]
    listed = entries(step)
    target = str(listed[place]["step"])
    given = listed[place].get("args")
    passed: Json = {name: f"{{{{ args.{name} }}}}" for name in given} if isinstance(given, dict) else {}
    listed[place]["step"] = BETWEEN
    step["next"] = list(listed)
    document["workflow"] = [*steps(document), {"step": BETWEEN, "next": [{"step": target, "args": passed}]}]
    inserted = Inserted()
    other = outcome(playbook, written(document), inserted.original, listener=inserted.hear)
    told = [run for run in maps(other["runs"]) if run["step"] != BETWEEN]
    for run in told:
        pairs = cast("list[list[int]]", run["key"])
        run["key"] = [list(pair) for pair in inserted.without(tuple((index, entry) for index, entry in pairs))]
    return differences({**other, "runs": list(told)}, outcome(playbook, playbook.text))


class Inserted:
    """The keys of the runs of a step that the original does not have."""

    def __init__(self) -> None:
        self._keys: set[Pairs] = set()

    def hear(self, event: Event) -> None:
        """Note where it runs."""
        if event.step == BETWEEN and event.key is not None:
            self._keys.add(tuple(event.key.pairs()))

    def without(self, key: Pairs) -> Pairs:
        """The key that a run has in the original."""
        for passed in sorted(self._keys, key=len, reverse=True):
            if len(key) > len(passed) and key[: len(passed)] == passed:
                key = (*passed, *key[len(passed) + 1 :])
        return key

    def original(self, place: str) -> str:
        """The place that an attempt has in the original."""
        shown, _, rest = place.partition(":")
        if shown == "-":
            return place
        pairs = [pair.split(".") for pair in shown.split("/")]
        key = self.without(tuple((int(index), int(entry)) for index, entry in pairs))
        return f"{'/'.join(f'{index}.{entry}' for index, entry in key)}:{rest}"


def inline_tasks(playbook: Playbook) -> list[str] | None:
    """A workbook task is a tool, whose args are those of the task over those of the caller (TOO-4)."""
    document = copy.deepcopy(playbook.document)
    tasks = {str(task["name"]): task for task in maps(document.get("workbook")) if "sink" not in task}
    found = [(step, tool) for step in steps(document) if isinstance(tool := step.get("tool"), dict)]
    called = [(step, tool, tasks.get(str(tool.get("name", tool.get("task"))))) for step, tool in found]
    inlined = [(step, tool, task) for step, tool, task in called if tool["kind"] == "workbook" and task is not None]
    for step, tool, task in inlined:
        step["tool"] = in_place(tool, task)
    if not inlined:
        return None
    usual, other = outcome(playbook, playbook.text), outcome(playbook, written(document))
    return differences(as_called(other), as_called(usual))


def in_place(tool: Document, task: Document) -> Document:
    """The tool of a task where it is called."""
    own = task["tool"]
    made: Document = (
        dict(own) if isinstance(own, dict) else {"kind": own, **{k: v for k, v in task.items() if k in _OWN}}
    )
    spelled = next((name for name in ("args", "with") if name in made), "args")
    given, inner = tool.get("args"), made.pop(spelled, None)
    args: Document = dict(given) if isinstance(given, dict) else {}
    for name, value in inner.items() if isinstance(inner, dict) else ():
        if value is not None or name not in args:
            args[name] = value
    if "timeout" not in made and "timeout" in tool:
        made["timeout"] = tool["timeout"]
    return {**made, "args": args} if args else made


_OWN: Final = ("code", "code_b64", "args", "with", "auth", "libs", "timeout")


def as_called(summary: Summary) -> Summary:
    """The summary with the args of a task's tool, by name, in place of what its caller asks the task for."""
    told: list[Json] = []
    for run in maps(summary["runs"]):
        calls: list[Json] = [{**call, "request": _innermost(call["request"])} for call in maps(run["calls"])]
        told.append({**run, "calls": calls})
    return {**summary, "runs": told}


def _innermost(request: Json) -> Json:
    while isinstance(request, dict) and isinstance(inner := request.get("task"), dict):
        request = inner
    args = request.get("args") if isinstance(request, dict) and request["kind"] == "python" else None
    return dict(sorted(args.items())) if isinstance(args, dict) else args


def loop_of_one(playbook: Playbook) -> list[str] | None:
    """A step is a loop over one item: the same calls, writes and, as the only entry of its results, result."""
    first = steps(playbook.document)[0]
    if "tool" not in first or "loop" in first or any(_about_the_run(rule) for rule in maps(first.get("case"))):
        return None
    alone: Document = {name: value for name, value in first.items() if name not in ("next", "vars", "join")}
    alone["next"] = [{"step": "end", "args": {name: f"{{{{ ctx.{name} }}}}" for name in _STORE}}]
    document: Document = {**playbook.document, "workflow": [alone, {"step": "end"}]}
    looped: Document = {**document, "workflow": [{**alone, "loop": {"in": ["x"], "iterator": "only"}}, {"step": "end"}]}
    plain, other = outcome(playbook, written(document)), outcome(playbook, written(looped))
    return differences(_of_one(other, looped=True), _of_one(plain, looped=False))


_STORE: Final = ("total", "seen", "pages", "info", "last", "gathered")
_ABOUT: Final = re.compile(r"step\.(?:exit|enter)|loop\.done")


def _about_the_run(rule: Document) -> bool:
    """Whether a rule is about another event than a call's outcome, or leads somewhere."""
    blocks = [rule["then"]] if isinstance(rule["then"], dict) else maps(rule["then"])
    leads = any(name in block for block in maps(list(blocks)) for name in ("next", "step", "skip"))
    return bool(_ABOUT.search(str(rule["when"]))) or leads


def _of_one(summary: Summary, *, looped: bool) -> Summary:
    first, *rest = maps(summary["runs"])
    result = first["result"]
    if looped and isinstance(result, dict) and isinstance(found := result["results"], list):
        result = found[0]
    calls: list[Json] = [{k: v for k, v in call.items() if k != "iteration"} for call in maps(first["calls"])]
    told: Summary = {"status": first["status"], "result": result, "args": first["args"], "calls": calls}
    return {**told, "failed": summary["status"], "then": [run["args"] for run in rest]}


def inlined_playbook(playbook: Playbook) -> list[str] | None:
    """A sub-playbook comes to what it comes to in its caller's place (TOO-4)."""
    path, key = "lib/drawn", "drawn:-:0:1:1"
    inner = ExecutionInfo(child_id(key), {})
    alone = outcome(playbook, playbook.text, info=inner)
    ended = any(run["step"] == "end" and run["status"] == "success" for run in maps(alone["runs"]))
    if alone["status"] != "completed" or not ended:
        return None
    document = copy.deepcopy(playbook.document)
    undeclared: Document = {"step": "end"}
    last = next((step for step in steps(document) if step["step"] == "end"), undeclared)
    if '"next"' in written(last):
        return None
    last["next"] = [{"step": "after", "args": {"v": "{{ steps['end'] }}"}}]
    others: Sequence[Document] = [step for step in steps(document) if step["step"] != "end"]
    document["workflow"] = [*others, last, {"step": "after"}]
    inside = outcome(playbook, written(document), info=inner)
    called: Document = {"kind": "playbook", "path": path, "return_step": "end"}
    start: Document = {"step": "start", "tool": called, "next": [{"step": "after", "args": {"v": "{{ start }}"}}]}
    caller: Document = {**_HEAD, "workflow": [start, {"step": "after"}]}
    child: Document = {**playbook.document, "metadata": {"name": "drawn", "path": path}}
    outside = outcome(playbook, written(caller), library={**playbook.library, path: written(child)})
    return differences({"after": _last(outside)}, {"after": _last(inside)})


_HEAD: Final[Document] = {"apiVersion": "noetl.io/v2", "kind": "Playbook", "metadata": {"name": "caller"}}


def _last(summary: Summary) -> Json:
    """What the last run of `after` was given."""
    return [run["args"] for run in maps(summary["runs"]) if run["step"] == "after"][-1:]


RELATIONS: Final[tuple[Relation, ...]] = (
    *(reversed_workflow, unreachable_step, then_as_list, next_as_maps, spacing, bare_and_braces, manner_of_yaml),
    *(anchors, renamed_steps, split_guards, catch_all_rules, pass_through, inline_tasks, loop_of_one, inlined_playbook),
)
