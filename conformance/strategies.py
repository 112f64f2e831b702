"""Hypothesis strategies for playbooks that are valid by construction.

Arguments say what is valid, never how likely. `playbooks` draws what the runtime runs and targets compile: a drawn
playbook is text that lints without error; what its tools answer is drawn beside it as a `Script`, a pure function of
the place of the attempt, so that any runtime can be fed the same. `clean_documents` draws from the whole language what
lint has nothing to warn of.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from hypothesis import strategies as st

from noetl.compiler.ir import Json
from noetl.runtime.ports import Outcome

from .authoring import ALWAYS, CONSTANT_TEXTS, FAILURE, STORE, STORED, SUCCESS, Actions, Author, Document, Reads

NAMES: Final = ("a", "b-2", "c/3", "load_all", "x y", "été", "q7", "z", "12")
ANSWERED: Final = ("python", "http", "event_log")
"""The tool kinds that a drawn playbook calls, and its script answers."""


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


class _Story:
    """One playbook while it is drawn."""

    def __init__(self, draw: st.DrawFn, max_steps: int, *, runnable: bool, clean: bool) -> None:
        self._author = Author(draw, runnable=runnable)
        self._clean = clean
        self._names = ["start", *draw(st.permutations(NAMES))[: draw(st.integers(0, max_steps - 2))], "end"]
        self._tasks = tuple(draw(st.lists(st.sampled_from(("task", "a task", "t-3")), unique=True, max_size=2)))
        self._next: dict[str, list[Document]] = {}
        """The entries of each step's structural `next`."""
        self._reached: set[str] = set()
        self._iterator = self._author.one("item", "user", "n_1", "été_i")

    # -- the document ------------------------------------------------------------------------------------------------

    def document(self) -> Document:
        """The whole playbook."""
        author = self._author
        steps = {name: self._step(i, name) for i, name in enumerate(self._names)}
        if self._clean or not author.coin(4):
            self._connect()
        if self._clean:
            self._initialise(steps["start"])
        for name, entries in self._next.items():
            if entries:
                steps[name]["next"] = author.next(entries)
        listed = [steps[name] for name in self._names]
        if list(listed[-1]) == ["step"] and author.coin():
            listed.pop()  # DOC-7: an `end` may stay undeclared
        document: Document = {"apiVersion": "noetl.io/v2", "kind": "Playbook", "metadata": self._metadata()}
        document["workload"] = {
            "n": author.one(*range(10)),
            "id": "{{ execution_id }}",
            "url": "http://api.invalid",
            "names": ["x", "y"],
            "nested": {
                "list": [1, 2, 3],
                "text": author.one(*CONSTANT_TEXTS),
                "more": "{{ payload.more | default('no') }}",
            },
        }
        if self._tasks:
            document["workbook"] = [author.task(name) for name in self._tasks]
        if author.keychain:
            document["keychain"] = [{"name": "api", "kind": "secret_manager", "path": "x/y"}]
        document["workflow"] = list(listed)
        return document

    def _metadata(self) -> Document:
        author = self._author
        metadata: Document = {"name": "drawn"}
        if author.coin(3):
            metadata |= {"version": author.one("2.0", 2), "description": "what: it does", "labels": {"a": "b"}}
        if author.coin(4):
            metadata |= {"tags": ["x", 1], "owner": {"anything": None}}
        return metadata

    def _connect(self) -> None:
        """Where no rule leads to a step, the structural `next` of an earlier one does, so that `start` reaches all."""
        for i, name in enumerate(self._names[1:], 1):
            if name not in self._reached:
                self._next[self._author.one(*self._names[:i])].append({"step": name})

    def _initialise(self, start: Document) -> None:
        """Every variable of the store is written before anything reads it."""
        case = start.get("case")
        first: Document = {"when": "event.name == 'step.enter'", "then": {"set": dict(STORE)}}
        start["case"] = [first, *(case if isinstance(case, list) else [])]

    # -- steps -------------------------------------------------------------------------------------------------------

    def _reads(self, i: int) -> Reads:
        """What may be read anywhere after the args of a step."""
        if not self._clean:
            earlier = [f'steps["{n}"].v' for n in self._names[:i]] + [n for n in self._names[:i] if n.isidentifier()]
            return (*ALWAYS, *STORED, "args.p", "workload.n + 'x'", *earlier)
        return (*ALWAYS, *STORED, "args.p", "p", *(("start", "start.v", 'steps["start"].items') if i else ()))

    def _step(self, i: int, name: str) -> Document:
        author, later = self._author, self._names[i + 1 :]
        step: Document = {"step": name}
        if self._clean or not author.coin(4):
            reads = (*ALWAYS, *STORED) if self._clean else (*ALWAYS, *STORED, "args.q")
            step["args"] = {"p": author.value(reads)}
        if author.coin(5):
            step["desc"] = author.one("what: it does", "x\ny", 5)
        loop = not author.runnable and author.coin(4)
        reads = self._reads(i)
        iterating = (*reads, self._iterator, "loop.index", "loop_index") if loop else reads
        rules: list[Document] = []
        if author.coin(6) and not (self._clean and name == "start"):
            rules.append({"when": author.when("step.enter", None), "then": author.then(self._enter(reads, loop=loop))})
        kind: Json = None
        if not author.coin(7):
            tool = author.tool(iterating, self._tasks)
            kind = tool["kind"]
            step["tool"] = tool
            rules += [*self._failures(later, (*iterating, *FAILURE)), *self._successes(later, iterating, kind)]
            if loop:
                step["loop"] = self._loop()
                rules += self._done(later, reads)
            if author.coin(5):
                step["vars"] = {"total": author.one("{{ result }}", "{{ ctx.total }}", 1)}
            if author.coin(8):
                step["sink"] = author.sink(reads)
        elif author.coin(3):
            rules.append(self._without_tool(later, reads))
        if rules:
            step["case"] = list(rules)
        self._next[name] = []
        if later and (author.coin() or author.coin()):
            structural: Reads = (*ALWAYS, *STORED, "args.p")
            self._next[name] = self._entries(later, structural)
        if name != "end" and author.coin(4):
            step["join"] = author.one("all", "each")
        return step

    def _loop(self) -> Document:
        author = self._author
        loop: Document = {
            "in": author.json("workload.names", "{{ workload.nested.list }}", [1, "{{ workload.n }}"]),
            "iterator": self._iterator,
        }
        if author.coin():
            loop["mode"] = author.one("sequential", "parallel", "async")
        if author.coin(4):
            loop |= {"max_in_flight": author.one(2, "{{ 1 + 1 }}")}
        return loop

    # -- transitions -------------------------------------------------------------------------------------------------

    def _entries(self, later: list[str], reads: Reads) -> list[Document]:
        author = self._author
        targets = list(later)
        if not author.runnable and author.coin(5):
            targets = self._names[1:]  # backwards: a cycle
        entries: list[Document] = []
        for target in author.some(*targets, least=1):
            entries.append({"step": target, **({"args": author.args(reads)} if author.coin() else {})})
            if target in later:
                self._reached.add(target)
        return entries

    def _next_action(self, later: list[str], reads: Reads) -> tuple[str, Json]:
        author = self._author
        return "next", [] if author.coin(12) else author.next(self._entries(later, reads))

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, reads: Reads, *, loop: bool) -> Actions:
        author = self._author
        actions = author.data_actions(reads)
        match author.one("none", "skip", "next", "call", "fail"):
            case "skip":
                actions.append(("skip", author.skip(reads)))
            case "next":
                actions.append(("next", []))
            case "fail" if not loop and author.coin():
                actions.append(("fail", author.fail(reads)))
        return actions or [("set", author.set(reads))]

    def _successes(self, later: list[str], reads: Reads, kind: Json) -> list[Document]:
        author, reads = self._author, (*reads, *SUCCESS)
        rules: list[Document] = []
        if author.coin():
            condition = author.one("response.more == true and event.call < 3", "response.more and event.call < 2")
            actions = [*author.data_actions(reads, collected=True), author.again(kind)]
            rules.append({"when": author.when("call.done", condition), "then": author.then(actions)})
        conditions = ("response.v > 4", "response.v <= 4", "'x' not in response.text", None)
        for other in author.some(*conditions):
            actions = author.data_actions(reads, collected=True)
            if author.coin():
                actions.append(("result", author.result(reads)))
            if later and author.coin():
                actions.insert(author.one(*range(len(actions) + 1)), self._next_action(later, reads))
            elif author.coin(10):
                actions.append(("fail", author.fail(reads)))
            if actions:
                event = author.one("call.done", "step.exit", None)
                rules.append({"when": author.when(event, other), "then": author.then(actions)})
        return rules

    def _failures(self, later: list[str], reads: Reads) -> list[Document]:
        author = self._author
        rules: list[Document] = []
        if author.coin():
            condition = author.one("error.status == 500", "error.status in [500, 502]", "error is defined")
            then = author.then([*author.data_actions(reads), ("retry", author.retry())])
            rules.append({"when": author.when(author.one("call.error", "call.done"), condition), "then": then})
        choice = author.one("none", "data", "next", "result", "skip", "fail")
        actions = author.data_actions(reads) if choice != "none" else []
        if choice == "next" and later:
            actions.append(self._next_action(later, reads))
        elif choice == "result":
            actions.append(("result", author.result(reads)))
        elif choice == "skip":
            actions.append(("skip", author.skip(reads)))
        elif choice == "fail":
            actions.append(("fail", author.fail(reads)))
        if actions:
            event = author.one("call.error", "call.done", "step.exit")
            rules.append({"when": author.when(event, "error is defined"), "then": author.then(actions)})
        return rules

    def _without_tool(self, later: list[str], reads: Reads) -> Document:
        author = self._author
        actions = author.data_actions(reads)
        actions.append(self._next_action(later, reads) if later else ("log", "here"))
        when = author.when(author.one("step.exit", None), author.one(None, "workload.n > 4", "not args.p"))
        return {"when": when, "then": author.then(actions)}

    def _done(self, later: list[str], reads: Reads) -> list[Document]:
        author = self._author
        if author.coin():
            return []
        actions = author.data_actions((*reads, "response.results", "result.stats.total"))
        if later and author.coin():
            actions.append(self._next_action(later, reads))
        return [{"when": author.when("loop.done", None), "then": author.then(actions or [("log", "done")])}]


@st.composite
def playbooks(draw: st.DrawFn, max_steps: int = 7) -> Playbook:
    """Acyclic playbooks without loops: choices, forks, joins, handled and unhandled errors, retries, paging, skips."""
    document = _Story(draw, max_steps, runnable=True, clean=False).document()
    return Playbook(document, draw(scripts()))


@st.composite
def clean_documents(draw: st.DrawFn, max_steps: int = 6) -> Document:
    """Playbooks of the whole language in which lint finds no error and nothing to warn of; notes on spellings only."""
    return _Story(draw, max_steps, runnable=False, clean=True).document()


def scripts() -> st.SearchStrategy[Script]:
    """Scripts of tool outcomes."""
    make: Callable[[int, int], Script] = Script
    return st.builds(make, st.integers(0, 2**16), st.sampled_from((0, 0, 1, 2, 4)))
