"""Hypothesis strategies for playbooks that are valid by construction.

Arguments say what is valid, never how likely. A drawn playbook is text that lints without error; what its tools answer
is drawn beside it as a `Script`, a pure function of the place of the attempt, so that any runtime can be fed the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from zlib import crc32

from hypothesis import strategies as st

from noetl.compiler.ir import Json
from noetl.runtime.ports import Outcome

Document: TypeAlias = "dict[str, Json]"
NAMES: Final = ("a", "b-2", "c/3", "load_all", "x y", "été", "q7", "z")
STORE: Final = ("total", "seen", "pages", "info")


@dataclass(frozen=True, slots=True)
class Script:
    """What tools answer, by place (run key, call and attempt)."""

    seed: int
    failing: int
    """Of every eight attempts, how many fail."""

    def outcome(self, place: str) -> Outcome:
        """The same outcome for the same place, always."""
        drawn = crc32(f"{self.seed}:{place}".encode())
        if drawn % 8 < self.failing:
            return Outcome(error={"type": "Broken", "message": f"attempt {place}", "status": 500 + drawn % 4})
        size = drawn // 8 % 4
        items: Json = [drawn % 100 + i for i in range(size)]
        return Outcome(
            response={"v": drawn // 64 % 10, "items": items, "more": drawn // 1024 % 3 == 0, "text": "{{ v }}"}
        )


@dataclass(frozen=True, slots=True)
class Playbook:
    """A drawn playbook: its document, its text, and what its tools answer."""

    document: Document
    script: Script

    @property
    def text(self) -> str:
        """The document as YAML (in its JSON form)."""
        return json.dumps(self.document, indent=1, ensure_ascii=False)


def _coin(draw: st.DrawFn) -> bool:
    return draw(st.booleans())


def _when(draw: st.DrawFn, event: str, condition: str | None) -> str:
    parts = [f"event.name == '{event}'", *([condition] if condition else [])]
    text = " and ".join(parts)
    return draw(st.sampled_from([text, f"{{{{ {text} }}}}"]))


def _value(draw: st.DrawFn, reads: tuple[str, ...]) -> Json:
    """A value for args, set and the like: constants, reads of names that may be undefined, texts."""
    values: st.SearchStrategy[Json] = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 2**70),
        st.sampled_from(["", "x", "{{ workload.n }}", "{{ ctx.total }}", "n={{ args.p | default(0) }}"]),
        st.sampled_from(reads).map(lambda name: f"{{{{ {name} }}}}"),
        st.lists(st.integers(0, 3), max_size=2),
        st.sampled_from(reads).map(lambda name: {"k": f"{{{{ {name} }}}}", "c": [1, None]}),
    )
    return draw(values)


SUCCESS_READS: Final = ("response.v", "response.items", "response", "ctx.seen", "args.p", "workload.n")
FAILURE_READS: Final = ("error.status", "error.type", "ctx.seen", "args.p", "workload.n")


def _data(draw: st.DrawFn, reads: tuple[str, ...]) -> Document:
    """Data actions of a block."""
    block: Document = {}
    for action in draw(st.lists(st.sampled_from(["set", "collect", "log"]), unique=True, max_size=3)):
        if action == "set":
            block["set"] = {draw(st.sampled_from(["total", "seen"])): _value(draw, reads)}
        elif action == "log":
            block["log"] = f"at {{{{ event.name }}}} with {{{{ {draw(st.sampled_from(reads))} }}}}"
        else:
            block["collect"] = _collect(draw, reads)
    return block


def _collect(draw: st.DrawFn, reads: tuple[str, ...]) -> Document:
    if "response.items" in reads and draw(st.booleans()):
        return {"from": "response.items", "into": "pages", "mode": "extend"}
    if draw(st.booleans()):
        return {"from": f"{{{{ {{'{draw(st.sampled_from('xy'))}': workload.n}} }}}}", "into": "info", "mode": "merge"}
    return {"from": draw(st.sampled_from(reads)), "into": "pages", "mode": "append"}


def _next(draw: st.DrawFn, later: list[str], reads: tuple[str, ...]) -> Json:
    targets = draw(st.lists(st.sampled_from(later), min_size=1, max_size=2))
    entries: list[Json] = []
    for target in targets:
        entry: Document = {"step": target}
        if draw(st.booleans()):
            entry["args"] = {draw(st.sampled_from(["p", "q"])): _value(draw, reads)}
        entries.append(entry)
    return entries


def _success_rules(draw: st.DrawFn, later: list[str]) -> list[Document]:
    rules: list[Document] = []
    if draw(st.booleans()):
        page: Document = {**_data(draw, SUCCESS_READS), "call": {"args": {"page": "{{ event.call }}"}}}
        rules.append({"when": _when(draw, "call.done", "response.more == true and event.call < 3"), "then": page})
    for condition in draw(st.lists(st.sampled_from(["response.v > 4", "response.v <= 4", None]), max_size=2)):
        block = _data(draw, SUCCESS_READS)
        if draw(st.booleans()):
            block["result"] = {"from": draw(st.sampled_from(["response.v", "ctx.pages", "response"]))}
        if later and _coin(draw):
            block["next"] = _next(draw, later, SUCCESS_READS)
        elif draw(st.integers(0, 9)) == 0:
            block["fail"] = {"message": "no", "fail_workflow": draw(st.booleans())}
        if block:
            rules.append(
                {"when": _when(draw, draw(st.sampled_from(["call.done", "step.exit"])), condition), "then": block}
            )
    return rules


def _failure_rules(draw: st.DrawFn, later: list[str]) -> list[Document]:
    rules: list[Document] = []
    if draw(st.booleans()):
        retry: Document = {"max_attempts": draw(st.integers(1, 3)), "initial_delay": 0.25}
        rules.append({"when": _when(draw, "call.error", "error.status == 500"), "then": {"retry": retry}})
    choice = draw(st.sampled_from(["none", "next", "result", "skip", "fail"]))
    block = _data(draw, FAILURE_READS) if choice != "none" else {}
    if choice == "next" and later:
        block["next"] = _next(draw, later, FAILURE_READS)
    elif choice == "result":
        block["result"] = {"from": "error.status"}
    elif choice == "skip":
        block["skip"] = {"reason": "broken"}
    elif choice == "fail":
        block["fail"] = {"message": "gave up", "fail_workflow": draw(st.booleans())}
    if block:
        event = draw(st.sampled_from(["call.error", "call.done", "step.exit"]))
        rules.append({"when": _when(draw, event, "error is defined"), "then": block})
    return rules


def _step(draw: st.DrawFn, name: str, later: list[str]) -> Document:
    step: Document = {"step": name}
    if draw(st.booleans()):
        step["args"] = {"p": _value(draw, ("workload.n", "ctx.total", "ctx.pages"))}
    rules: list[Document] = []
    if draw(st.integers(0, 5)) == 0:
        enter: Document = {"skip": {}} if draw(st.booleans()) else {"set": {"seen": draw(st.integers(0, 9))}}
        rules.append({"when": _when(draw, "step.enter", None), "then": enter})
    if draw(st.integers(0, 6)):
        step["tool"] = {"kind": "python", "code": "result = {}", "args": {"n": "{{ workload.n }}"}}
        rules += [*_failure_rules(draw, later), *_success_rules(draw, later)]
        if draw(st.integers(0, 3)) == 0:
            step["vars"] = {"total": "{{ result }}"}
    if rules:
        step["case"] = list(rules)
    if later and (_coin(draw) or _coin(draw)):
        step["next"] = _next(draw, later, ("workload.n", "ctx.pages", "args.p"))
    if name != "end" and draw(st.integers(0, 3)) == 0:
        step["join"] = "all"
    return step


@st.composite
def playbooks(draw: st.DrawFn, max_steps: int = 7) -> Playbook:
    """Acyclic playbooks without loops: choices, forks, joins, handled and unhandled errors, retries, paging, skips."""
    names = ["start", *draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=max_steps - 2)), "end"]
    steps: list[Json] = [dict(_step(draw, name, names[i + 1 :])) for i, name in enumerate(names)]
    document: Document = {
        "apiVersion": "noetl.io/v2",
        "kind": "Playbook",
        "metadata": {"name": "drawn"},
        "workload": {"n": draw(st.integers(0, 9)), "id": "{{ execution_id }}"},
        "workflow": steps,
    }
    return Playbook(document, draw(scripts()))


def scripts() -> st.SearchStrategy[Script]:
    """Scripts of tool outcomes."""
    make: Callable[[int, int], Script] = Script
    return st.builds(make, st.integers(0, 2**16), st.integers(0, 4))
