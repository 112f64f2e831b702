"""Tools and sinks of v1 as `tool: {kind, ...}`: every field under its kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from noetl.compiler.findings import quoted
from noetl.compiler.formatting.tree import Branch, Entry, Leaf
from noetl.compiler.tools import BODY_METHODS, SINK_KIND_SYNONYMS, tool_kind

from .notes import HTTP_DATA
from .parts import Notebook, comments_of, mapping, name_of, pair, string, word
from .routing import ARGS, merged_args

KIND: Final = ("kind", "type", "tool", "storage", "backend")
"""What names the kind of a sink, the first that is there."""
NO_FIELDS: Final = frozenset((*KIND, "save", "sink"))
"""What is a field of no tool, whatever its kind."""
SQL: Final = frozenset({"postgres", "duckdb", "snowflake", "ducklake"})
TEMPLATED: Final = SQL | {"http"}
"""Kinds whose templates read what v1 gave them as data: that is `args` of the step (TPL-7)."""
_CREDENTIALS: Final = frozenset({"credential", "credentialRef"})
_INSERTING: Final = "append"


class Tools:
    """Makes tools of the fields that v1 has beside the kind."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def tool(
        self, kind: Leaf, like: Entry, fields: Sequence[Entry], label: str, *, step: bool
    ) -> tuple[Entry, list[Entry], list[str]]:
        """The entry `tool`, the entries for the step itself, and comments that are left.

        `like` is the entry that named the kind. Args of a tool whose templates read them become those of the step.
        """
        known = tool_kind(kind.text)
        inside: list[Entry] = []
        args: list[Entry] = []
        place = 0
        loose: list[str] = []
        for entry in fields:
            name = name_of(entry)
            if kind.text == "http" and name in ("data", "payload"):
                inside += self._http_data(entry, fields, label)
            elif name in ARGS:
                place = place if args else len(inside)
                args.append(entry)
            elif name in _CREDENTIALS and known.fields is not None:
                inside.append(pair("auth", entry.value, entry))
            elif name not in NO_FIELDS and known.knows(known.canonical(name)):
                inside.append(entry)
            else:
                loose += self._notebook.as_comment(entry, label, f"it is no field of {quoted(kind.text)}")
        merged = merged_args(args, self._notebook, label)
        outside = step and kind.text in TEMPLATED and merged is not None and isinstance(merged.value, Branch)
        own = [merged] if merged is not None and outside else []
        if merged is not None and not outside:
            inside.insert(place, merged)
        named = pair("kind", Leaf(kind.raw, kind.text, kind.style, kind.span))
        named.beside = like.beside
        made = Entry(mapping([named, *inside], kind.span), Leaf("tool", "tool", "plain", kind.span), list(like.above))
        return made, own, loose

    def _http_data(self, entry: Entry, fields: Sequence[Entry], label: str) -> list[Entry]:
        """`data` of v1 is the query of a request without a body, else its body; `query` and `body` in it say so."""
        value = entry.value
        if name_of(entry) == "payload":
            return [pair("body", value, entry)]
        if isinstance(value, Branch) and value.is_map and (value.entry("query") or value.entry("body")):
            names = {"query": "params", "body": "body"}
            made = [pair(names[name_of(e)], e.value, e) for e in value.entries if name_of(e) in names]
            loose = [line for line in comments_of(entry) if line]
            for other in value.entries:
                if name_of(other) not in names:
                    loose += self._notebook.as_comment(other, label)
            made[0].above = [*loose, *made[0].above]
            return made
        method = next((e.value for e in fields if name_of(e) == "method"), None)
        text = (string(method) or "GET").upper()
        if "{" in text:
            message = f'"data" of {label} became its body: the method is a template'
            hint = 'v1 sent it as the query where the method has no body; that is "params" in v2'
            self._notebook.note(HTTP_DATA, message, value.span, hint)
        return [pair("body" if text in BODY_METHODS or "{" in text else "params", value, entry)]

    # -- sinks -------------------------------------------------------------------------------------------------------

    def sink(self, entry: Entry, label: str) -> Entry:
        """`save` or `sink` in any form, as `sink: {tool: {kind, ...}}`."""
        value = entry.value
        if not isinstance(value, Branch) or not value.is_map:
            return pair("sink", value, entry)
        nested = value.get("tool") or value.get("storage")
        if isinstance(nested, Branch) and nested.is_map:
            return self._nested(entry, value, nested, label)
        kind = next((e for name in KIND if (e := value.entry(name)) and string(e.value)), None)
        named = string(kind.value) if kind else "event_log"
        made = word(SINK_KIND_SYNONYMS.get(named or "", named or ""), kind.value.span if kind else value.span)
        rest = [e for e in value.entries if e is not kind]
        return self._sink(entry, made, kind, rest, label)

    def _nested(self, entry: Entry, value: Branch, nested: Branch, label: str) -> Entry:
        """A sink whose tool is a mapping already, with `kind` or what v1 called it."""
        kind = next((e for name in KIND if (e := nested.entry(name)) and string(e.value)), None)
        if kind is None:
            return pair("sink", value, entry)
        named = SINK_KIND_SYNONYMS.get(string(kind.value) or "", string(kind.value) or "")
        beside = [e for e in value.entries if e.value is not nested]
        rest = [*(e for e in nested.entries if e is not kind), *beside]
        made = self._sink(entry, word(named, kind.value.span), kind, rest, label)
        inner = made.value.entry("tool") if isinstance(made.value, Branch) else None
        holder = next((e for e in value.entries if e.value is nested), None)
        if inner is not None and holder is not None:
            inner.above, inner.beside = [*holder.above, *inner.above], holder.beside
        return made

    def _sink(self, entry: Entry, named: Leaf, kind: Entry | None, rest: Sequence[Entry], label: str) -> Entry:
        known = tool_kind(named.text)
        fields: list[Entry] = []
        loose: list[str] = []
        for one in rest:
            name = name_of(one)
            if name in _CREDENTIALS:
                fields.append(pair("auth", one.value, one))
            elif name == "mode" and string(one.value) == _INSERTING and named.text in SQL:
                fields.append(pair("mode", word("insert", one.value.span), one))
            elif name == "with":
                fields.append(pair("args", one.value, one))
            elif name not in NO_FIELDS and (known.knows(known.canonical(name)) or name in ("data", "args", "from")):
                fields.append(one)
            else:
                why = f"a sink to {quoted(named.text)} has no such field"
                loose += self._notebook.as_comment(one, f'"sink" of {label}', why)
        inner = pair("kind", named)
        if kind is not None:
            inner.beside = kind.beside
            loose = [*kind.above, *loose]
        tool = mapping([inner, *fields], entry.value.span)
        made = mapping([Entry(tool, Leaf("tool", "tool", "plain", named.span), loose)], entry.value.span)
        return pair("sink", made, entry)
