"""How a playbook is drawn: its steps, what leads where, and the rules that do it.

Every drawn playbook ends, whatever its tools answer. Transitions lead to later steps; where cycles are asked for, a
rule may lead back as long as the past of the run did not often enough: it collects into `rounds`, of which a join has
at least what each of its branches has. What forks, in a list of transitions or in the iterations of a loop, is counted,
so that no playbook has more than some hundreds of runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

from noetl.compiler.ir import Json

from .authoring import (
    ALWAYS,
    CONSTANT_TEXTS,
    DATABASES,
    FAILURE,
    ROWS,
    STORE,
    STORED,
    SUCCESS,
    Actions,
    Author,
    Document,
    Reads,
)

NAMES: Final = ("a", "b-2", "c/3", "load_all", "x y", "été", "q7", "z", "12")
ITEMS: Final = 3
"""So many iterations a drawn loop has at most."""
ITERATION: Final[Reads] = ("loop.index", "loop_index", "loop.last", "loop.length")
_GIVEN: Final[list[Json]] = [[1, "{{ workload.n }}"], [], [None, {"k": "{{ workload.names }}"}, "{{ '{{' }} v }}"]]
LISTS: Final[tuple[Json, ...]] = (
    "workload.names",
    "{{ workload.nested.list }}",
    *_GIVEN,
    "{{ workload.nested }}",
    "{{ (ctx.pages | default([]))[:2] }}",
    "{{ start.items | default([0]) }}",
)
"""`loop.in` as an expression, a list, and an expression that gives a map; empty ones, too."""
ROUNDS: Final = "(ctx.rounds | default([])) | length"


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be in a playbook, beside what every target compiles."""

    runnable: bool = True
    """Only what the runtime runs; else the whole language, whose playbooks need not end."""
    clean: bool = False
    """Nothing that lint warns of."""
    loops: bool = False
    cycles: bool = False
    sql: bool = False
    """Steps that call databases."""
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The playbooks that steps may call, with the names of their steps."""


class Story:
    """One playbook while it is drawn."""

    def __init__(self, draw: st.DrawFn, max_steps: int, policy: Policy) -> None:
        self._policy = policy
        kinds = (("duckdb", "postgres") if policy.sql else ()) + (("playbook", "playbook") if policy.children else ())
        self._author = Author(draw, runnable=policy.runnable, kinds=kinds, children=policy.children)
        self._clean = policy.clean
        self._names = ["start", *draw(st.permutations(NAMES))[: draw(st.integers(0, max_steps - 2))], "end"]
        self._tasks = tuple(draw(st.lists(st.sampled_from(("task", "a task", "t-3")), unique=True, max_size=2)))
        self._next: dict[str, list[Document]] = {}
        """The entries of each step's structural `next`."""
        self._reached: set[str] = set()
        self._iterator = self._author.one("item", "user", "n_1", "été_i")
        self._cyclic = policy.cycles and self._author.coin()
        bounded = policy.runnable and (policy.loops or policy.cycles)
        self._forks = (5 if self._cyclic else 24) if bounded else 10**6
        """By how much the number of tokens may still grow on the way."""
        self._raising = self._author.coin(3)
        """Whether some templates raise."""
        self._start: Reads = ("start", "start.v", 'steps["start"].items')
        """What a clean playbook reads of the result of `start`."""
        self._loop = False
        """Whether the step that is drawn is a loop step."""

    # -- the document ------------------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the steps."""
        return tuple(self._names)

    def document(self, path: str | None = None) -> Document:
        """The whole playbook, with its `metadata.path` if it has one."""
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
        metadata = self._metadata() if path is None else {**self._metadata(), "path": path}
        document: Document = {"apiVersion": "noetl.io/v2", "kind": "Playbook", "metadata": metadata}
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
        """Where no rule leads to a step, the structural `next` of an earlier one does, if tokens may fork there."""
        for i, name in enumerate(self._names[1:], 1):
            if name not in self._reached:
                source = self._author.one(*self._names[:i])
                tokens = len(self._next[source])
                if not tokens or self._afford(tokens + 1, of=tokens):
                    self._next[source].append({"step": name})

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
            return (*ALWAYS, *STORED, "args.p", *(("workload.n + 'x'",) if self._raising else ()), *earlier)
        return (*ALWAYS, *STORED, "args.p", "p", *(self._start if i else ()))

    def _step(self, i: int, name: str) -> Document:
        author, later = self._author, self._names[i + 1 :]
        self._loop = (not author.runnable or self._policy.loops) and author.coin(3 if author.runnable else 4)
        step: Document = {"step": name}
        if self._clean or not author.coin(4):
            step["args"] = {"p": author.value(self._of_args())}
        if author.coin(5):
            step["desc"] = author.one("what: it does", "x\ny", 5)
        reads = self._reads(i)
        rules: list[Document] = []
        with_tool = not author.coin(7)
        if author.coin(6) and not (self._clean and name == "start"):
            actions = self._enter(later, reads, with_tool=with_tool)
            rules.append({"when": author.when("step.enter", None), "then": author.then(actions)})
        if with_tool:
            rules += self._with_tool(step, later, reads)
        elif author.coin(3):
            self._loop = self._loop and author.runnable
            rules.append(self._without_tool(later, self._iterating(reads)))
            if self._loop:
                step["loop"] = self._loop_of()
        if self._cyclic and author.coin(3):
            rules.insert(author.one(*range(len(rules) + 1)), self._back(name, reads, with_tool=with_tool))
        if rules:
            step["case"] = list(rules)
        self._next[name] = []
        if later and (author.coin() or author.coin()):
            structural: Reads = (*ALWAYS, *STORED, "args.p")
            self._next[name] = self._entries(later, structural)
        if name != "end" and author.coin(4):
            step["join"] = author.one("all", "each")
        return step

    def _of_args(self) -> Reads:
        reads = (*ALWAYS, *STORED) if self._clean else (*ALWAYS, *STORED, "args.q")
        return self._iterating(reads) if self._loop and self._author.runnable and self._author.coin() else reads

    def _iterating(self, reads: Reads) -> Reads:
        return (*reads, self._iterator, *ITERATION) if self._loop else reads

    def _with_tool(self, step: Document, later: list[str], reads: Reads) -> list[Document]:
        """Adds a tool and what goes with one; the rules for what it answers."""
        author, iterating = self._author, self._iterating(reads)
        tool = author.tool(iterating, self._tasks)
        step["tool"] = tool
        rules = [*self._failures(later, iterating, tool["kind"]), *self._successes(later, iterating, tool["kind"])]
        if step["step"] == "start" and (self._loop or tool["kind"] in DATABASES):
            self._start = ("start.results", "start.stats.total") if self._loop else ("start", "start.row_count")
        if self._loop:
            step["loop"] = self._loop_of()
            rules += self._done(later, reads)
        if author.coin(5):
            step["vars"] = {"total": author.one("{{ result }}", "{{ ctx.total }}", 1)}
        if author.coin(8):
            step["sink"] = author.sink(reads)
        return rules

    def _loop_of(self) -> Document:
        author = self._author
        lists = LISTS if author.runnable else LISTS[:3]
        given: Json = "{{ args.p }}" if author.runnable and author.coin(10) else author.json(*lists)
        loop: Document = {"in": given, "iterator": self._iterator}
        if author.coin():
            loop["mode"] = author.one("sequential", "parallel", "async")
        if author.coin(4):
            loop |= {"max_in_flight": author.one(2, "{{ 1 + 1 }}")}
        return loop

    # -- transitions -------------------------------------------------------------------------------------------------

    def _afford(self, tokens: int, of: int = 1) -> bool:
        """Whether there may be so many tokens where there were `of`; counts them if so."""
        if tokens > of * self._forks:
            return False
        self._forks = self._forks * of // tokens
        return True

    def _entries(self, later: list[str], reads: Reads) -> list[Document]:
        author = self._author
        targets = list(later)
        if not author.runnable and author.coin(5):
            targets = self._names[1:]  # backwards: a cycle
        entries: list[Document] = []
        for target in author.some(*targets, least=1):
            if entries and not self._afford(2):
                break
            entries.append({"step": target, **({"args": author.args(reads)} if author.coin() else {})})
            if target in later:
                self._reached.add(target)
        return entries

    def _next_action(self, later: list[str], reads: Reads, *, iteration: bool = False) -> tuple[str, Json]:
        """A `next`; one of an iteration is empty where there are too many tokens already."""
        author = self._author
        if author.coin(12) or (iteration and not self._afford(ITEMS)):
            return "next", []
        return "next", author.next(self._entries(later, reads))

    def _back(self, name: str, reads: Reads, *, with_tool: bool) -> Document:
        """A rule that leads anywhere, as long as the run's past did not often enough."""
        author = self._author
        events = ("call.done", "step.exit") if with_tool else ("step.exit",)
        condition = f"{ROUNDS} < {author.one(1, 2)}"
        if with_tool and author.coin():
            condition = author.one(f"response.more and {condition}", f"{condition} and error is defined")
        elif author.coin():
            condition = f"{condition} and workload.n > 2"
        actions: Actions = [*author.data_actions(reads), ("collect", {"from": f"'{name}'", "into": "rounds"})]
        fits = not self._loop or self._afford(ITEMS)
        entries = self._entries(self._names, reads) if fits else []
        actions.insert(author.one(*range(len(actions) + 1)), ("next", author.next(entries)))
        return {"when": author.when(author.one(*events), condition), "then": author.then(actions)}

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, later: list[str], reads: Reads, *, with_tool: bool) -> Actions:
        author = self._author
        actions = author.data_actions(reads)
        match author.one("none", "skip", "next", "call", "fail"):
            case "skip":
                actions.append(("skip", author.skip(reads)))
            case "next":
                actions.append(self._next_action(later, reads) if later and author.coin() else ("next", []))
            case "call" if with_tool and not self._loop and author.runnable:
                actions.append(("call", {"args": author.args(reads, ("n", "page"))}))
            case "fail" if not self._loop and author.coin():
                actions.append(("fail", author.fail(reads)))
        return actions or [("set", author.set(reads))]

    def _successes(self, later: list[str], reads: Reads, kind: Json) -> list[Document]:
        author, rows = self._author, kind in DATABASES and not self._author.runnable
        reads = (*reads, *(ROWS if rows else SUCCESS))
        rules: list[Document] = []
        if author.coin():
            more = author.one("response.more == true and event.call < 3", "response.more and event.call < 2")
            condition = "response.row_count > 0 and event.call < 2" if rows else more
            actions = [*author.data_actions(reads, collected=True), author.again(kind)]
            rules.append({"when": author.when("call.done", condition), "then": author.then(actions)})
        conditions: list[str | None] = ["response.v > 4", "response.v <= 4", "'x' not in response.text", None]
        if rows:
            conditions = ["response.row_count > 4", "not response", None]
        if self._loop and author.runnable:
            conditions += [f"{self._iterator} == 1", "loop.first", "response is defined"]
        for other in author.some(*conditions):
            actions = author.data_actions(reads, collected=True)
            if author.coin():
                actions.append(("result", author.result(reads)))
            self._control(actions, later, reads)
            if actions:
                event = author.one("call.done", "step.exit", None)
                rules.append({"when": author.when(event, other), "then": author.then(actions)})
        return rules

    def _control(self, actions: Actions, later: list[str], reads: Reads) -> None:
        """Adds what ends a block after a success, if anything."""
        author = self._author
        if later and author.coin():
            action = self._next_action(later, reads, iteration=self._loop)
            actions.insert(author.one(*range(len(actions) + 1)), action)
        elif author.coin(10):
            actions.append(("fail", author.fail(reads)))
        elif author.runnable and self._bounded and author.coin(8):
            actions.append(("skip", author.skip(reads)))

    @property
    def _bounded(self) -> bool:
        return self._policy.loops or self._policy.cycles

    def _failures(self, later: list[str], reads: Reads, kind: Json) -> list[Document]:
        author, reads = self._author, (*reads, *FAILURE)
        rules: list[Document] = []
        if self._bounded and author.coin(4):
            when = author.when(author.one("call.error", "call.done"), "error is defined and event.call < 3")
            rules.append({"when": when, "then": author.then([*author.data_actions(reads), author.again(kind)])})
        if author.coin():
            condition = author.one("error.status == 500", "error.status in [500, 502]", "error is defined")
            then = author.then([*author.data_actions(reads), ("retry", author.retry())])
            rules.append({"when": author.when(author.one("call.error", "call.done"), condition), "then": then})
        choice = author.one("none", "data", "next", "result", "skip", "fail")
        actions = author.data_actions(reads) if choice != "none" else []
        if choice == "next" and later:
            actions.append(self._next_action(later, reads, iteration=self._loop))
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
        actions.append(self._next_action(later, reads, iteration=self._loop) if later else ("log", "here"))
        when = author.when(author.one("step.exit", None), author.one(None, "workload.n > 4", "not args.p"))
        return {"when": when, "then": author.then(actions)}

    def _done(self, later: list[str], reads: Reads) -> list[Document]:
        author = self._author
        if author.coin():
            return []
        reads = (*reads, "response.results", "result.stats.total")
        actions = author.data_actions(reads)
        if author.runnable and author.coin(3):
            actions.append(("result", author.result(reads)))
        if later and author.coin():
            actions.append(self._next_action(later, reads))
        elif author.runnable and author.coin(8):
            actions.append(("fail", author.fail(reads)))
        return [{"when": author.when("loop.done", None), "then": author.then(actions or [("log", "done")])}]
