"""Accepted spellings and their canonical form (DOC-11): keys of tools, sinks, `set`, `collect` and `retry`.

Every rewrite leaves a fixable note and keeps the spans, so that later findings point at what was written.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from noetl.compiler.findings import (
    CALL_STEP,
    CONFLICT,
    NORMALISED,
    TOLERATED_KEY,
    UNKNOWN_KEY,
    WRONG_TYPE,
    WRONG_VALUE,
    Findings,
    described,
    quoted,
    string_of,
)
from noetl.compiler.lower.literals import Literals
from noetl.compiler.nodes import Map, Node, Position, Scalar, Seq
from noetl.compiler.tools import ALL_FIELDS, SINK_KIND_SYNONYMS, SINK_SYNONYMS, ToolKind, tool_kind
from noetl.diagnostics import Fix, Related, Span

from . import edits, holds_template
from .edits import Text

Entry = tuple[Scalar, Node]
STORE_ROOTS: Final = ("ctx", "vars")
RETRY_KEYS: Final = ("max_attempts", "initial_delay", "backoff_multiplier", "max_delay")
"""RET-1. Every other key of a `retry` is an override (RET-5) or an error."""
OVERRIDES: Final = "overrides"
"""The canonical key of a paging `retry`; no playbook can write it."""


class Spellings:
    """Rewrites the spellings of one file and notes them."""

    def __init__(self, text: Text, findings: Findings) -> None:
        self._text = text
        self._findings = findings
        self._literals = Literals(findings)
        self._noted: set[tuple[Span, str]] = set()

    def note(self, written: str, canonical: str, label: str, span: Span, fix: Fix | None) -> None:
        """NTL130: `written` in `label` is spelled `canonical`."""
        if (span, written) in self._noted:
            return  # an alias leads there once more
        self._noted.add((span, written))
        message = f"{written} in {label} is another spelling of {canonical}"
        self._findings.add(NORMALISED, message, span, fix=None if self._text.shared else fix)

    def renamed(self, key: Scalar, name: str, label: str, *, alone: bool = True) -> Scalar:
        """The key under its canonical name, noted if it was written otherwise; with a fix if it is the only such."""
        written = key.text
        if written == name:
            return key
        fix = edits.rename(self._text, key, name) if alone else None
        self.note(quoted(written), quoted(name), label, key.span, fix)
        return named(name, key)

    def distinct(self, entries: list[Entry], label: str) -> list[Entry]:
        """The entries without those that say again, under another spelling, what an earlier one says: an error."""
        kept: dict[str, Entry] = {}
        for key, value in entries:
            name = key.text
            if name not in kept:
                kept[name] = (key, value)
                continue
            first = kept[name][0]
            written = self._text.on_one_line(key.span) or name
            earlier = self._text.on_one_line(first.span) or name
            message = f"{quoted(written.strip(_QUOTES))} and {quoted(earlier.strip(_QUOTES))} in {label} mean the same"
            related = (Related(f"{quoted(earlier.strip(_QUOTES))} is here", first.span),)
            self._findings.add(CONFLICT, message, key.span, related=related)
        return list(kept.values())

    # -- tools -------------------------------------------------------------------------------------------------------

    def fields(self, entries: list[Entry], kind: ToolKind, label: str) -> list[Entry]:
        """Fields of a tool of that kind under their canonical names."""
        names = [kind.canonical(key.text) for key, _ in entries]
        often = Counter(names)
        spelled = [
            (self.renamed(key, name, label, alone=often[name] == 1), value)
            for name, (key, value) in zip(names, entries, strict=True)
        ]
        return self.distinct(spelled, label)

    def tool(self, tool: Map, label: str) -> Map:
        """A tool with canonical fields."""
        kind = tool_kind(string_of(tool.get("kind")) or "")
        return Map(self.fields(tool.entries, kind, label), tool.span)

    def sink_tool(self, tool: Map, label: str) -> Map:
        """A sink's tool: `backend` is `kind`, `from` (one expression) is `data`, the kind `event` is `event_log`."""
        written = string_of(tool.get("kind") or tool.get("backend")) or ""
        kind = tool_kind(SINK_KIND_SYNONYMS.get(written, written))
        spelled: list[Entry] = []
        names = [kind.canonical(SINK_SYNONYMS.get(key.text, key.text)) for key, _ in tool.entries]
        often = Counter(names)
        for name, (key, value) in zip(names, tool.entries, strict=True):
            alone = often[name] == 1
            if key.text == "from" and isinstance(value, Scalar) and string_of(value) is not None:
                spelled.append(self._data(key, name, value, label, alone=alone))
                continue
            key = self.renamed(key, name, label, alone=alone)
            if name == "kind" and isinstance(value, Scalar) and (other := SINK_KIND_SYNONYMS.get(value.text)):
                self.note(quoted(value.text), quoted(other), label, value.span, edits.rename(self._text, value, other))
                value = named(other, value)
            spelled.append((key, value))
        return Map(self.distinct(spelled, label), tool.span)

    def _data(self, key: Scalar, name: str, value: Scalar, label: str, *, alone: bool) -> Entry:
        """`from: expr` as `data: "{{ expr }}"`, under the name that the kind has for its data."""
        rename, wrap = edits.renamed(self._text, key, name), None
        found = self._literals.expression(value, f'"from" in {label}')
        bare = found is not None and not value.text.lstrip().startswith("{{")
        if bare:
            wrap = edits.braced(self._text, value)
        parts = [e for e in (rename, wrap) if e is not None]
        fix = Fix(f'write "{name}"', tuple(parts)) if alone and len(parts) == 1 + bare else None
        self.note('"from"', quoted(name), label, key.span, fix)
        return named(name, key), (_braced(value) if bare else value)

    # -- actions -----------------------------------------------------------------------------------------------------

    def store(self, value: Node, label: str) -> Node:
        """SET-1: every form of `set` as one ordered mapping of store names."""
        if isinstance(value, Seq):
            entries = self._named(value, label)
            if entries is None:
                return value
            fix = edits.named_entries(self._text, value)
            self.note('a list of "name" and "value"', "a mapping of names", label, value.span, fix)
            return Map(entries, value.span)
        if not isinstance(value, Map):
            return value
        flat: list[Entry] = []
        for key, inner in value.entries:
            if key.text not in STORE_ROOTS:
                flat.append((key, inner))
            elif isinstance(inner, Map):
                flat += inner.entries
            elif not (isinstance(inner, Scalar) and inner.value is None):
                message = f"{quoted(key.text)} in {label} must be a mapping of names, not {described(inner)}"
                self._findings.add(WRONG_TYPE, message, inner.span)
        return Map([(key, inner) for key, inner in flat if self.store_name(key, key.text, label)], value.span)

    def store_name(self, place: Scalar, name: str, label: str) -> bool:
        """COL-2: whether `name` can name a store variable; `ctx.x` is written `x`, and no name is rendered."""
        root, dot, rest = name.partition(".")
        if name and not (dot and root in STORE_ROOTS) and not holds_template(name):
            return True
        message = f"{quoted(name)} in {label} does not name a variable of the store"
        plain = rest.isidentifier()
        fix = edits.rename(self._text, place, rest) if plain and not self._text.shared else None
        self._findings.add(WRONG_VALUE, message, place.span, hint=f"write {quoted(rest)}" if plain else None, fix=fix)
        return False

    def _named(self, value: Seq, label: str) -> list[Entry] | None:
        """The entries of a list of `{name, value}`; None (and left to the models) if it is something else."""
        entries: list[Entry] = []
        for item in value.items:
            if not isinstance(item, Map) or sorted(k.text for k, _ in item.entries) != ["name", "value"]:
                return None
            name, inner = item.get("name"), item.get("value")
            if not isinstance(name, Scalar) or string_of(name) is None or inner is None:
                return None
            if self.store_name(name, name.text, label):
                entries.append((name, inner))
        return entries

    def collect(self, key: Scalar, value: Node, label: str) -> None:
        """`into` names a store variable (COL-2). The form of COL-3 gets a note and stays: it has no other spelling."""
        if not isinstance(value, Map):
            return
        into = value.get("into")
        if isinstance(into, Scalar) and isinstance(into.value, str) and into.value:  # the models refuse an empty one
            self.store_name(into, into.value, f'"into" of {label}')
        if value.key("strategy"):
            message = (
                f'"collect" in {label} is in the form "strategy, path, into"; the usual form is "from, into, mode"'
            )
            self._findings.add(NORMALISED, message, key.span)

    def call(self, value: Map, kind: ToolKind, label: str) -> Map:
        """CALL-1: overrides under their canonical names; `step` (CALL-2) and `kind` are refused."""
        step = value.key("step")
        if step:
            message = f'"call" in {label} cannot name a step; a transition is "next"'
            self._findings.add(CALL_STEP, message, step.span, hint='write "next: [{step, args}]"')
            return Map([], value.span)
        other = value.key("kind")
        if other:
            message = f'unexpected key "kind" in "call" of {label}; a call cannot change the kind of its tool'
            self._findings.add(UNKNOWN_KEY, message, other.span)
        entries = [(k, v) for k, v in value.entries if k is not other]
        return Map(self.fields(entries, kind, f'"call" of {label}'), value.span)

    def retry(self, key: Scalar, value: Map, kind: ToolKind, label: str) -> Map:
        """RET-1 and RET-5: overrides go under `overrides`; what is neither stays for the models to refuse."""
        own: list[Entry] = []
        overrides: list[Entry] = []
        for inner, node in value.entries:
            name = inner.text
            if name == OVERRIDES:
                message = f'unexpected key {quoted(name)} in "retry" of {label}; write the overrides themselves'
                self._findings.add(UNKNOWN_KEY, message, inner.span)
            elif name == "args.params":
                overrides.append((self.renamed(inner, "params", f'"retry" of {label}'), node))
            elif name in RETRY_KEYS or not self._override(name, kind):
                own.append((inner, node))
            elif name == "args" and kind.name == "http" and isinstance(node, Map) and node.key("params"):
                overrides += _lifted(inner, node)
            else:
                overrides.append((inner, node))
        if not overrides:
            return Map(own, value.span)
        message = f'"retry" in {label} has overrides: it is a "call" bounded by "max_attempts"'
        self._findings.add(NORMALISED, message, key.span)
        for name in RETRY_KEYS[2:]:
            idle = next((k for k, _ in own if k.text == name), None)
            if idle:
                message = f"{quoted(name)} has no effect in a retry with overrides (in {label})"
                self._findings.add(TOLERATED_KEY, message, idle.span)
                own = [(k, v) for k, v in own if k is not idle]
        fields = self.fields(overrides, kind, f'"retry" of {label}')
        return Map([*own, (named(OVERRIDES, key), Map(fields, value.span))], value.span)

    def _override(self, name: str, kind: ToolKind) -> bool:
        """Whether a key of `retry` is a field of the tool."""
        return name in ALL_FIELDS if kind.fields is None else kind.canonical(name) in kind.fields


_QUOTES: Final = "\"'"


def named(name: str, like: Scalar) -> Scalar:
    """A scalar that says `name` and stands where `like` stands."""
    return Scalar(name, name, like.style, like.span)


def _lifted(key: Scalar, args: Map) -> list[Entry]:
    """`args: {params, ...}` of an http retry: `params` is the field, what is left are args."""
    params = [(k, v) for k, v in args.entries if k.text == "params"]
    rest = [(k, v) for k, v in args.entries if k.text != "params"]
    return [*params, (key, Map(rest, args.span))] if rest else params


def _braced(value: Scalar) -> Scalar:
    """A bare expression in braces; the braces stand where it starts and ends."""
    text = value.text.strip()
    positions: list[Position] | None = None
    if value.positions is not None:
        lead = len(value.text) - len(value.text.lstrip())
        inner = list(value.positions[lead : lead + len(text) + 1])
        positions = [inner[0]] * 3 + inner + [inner[-1]] * 3
    return Scalar(f"{{{{ {text} }}}}", f"{{{{ {text} }}}}", value.style, value.span, positions)
