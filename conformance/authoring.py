"""The parts of drawn playbooks: values, tools, sinks and actions, in the spellings that people use.

Every part is valid where it is put, and what its templates read is given by whoever puts it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeAlias, TypeVar

from hypothesis import strategies as st

from noetl.compiler.ir import Json

Document: TypeAlias = "dict[str, Json]"
Actions: TypeAlias = "list[tuple[str, Json]]"
"""The actions of a block, in order."""
Reads: TypeAlias = "tuple[str, ...]"
"""Expressions that may stand somewhere."""
_T = TypeVar("_T")

STORE: Final[Document] = {"total": 0, "seen": None, "pages": [], "info": {}, "last": "", "gathered": []}
"""The variables of the store, each with a value of the type that the actions here keep it at."""
CONSTANT_TEXTS: Final = (
    *("", "x", "yes", "012", "null", " lead", "trail ", "a: b", "a #b", "it's", 'say "x"', "été", "\U0001f600"),
    *("two\nlines", "ends\n", "a\n\n  b\n\n", "tab\there", "a, [b] {c}", "- x", "\u2028", "\\n", "%}", "}}", "~"),
)
CODE: Final = (
    "result = {}",
    "result = {'n': 1}  # one\n",
    "def main(input_data):\n    # a comment: with a colon\n    return input_data\n",
    'def main(context):\n\n    return {"sum": sum(x for x in [1, 2])}\n',
    'text = f"{{{1 + 1}}}"\nresult = {"text": text, "greeting": "hello {{ somebody }}"}\n',
    "import math\n\nif math.pi > 3:\n    return [1, 2]\nawait later()\n",
)
ALWAYS: Final[Reads] = (
    *("workload.n", "workload.nested.list[1]", "execution_id", "workload.missing | default('none')", "workload.n + 1"),
    *("workload['nested'].list | join(',')", "workload.names | length", "'a' if workload.n > 4 else 'b'"),
    *("env.NOWHERE | default('here')", "job.uuid is defined"),
)
STORED: Final[Reads] = ("ctx.total", "vars.seen", "pages", "ctx.info", "ctx.pages | length", "last | default('')")
SUCCESS: Final[Reads] = (
    *("response.v", "response.items", "response", "response.items | length", "response.items[0] | default(none)"),
    *("response.text", "result", "result.v", "this.more", "event.call", "response.get('v')", "response['v'] | int"),
    *("event.payload", "event.step"),
)
ROWS: Final[Reads] = (
    *("response.rows", "response.row_count", "response.columns", "response", "response | length", "result"),
    *("response[0] | default(none)", "event.call", "event.payload", "event.step"),
)
"""What may be read of an answer of a database."""
DATABASES: Final = ("duckdb", "postgres")
FAILURE: Final[Reads] = ("error.status", "error.type", "error", "error.message | upper", "event.attempt")


@lru_cache
def _below(number: int) -> st.SearchStrategy[int]:
    """Kept, since making and validating a strategy takes longer than drawing from it."""
    return st.integers(0, number - 1)


_CONSTANTS: Final = st.none() | st.booleans() | st.integers(-5, 2**70) | st.sampled_from((0.5, -1.25))


class Author:
    """Draws parts. `runnable`: what the runtime runs; else the whole language."""

    def __init__(
        self,
        draw: st.DrawFn,
        *,
        runnable: bool,
        kinds: tuple[str, ...] = (),
        children: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """`kinds` are called beside `python`, `http` and `workbook`; `children` are playbooks with their steps."""
        self._draw = draw
        self._kinds = kinds
        self._children = children or {}
        self.runnable = runnable
        self.keychain = not runnable and self.coin(3)
        """Whether the playbook has one, with an entry `api`."""

    # -- choices -----------------------------------------------------------------------------------------------------

    def draw(self, strategy: st.SearchStrategy[_T]) -> _T:
        """A value of a strategy."""
        return self._draw(strategy)

    def one(self, *options: _T) -> _T:
        """One of the options; examples shrink to the first."""
        return options[self._draw(_below(len(options)))]

    def json(self, *options: Json) -> Json:
        """One of several values."""
        return options[self._draw(_below(len(options)))]

    def coin(self, of: int = 2) -> bool:
        """True once in so many."""
        return self._draw(_below(of)) == of - 1

    def some(self, *options: _T, least: int = 0, most: int = 2) -> list[_T]:
        """A list of options, which may repeat."""
        return [self.one(*options) for _ in range(self.one(*range(least, most + 1)))]

    # -- values ------------------------------------------------------------------------------------------------------

    def expression(self, reads: Reads) -> str:
        """One expression, in braces or bare (DOC-8)."""
        source = self.one(*reads)
        return self.one(source, f"{{{{ {source} }}}}", f"{{{{{source}}}}}", f"{{{{- {source} -}}}}")

    def template(self, reads: Reads) -> str:
        """A string with a template in it: one expression alone, or text around some."""
        source, other = self.one(*reads), self.one(*reads)
        return self.one(
            f"{{{{ {source} }}}}",
            f"n={{{{ {source} }}}}",
            f"{{{{ {source} }}}}\n",
            f"{{{{ {source} }}}}/{{{{ {other} }}}} \u00e9",
            f"{{% if ({source}) %}}\n  a: {{{{ {other} }}}}\n{{% endif %}}\n",
            f"{{# note #}}{{{{ {source} }}}}",
        )

    def value(self, reads: Reads, depth: int = 1) -> Json:
        """Any value, with or without templates."""
        match self.one("constant", "text", "template", "read", "list", "map"):
            case "constant":
                return self._draw(_CONSTANTS)
            case "text":
                return self.one(*CONSTANT_TEXTS)
            case "template":
                return self.template(reads)
            case "list" if depth:
                return [self.value(reads, depth - 1) for _ in range(self.one(0, 1, 2))]
            case "map" if depth:
                return {name: self.value(reads, depth - 1) for name in self.one(("k",), ("k", "c"), ("a b", "1"))}
        return f"{{{{ {self.one(*reads)} }}}}"

    def args(self, reads: Reads, names: tuple[str, ...] = ("p", "q")) -> Document:
        """Args by name, one at least."""
        return {name: self.value(reads) for name in dict.fromkeys([self.one(*names), self.one(*names)])}

    # -- tools -------------------------------------------------------------------------------------------------------

    def tool(self, reads: Reads, tasks: tuple[str, ...]) -> Document:
        """The tool of a step; its outcomes are drawn, so what it would really do does not matter."""
        kinds = ["python", "python", "http", *(["workbook"] if tasks else []), *self._kinds]
        if not self.runnable:
            kinds += ["postgres", "duckdb", "playbook", "script", "secrets", "snowflake"]
        kind = self.one(*kinds)
        tool: Document = {"kind": kind}
        if kind == "http":
            tool |= self.http(reads)
        elif kind == "workbook":
            tool[self.one("name", "name", "task")] = self.one(*tasks)
            if self.coin():
                tool["args"] = self.args(reads)
        elif kind == "python":
            tool |= self.python(reads)
        else:
            tool |= self.other(kind, reads)
        if self.coin(8):
            tool["timeout"] = self.json(30, 2.5, "{{ 5 + 5 }}")
        return tool

    def python(self, reads: Reads) -> Document:
        """Fields of a python tool."""
        args: Document = {"n": "{{ workload.n }}", **self.args(reads, ("a", "b"))}
        fields: Document = {"code": self.one(*CODE), self.one("args", "args", "args", "with"): args}
        if self.coin(6):
            fields |= {"auth": {}, "libs": {"json": "json"}}
        if self.coin(10):
            del fields["code"]
            fields["code_b64"] = "cmVzdWx0ID0ge30="
        return fields

    def http(self, reads: Reads) -> Document:
        """Fields of an http tool."""
        address = self.one("http://api.invalid/x", "{{ workload.url }}/x")
        fields: Document = {self.one("url", "url", "endpoint"): address}
        if self.coin():
            fields["params"] = {"page": self.value(reads, 0), "size": 10}
        if self.coin(3):
            authorization = self.one("Bearer {{ secret.api_token }}", "{{ workload.names[0] }}")
            fields["headers"] = {"Authorization": authorization, "X-Nothing": None, "X-N": self.template(reads)}
        if self.keychain and self.coin():
            fields["headers"] = {"X-Key": "{{ keychain.api.token }}"}
        if self.coin(3):
            fields |= {"method": self.one("POST", "put"), self.one("body", "data", "payload"): self.value(reads)}
        if self.coin(4):
            fields |= {
                "auth": self.json("api_login", {"type": "bearer", "credential": "api_login"}),
                "verify_ssl": True,
            }
        return fields

    def other(self, kind: str, reads: Reads) -> Document:
        """Fields of a tool of another kind."""
        match kind:
            case "playbook" if self._children:
                path = self.one(*self._children)
                fields: Document = {"path": path, self.one("args", "payload", "with"): self.args(reads, ("n", "more"))}
                if self.coin(3):
                    fields["return_step"] = self.one(*self._children[path])
                return fields
            case "postgres":
                statement = self.one("SELECT 1 WHERE id = %(id)s;\nSELECT 2", "SELECT '{{ execution_id }}' AS run")
                fields = {self.one("command", "query", "statement"): statement}
                return {"auth": "pg", "params": {"id": self.template(reads)}, **fields}
            case "duckdb":
                return {"database": ":memory:", self.one("commands", "command"): "SELECT 1 AS one"}
            case "playbook":
                return {"path": "a/b", "return_step": "end", self.one("args", "payload", "with"): self.args(reads)}
            case "secrets":
                return {"provider": "google", "name": "projects/x/secrets/y"}
            case "script":
                return {"uri": "x.sh", "anything": self.value(reads)}
        return {"command": "SELECT 1", "warehouse": "w"}

    def task(self, name: str) -> Document:
        """A workbook task; its templates see the scope of its caller."""
        made: Document = {"name": name}
        python: Document = {"code": self.one(*CODE), "args": {"a": None, "b": "{{ workload.n }}"}}
        if self.coin(4):
            made |= {"tool": "python", **python}
        else:
            made["tool"] = {"kind": "python", **python} if self.coin() else {"kind": "http", **self.http(ALWAYS)}
        if self.coin(3):
            made["sink"] = self.sink(ALWAYS)
        if self.coin(3):
            made |= {
                "desc": "a task: with a colon",
                "assert": {"expects": [], "returns": ["v", "items", "more", "text"]},
            }
        return made

    def sink(self, reads: Reads) -> Document:
        """SNK-1, in all its forms."""
        value = self.value(reads)
        forms: list[Document] = [
            {"tool": {"kind": "event_log"}},
            {"tool": {"kind": "event_log", "data": value}},
            {"tool": {"kind": "event_log"}, "args": self.args(reads)},
            {"tool": {"kind": "http", "method": "POST", "url": "http://log.invalid/"}, "body": {"k": value}},
            {"tool": {"kind": "python", "code": "result = 1", "args": self.args(reads)}},
            {"tool": {"kind": "event_log", "from": self.one(*reads)}},
            {"tool": "event", "data": value},
            {"backend": "event_log", "data": value},
        ]
        if not self.runnable:
            table: Document = {"auth": "pg", "table": "t", "mode": "upsert", "key": "id"}
            forms += [
                {"tool": {"kind": "postgres", **table}, "args": {"id": value}},
                {"tool": {"kind": "duckdb", "command": "SELECT 1"}},
            ]
        return self.one(*forms)

    # -- actions -----------------------------------------------------------------------------------------------------

    def data_actions(self, reads: Reads, *, collected: bool = False) -> Actions:
        """Data actions of a block; `collected`: the response may be read by path (COL-3)."""
        made: Actions = []
        for action in self.some("set", "collect", "log", "sink", most=3):
            if action == "set":
                made.append(("set", self.set(reads)))
            elif action == "collect":
                made.append(("collect", self.collect(reads, by_path=collected and self.coin(4))))
            elif action == "log":
                made.append(("log", self.json(self.template((*reads, "event.name")), "plain", 5)))
            elif self.coin():
                made.append(("sink", self.sink(reads)))
        return made

    def set(self, reads: Reads) -> Json:
        """SET-1, in all its forms."""
        one: Document = {self.one("total", "seen"): self.value(reads)}
        two: Document = {"last": self.value(reads), **one}
        return self.json(
            one,
            two,
            {"ctx": one},
            {"vars": two},
            {"ctx": one, "last": "{{ ctx.total }}"},
            [{"name": name, "value": value} for name, value in two.items()],
        )

    def collect(self, reads: Reads, *, by_path: bool) -> Document:
        """COL-1, and COL-3 for a name of its own."""
        if by_path:
            return {"strategy": "append", "path": self.one("items", "$.items", "missing.path"), "into": "gathered"}
        mode = self.one("append", "extend", "merge", "replace")
        if mode == "extend" and "response.items" in reads:
            return {"from": self.expression(("response.items",)), "into": "pages", "mode": mode}
        if mode == "merge":
            name = self.one("x", "y")
            source = self.one(f"{{{{ {{'{name}': workload.n}} }}}}", f"dict({name}=1)")
            return {"from": source, "into": "info", "mode": mode}
        if mode == "replace":
            return {"from": self.expression(reads), "into": "last", "mode": mode}
        appended: Document = {"from": self.expression(reads), "into": "pages"}
        return {**appended, "mode": "append"} if self.coin() else appended

    def result(self, reads: Reads) -> Json:
        """RES-1, in all its forms."""
        return self.json(
            {"from": self.expression(reads)},
            {"a": self.value(reads), "from_a": 1},
            f"{{{{ {self.one(*reads)} }}}}",
            [1],
        )

    def again(self, kind: Json) -> tuple[str, Json]:
        """A further call with overrides: `call`, or a `retry` that pages (RET-5)."""
        page: Document = {"page": self.json("{{ event.call }}", 2)}
        overrides: Document = {"args": page} if kind != "http" else self.one({"params": page}, {"args": page})
        if self.coin(4):
            return "retry", {**overrides, "max_attempts": self.one(2, 3)}
        return "call", self.json(overrides, None) if kind == "http" else overrides

    def retry(self) -> Json:
        """RET-1."""
        delays: Document = {"initial_delay": 0.25, "backoff_multiplier": self.one(1, 2.0), "max_delay": 0.5}
        attempts = self.json(*([1] if self.runnable else []), 2, 3, "{{ 1 + 1 }}")
        return self.json({"max_attempts": attempts, "initial_delay": 0.25}, {"max_attempts": attempts, **delays}, None)

    def fail(self, reads: Reads) -> Json:
        """FAI-1."""
        fatal: Json = self.json(True, False, "{{ workload.n > 4 }}")
        return self.json(
            {"message": "no", "fail_workflow": fatal}, {"message": self.template(reads), "fail_workflow": fatal}, None
        )

    def skip(self, reads: Reads) -> Json:
        """SKP-1."""
        return self.json({}, None, {"reason": self.value(reads, 0)})

    # -- spelling ----------------------------------------------------------------------------------------------------

    def when(self, event: str | None, condition: str | None) -> Json:
        """The `when` of a rule; without an event it listens to the outcome."""
        named = None if event is None else self.one(f"event.name == '{event}'", f"'{event}' == event.name")
        parts = [part for part in (named, condition) if part is not None]
        if not parts:
            return True
        text = " and ".join(parts)
        return self.one(text, f"{{{{ {text} }}}}", f"{{{{ {text} }}}}\n")

    def then(self, actions: Actions) -> Json:
        """DOC-8: actions as a mapping, if each is there once, or as a list of mappings; `- step: x` for a `next`."""
        names = [name for name, _ in actions]
        if len(set(names)) == len(names) and self.coin():
            return dict(actions)
        blocks: list[Document] = []
        for name, value in actions:
            if name == "next" and isinstance(value, list) and value and self.coin():
                blocks += [dict(entry) if isinstance(entry, dict) else {"step": entry} for entry in value]
            elif blocks and name not in blocks[-1] and "step" not in blocks[-1] and self.coin(3):
                blocks[-1][name] = value
            else:
                blocks.append({name: value})
        return list(blocks)

    def next(self, entries: list[Document]) -> Json:
        """DOC-7: the forms of a `next`; entries are `{step, args?}`."""
        bare = [e["step"] if len(e) == 1 and self.coin() else dict(e) for e in entries]
        if len(entries) == 1 and self.coin(3):
            return entries[0]["step"] if len(entries[0]) == 1 else dict(entries[0])
        return bare
