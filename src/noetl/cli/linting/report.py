"""How findings are shown."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, TextIO

import typer

from noetl.diagnostics import Diagnostic, Severity, render_json, render_text

_GITHUB: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


class Format(StrEnum):
    """How findings are shown."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def render(found: Sequence[Diagnostic], sources: Mapping[str, str], form: Format) -> str:
    """The findings in a format; empty where there is nothing to say."""
    match form:
        case Format.JSON:
            return render_json(found)
        case Format.SARIF:
            from . import sarif

            return sarif.render(found, sources)
        case Format.GITHUB:
            return "\n".join(github(one) for one in found)
        case Format.TEXT:
            coloured = is_drawn_on(sys.stdout) and not os.environ.get("NO_COLOR")
            return render_text(found, sources, _paint) if coloured else render_text(found, sources)


def is_drawn_on(stream: TextIO) -> bool:
    """Whether a stream is a terminal that knows colours and moves of its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def github(found: Diagnostic) -> str:
    """A finding as a workflow command, which annotates the line of the file."""
    span = found.span
    properties = {"file": found.path, "line": span.line, "endLine": span.end_line, "col": span.column}
    if span.end_line == span.line:  # columns of two lines would be taken for one range
        properties["endColumn"] = max(span.end_column - 1, span.column)
    properties["title"] = f"{found.code} {found.name}"
    shown = ",".join(f"{name}={str(value).translate(_PROPERTY)}" for name, value in properties.items())
    text = f"{found.message}\n{found.hint}" if found.hint else found.message
    return f"::{_GITHUB[found.severity]} {shown}::{text.translate(_DATA)}"


def statistics(found: Sequence[Diagnostic], form: Format) -> str:
    """How many findings there are of each kind, the most frequent first."""
    counted = Counter(one.kind for one in found)
    fixable = Counter(one.kind for one in found if one.fix is not None)
    rows = sorted(counted.items(), key=lambda row: (-row[1], row[0].code))
    if form is Format.JSON:
        told = [
            {"code": k.code, "name": k.name, "severity": str(k.severity), "count": n, "fixable": fixable[k]}
            for k, n in rows
        ]
        return json.dumps({"statistics": told}, indent=2)
    width = max((len(str(number)) for _, number in rows), default=0)
    return "\n".join(
        f"{number:>{width}}  {kind.code}  {kind.severity:<7}  {kind.name}"
        + (f" ({fixable[kind]} fixable)" if fixable[kind] else "")
        for kind, number in rows
    )


def summary(files: int, found: Sequence[Diagnostic], others: Mapping[str, int]) -> str:
    """One line: how many files and how many findings of each severity, and what became of the others."""
    counted = [_count(sum(d.severity is s for d in found), str(s)) for s in Severity]
    fixable = sum(d.fix is not None for d in found)
    line = f"{_count(files, 'file')}: {', '.join(counted)}" + (f" ({fixable} fixable)" if fixable else "")
    return line + "".join(f"; {number} {what}" for what, number in others.items() if number)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _paint(severity: Severity, text: str) -> str:
    colour = {Severity.ERROR: typer.colors.RED, Severity.WARNING: typer.colors.YELLOW, Severity.NOTE: typer.colors.BLUE}
    return typer.style(text, fg=colour[severity], bold=True)
