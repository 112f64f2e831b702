"""The YAML of a playbook as nodes that know where they stand. Made by `source`, rewritten by `normalise`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from noetl.diagnostics import Span

Style: TypeAlias = Literal["plain", "single", "double", "literal", "folded"]
Position: TypeAlias = tuple[int, int]
"""Line and column, from 1."""


@dataclass(slots=True, eq=False)
class Scalar:
    """One scalar. `text` is what YAML decoded, `value` the YAML 1.2 core value (a string unless plain and special)."""

    value: bool | int | float | str | None
    text: str
    style: Style
    span: Span
    positions: Sequence[Position] | None = field(default=None, repr=False)
    """Where each character of `text` stands in the file, and one for its end; None: all of it where `span` starts."""

    def place(self, start: int, end: int | None = None) -> Span:
        """The span of `text[start:end]` in the file; `end` defaults to one character after `start`."""
        stop = start + 1 if end is None else end
        if self.positions is None:
            return self.span
        last = len(self.positions) - 1
        line, column = self.positions[min(start, last)]
        end_line, end_column = self.positions[min(stop, last)]
        if (end_line, end_column) <= (line, column):
            # As wide as what stands there: a sign of the text, the closing quote, or nothing at the end of a line.
            if start < last:
                wide = (line, column) < self.positions[start + 1] < (line + 1, 0)
            else:
                wide = self.style in ("single", "double")
            end_line, end_column = line, column + wide
        return Span(line, column, end_line, end_column)


@dataclass(slots=True, eq=False)
class Seq:
    """A YAML sequence."""

    items: list[Node]
    span: Span


@dataclass(slots=True, eq=False)
class Map:
    """A YAML mapping in document order. Of duplicate keys, which `source` reports, only the last is kept."""

    entries: list[tuple[Scalar, Node]]
    span: Span

    def get(self, name: str) -> Node | None:
        """The value under `name`, or None."""
        return next((v for k, v in self.entries if k.text == name), None)

    def key(self, name: str) -> Scalar | None:
        """The key node `name`, or None."""
        return next((k for k, _ in self.entries if k.text == name), None)


Node: TypeAlias = Scalar | Seq | Map
