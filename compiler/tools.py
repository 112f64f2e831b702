"""The kinds of tools and their fields, with the canonical name of every synonym (semantics, section 9 and DOC-11).

| fields | canonical | synonyms |
|---|---|---|
| address of http | `url` | `endpoint` |
| body of http | `body` | `data`, `payload`, in sinks also `from` |
| text of SQL | `command` | `commands`, `query`, `statement` |
| the same in base64 | `command_b64` | `commands_b64` |
| args of any tool | `args` | `with`, of `playbook` also `payload` |
| name of a workbook task | `name` | `task` |
| data of a sink | `data` | `from` (one expression, DOC-8) |
| kind of a sink | `kind` | `backend` |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from .ir import Const, MapValue, Tool, Value

LOCAL_KINDS: Final = frozenset({"shell", "rhai"})
"""Kinds of the local shell dialect (DOC-6)."""
SINK_KIND_SYNONYMS: Final = {"event": "event_log"}
SINK_SYNONYMS: Final = {"backend": "kind", "from": "data"}
BOOLEANS: Final = frozenset({"verify_ssl", "follow_redirects", "idempotency_key"})
"""Fields of http that are true or false (DOC-12)."""
INLINE_CODE: Final = ("source", "code")
"""Where in `script` its own code stands, which is never rendered (TOO-5)."""
STRUCTURAL: Final = frozenset({"kind", "assert"})
"""Keys of a tool that are no fields: nothing of them is rendered or handed to a runner."""

_COMMON: Final = frozenset({"args", "auth", "credentials", "timeout"})
_SCRIPTED: Final = frozenset({"script"})
_HTTP: Final = frozenset({"method", "url", "headers", "params", "body", "body_b64"}) | BOOLEANS
_SQL: Final = frozenset({"command", "command_b64", "params", "database", "table", "mode", "key", "data"}) | _SCRIPTED
_PYTHON: Final = frozenset({"code", "code_b64", "libs", "data"}) | _SCRIPTED
_WITH: Final = {"with": "args"}
_HTTP_SYNONYMS: Final = {"endpoint": "url", "data": "body", "payload": "body", **_WITH}
_HTTP_MISTAKEN: Final = {
    **dict.fromkeys(("content", "form", "json"), "body"),
    "allow_redirects": "follow_redirects",
    "query": "params",
    "verify": "verify_ssl",
}
_SQL_MISTAKEN: Final = {"parameters": "params", "sql": "command", "statements": "command"}
_SQL_SYNONYMS: Final = {
    "commands": "command",
    "query": "command",
    "statement": "command",
    "commands_b64": "command_b64",
    **_WITH,
}
_SQL_TEXT: Final = ("command", "command_b64", "script")
_SQL_WORK: Final = (*_SQL_TEXT, "table")


@dataclass(frozen=True, slots=True)
class ToolKind:
    """What the language knows of one kind of tool."""

    name: str
    fields: frozenset[str] | None
    """Canonical names of the fields, without `kind` and `assert`; None where any field may be meant."""
    synonyms: Mapping[str, str] = field(default_factory=lambda: _WITH)
    mistaken: Mapping[str, str] = field(default_factory=dict)
    """Fields by the names that other programs have for them, which are none here."""
    needs: tuple[str, ...] = ()
    """Fields of which no call can do without one, the usual first."""
    runner: bool = True
    """Whether noetl itself can run it (TOO-8)."""

    def canonical(self, name: str) -> str:
        """The canonical name of a field (DOC-11)."""
        return self.synonyms.get(name, name)

    def lacks(self, given: Iterable[str]) -> bool:
        """Whether a call with these fields, by canonical names, fails because one that it needs is not among them."""
        return bool(self.needs) and set(self.needs).isdisjoint(given)

    def knows(self, name: str) -> bool:
        """Whether `name` is the canonical name of a field of this kind."""
        return self.fields is None or name in self.fields or name in STRUCTURAL


KINDS: Final[Mapping[str, ToolKind]] = {
    known.name: known
    for known in (
        ToolKind("http", _COMMON | _HTTP, _HTTP_SYNONYMS, _HTTP_MISTAKEN, ("url",)),
        ToolKind("postgres", _COMMON | _SQL, _SQL_SYNONYMS, _SQL_MISTAKEN, _SQL_WORK),
        ToolKind("duckdb", _COMMON | _SQL | {"path"}, _SQL_SYNONYMS, _SQL_MISTAKEN, _SQL_WORK),
        ToolKind("python", _COMMON | _PYTHON, needs=("code", "code_b64", "script")),
        ToolKind("workbook", _COMMON | {"name"}, {"task": "name", **_WITH}, needs=("name",)),
        ToolKind("playbook", _COMMON | {"path", "return_step"}, {"payload": "args", **_WITH}, needs=("path",)),
        ToolKind("secrets", _COMMON | {"provider", "name"}, needs=("name",)),
        ToolKind("event_log", _COMMON | {"data"}),
        ToolKind("snowflake", None, _SQL_SYNONYMS, runner=False),
        ToolKind("ducklake", None, _SQL_SYNONYMS, runner=False),
        ToolKind("transfer", None, runner=False),
        ToolKind("container", None, runner=False),
        ToolKind("script", None, runner=False),
        ToolKind("gcs", None, runner=False),
    )
}
"""Every kind that the language has, by name."""

ALL_FIELDS: Final = frozenset().union(
    *(known.fields or () for known in KINDS.values()), *(known.synonyms for known in KINDS.values())
)
"""Every name of a field of some kind, synonyms included."""
PLUG_INS: Final = "noetl.tools"
"""The group of entry points by which a package brings the runner of a kind (TOO-8, docs/tools.md)."""
UNKNOWN: Final = ToolKind("", None)
"""Stands for a kind that does not exist, where the rest of the playbook is still looked at."""

BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
"""HTTP methods for which the result is the body where a sink gives none (SNK-1)."""


def tool_kind(name: str) -> ToolKind:
    """The kind called `name`, of the language or of a plug-in, or `UNKNOWN`."""
    known = KINDS.get(name)
    if known is None and name and name in plugged():
        return ToolKind(name, None)
    return known or UNKNOWN


@cache
def plugged() -> frozenset[str]:
    """The kinds that plug-ins of this environment run. None of them is loaded."""
    from importlib.metadata import entry_points  # only needed where a kind has no runner of its own

    return frozenset(point.name for point in entry_points(group=PLUG_INS))


def unrendered(kind: str, name: str) -> bool:
    """Whether a field is taken as it stands: `code` of python, and text in base64 (TPL-8, TOO-5).

    `code` of a kind that does not exist, which has no name here, is probably python's.
    """
    return name in ("code_b64", "command_b64") or (name == "code" and kind in ("python", "script", UNKNOWN.name))


def reads_result(sink: Tool) -> bool:
    """Whether a sink takes the result because nothing else is given for its data (SNK-1)."""
    given = {name for name, _ in sink.fields.entries}  # a null that is written is data
    args = sink.fields.get("args")
    empty = args is None or (isinstance(args, Const) and not args.value)
    match sink.kind:
        case "http":
            return not given & {"body", "body_b64"} and _may_have_body(sink.fields.get("method"))
        case "python":
            named = args is not None and _has(args, "data")
            return "data" not in given and not named
        case "postgres" | "duckdb" | "snowflake" | "ducklake":
            return "data" not in given and empty and not any(name in given for name in _SQL_TEXT)
    return "data" not in given and empty


def _may_have_body(method: Value | None) -> bool:
    if isinstance(method, Const):
        return isinstance(method.value, str) and method.value.upper() in BODY_METHODS
    return method is not None


def _has(args: Value, name: str) -> bool:
    if isinstance(args, Const):
        return isinstance(args.value, dict) and name in args.value
    return isinstance(args, MapValue) and args.get(name) is not None
