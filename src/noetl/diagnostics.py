"""Spans, diagnostics and how they are shown.

A diagnostic is data: a stable code, a kebab-case name, a fixed severity, one line of text, the place in the playbook,
and optionally related places, a hint and a fix. Compiler stages collect diagnostics; only `noetl.cli` prints them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_BREAK: Final = re.compile(r"\r\n|\r|\n")
"""The line breaks of YAML 1.2; `str.splitlines` knows more."""
FAMILIES: Final = (
    *("yaml", "structure", "names", "expressions", "control-flow", "targets", "security", "suppressions"),
    "portability",
)
"""The families of kinds, by the first digit of their codes."""


class Severity(StrEnum):
    """How bad a finding is: errors refuse a playbook, warnings fail under --strict only, notes never fail."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of the playbook's text. Lines and columns count characters from 1; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


START_OF_FILE = Span(1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that helps to understand a diagnostic, such as an earlier definition."""

    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of `span` by `text`; an empty span inserts."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that remove the problem, applied together."""

    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A registered kind of diagnostic. Codes are never reused; their first digit is the family (`FAMILIES`)."""

    code: str
    name: str
    severity: Severity
    summary: str
    default: bool = True
    """Whether it is looked for where nobody asks for it."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem at one place of one file."""

    kind: Kind
    message: str
    span: Span
    path: str = "<playbook>"
    related: tuple[Related, ...] = ()
    hint: str | None = None
    fix: Fix | None = field(default=None, compare=False)

    @property
    def code(self) -> str:
        """The stable code, such as `NTL203`."""
        return self.kind.code

    @property
    def name(self) -> str:
        """The kebab-case name, such as `unknown-step`."""
        return self.kind.name

    @property
    def severity(self) -> Severity:
        """The fixed severity of the kind."""
        return self.kind.severity


_REGISTRY: dict[str, Kind] = {}


def kind(code: str, name: str, severity: Severity, summary: str, *, default: bool = True) -> Kind:
    """Register a kind of diagnostic; a code or name that is taken is a `ValueError`."""
    made = Kind(code, name, severity, summary, default)
    for other in _REGISTRY.values():
        if other != made and (other.code == code or other.name == name):
            raise ValueError(f"diagnostic {code} {name} clashes with {other.code} {other.name}")
    _REGISTRY[code] = made
    return made


def registered() -> tuple[Kind, ...]:
    """All kinds registered by the modules that are loaded, by code."""
    return tuple(_REGISTRY[code] for code in sorted(_REGISTRY))


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by file, place and code, without duplicates."""
    unique = {(d.path, d.span, d.code, d.message): d for d in diagnostics}
    return [unique[k] for k in sorted(unique)]


def worst(diagnostics: Iterable[Diagnostic]) -> Severity | None:
    """The highest severity among the diagnostics, or None when there are none."""
    found = {d.severity for d in diagnostics}
    return next((s for s in Severity if s in found), None)


def as_json(diagnostic: Diagnostic) -> dict[str, object]:
    """A diagnostic as a JSON object; the shape is `schema/diagnostic`."""
    shown: dict[str, object] = {
        "path": diagnostic.path,
        "code": diagnostic.code,
        "name": diagnostic.name,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        **_place(diagnostic.span),
    }
    if diagnostic.hint:
        shown["hint"] = diagnostic.hint
    if diagnostic.related:
        shown["related"] = [{"message": r.message, **_place(r.span)} for r in diagnostic.related]
    if diagnostic.fix:
        shown["fix"] = {
            "title": diagnostic.fix.title,
            "edits": [{**_place(e.span), "text": e.text} for e in diagnostic.fix.edits],
        }
    return shown


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """All diagnostics as one JSON document."""
    return json.dumps({"diagnostics": [as_json(d) for d in diagnostics]}, indent=2)


def render_text(
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, str],
    paint: Callable[[Severity, str], str] = lambda _, text: text,
) -> str:
    """Diagnostics for people: place, code, message, the source line with carets, related places, hint.

    `sources` maps a path to the text of that file; a path without text gets no source line. `paint` may colour the
    severity and code.
    """
    lines: list[str] = []
    split: dict[str, list[str]] = {}
    for d in diagnostics:
        path = printable(d.path)
        lines.append(f"{path}:{d.span}: {paint(d.severity, f'{d.severity}[{d.code}]')} {d.message}")
        if d.path not in split:
            text = sources.get(d.path)
            split[d.path] = _BREAK.split(text) if text else []
        lines += _excerpt(split[d.path], d.span)
        lines += [f"  {path}:{r.span}: {r.message}" for r in d.related]
        if d.hint:
            lines.append(f"  hint: {d.hint}")
    return "\n".join(lines)


def printable(path: str) -> str:
    """The name of a file as it can be shown: on one line, and without what a terminal obeys."""
    return path if path.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in path)


def excerpt(text: str, span: Span) -> list[str]:
    """The lines that show a place of a text: where it begins, with carets below it; none outside of the text."""
    return _excerpt(_BREAK.split(text), span)


def _place(span: Span) -> dict[str, object]:
    return {"line": span.line, "column": span.column, "end_line": span.end_line, "end_column": span.end_column}


def _excerpt(source: list[str], span: Span, width: int = 160) -> list[str]:
    if not 1 <= span.line <= len(source):
        return []
    text = source[span.line - 1].replace("\t", " ")
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(text)
    if start > width - 20:  # a long line is cut around the place
        cut = start - 20
        text, start, end = "..." + text[cut:], start - cut + 3, end - cut + 3
    text = "".join(c if c.isprintable() else "?" for c in text[:width])
    carets = "^" + "~" * max(0, min(end, len(text)) - start - 1)
    number = str(span.line)
    bar = " " * len(number) + " |"
    return [bar, f"{number} | {text}", f"{bar} {' ' * start}{carets}"]
