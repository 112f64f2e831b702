"""Fixes as edits of a text: what they do not name stays as it is, byte for byte."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from noetl.diagnostics import Diagnostic, Edit, Fix, Span

_BREAK: Final = re.compile(r"\r\n|\r|\n")


class Offsets:
    """The offsets of lines and columns of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(found.end() for found in _BREAK.finditer(text))]

    def of(self, line: int, column: int) -> int:
        """The offset of a place; one beyond its line is the line's end, one beyond the text the text's end."""
        if line > len(self._starts):
            return len(self.text)
        start = self._starts[line - 1]
        return min(start + column - 1, self._end(line))

    def span(self, span: Span) -> tuple[int, int]:
        """Start and end of a span."""
        return self.of(span.line, span.column), self.of(span.end_line, span.end_column)

    def line_break(self, offset: int) -> str:
        """How the line at an offset ends; the last line as the one before it."""
        line = bisect_right(self._starts, offset)
        found = _BREAK.search(self.text, self._starts[line - 1])
        if found:
            return found[0]
        before = _BREAK.match(self.text, self._end(line - 1)) if line > 1 else None
        return before[0] if before else "\n"

    def _end(self, line: int) -> int:
        """Where a line ends, without its break."""
        if line >= len(self._starts):
            return len(self.text)
        end = self._starts[line]
        return end - (2 if self.text.startswith("\r\n", end - 2) else 1)


@dataclass(frozen=True, slots=True)
class Change:
    """One edit by offsets."""

    start: int
    end: int
    text: str


def changes(offsets: Offsets, edits: Iterable[Edit]) -> list[Change]:
    """Edits by offsets, in order; their line breaks become those of the text around them."""
    made = []
    for edit in edits:
        start, end = offsets.span(edit.span)
        text = edit.text
        if "\n" in text:
            text = text.replace("\n", offsets.line_break(start))
        made.append(Change(start, end, text))
    return sorted(made, key=lambda change: (change.start, change.end))


def apply(text: str, fixes: Iterable[Fix]) -> str:
    """The text with all edits of fixes that do not meet."""
    offsets = Offsets(text)
    parts: list[str] = []
    at = 0
    for change in changes(offsets, (edit for fix in fixes for edit in fix.edits)):
        parts += (text[at : change.start], change.text)
        at = change.end
    return "".join((*parts, text[at:]))


def compatible(text: str, found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Those whose fixes can be applied together: the first of each group that meet.

    Fixes meet where one edits between the first and the last edit of the other, because edits over several lines
    indent what is between them. Two insertions at one place meet as well.
    """
    offsets = Offsets(text)
    taken: list[tuple[int, int]] = []
    chosen: list[Diagnostic] = []
    for one in found:
        if one.fix is None:
            continue
        made = changes(offsets, one.fix.edits)
        if not made or any(left.end > right.start for left, right in pairwise(made)):
            continue
        extent = (made[0].start, max(change.end for change in made))
        near = bisect_right(taken, extent)
        if near and taken[near - 1][1] >= extent[0]:
            continue
        if near < len(taken) and taken[near][0] <= extent[1]:
            continue
        taken.insert(near, extent)
        chosen.append(one)
    return chosen
