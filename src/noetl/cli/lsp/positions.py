"""Between the places of a playbook and those of the protocol.

noetl counts lines and characters from 1. The protocol counts from 0, and by code units: of UTF-16, unless client and
server agree on another encoding. A line ends with LF, CR or CR LF, and with nothing else.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

from lsprotocol import types

from noetl.compiler.source.positions import Lines
from noetl.diagnostics import Span

_UNITS: Final = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
_WIDTH: Final = {"utf-8": 1, "utf-16": 2, "utf-32": 4}
_MARK: Final = "\ufeff"


class Text:
    """A text with the places of the protocol in it."""

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self.text = text
        self.encoding = encoding
        self._hidden = int(text.startswith(_MARK))
        """A byte order mark, which noetl does not count."""

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.text)

    def _line(self, index: int) -> tuple[int, str]:
        """Where a line starts, and its text without its end; `index` counts from 0 and exists."""
        starts = self._lines.starts
        end = starts[index + 1] if index + 1 < len(starts) else len(self.text)
        return starts[index], self.text[starts[index] : end].rstrip("\r\n")

    def offset(self, position: types.Position) -> int:
        """The character at a position; one outside of the text is the nearest that there is."""
        if position.line >= len(self._lines.starts):
            return len(self.text)
        start, line = self._line(max(0, position.line))
        if line.isascii() or self.encoding == "utf-32":
            return start + min(max(0, position.character), len(line))
        data = line.encode(_UNITS[self.encoding], "surrogatepass")
        head = data[: max(0, position.character) * _WIDTH[self.encoding]]
        return start + len(head.decode(_UNITS[self.encoding], "ignore"))

    def place(self, position: types.Position) -> tuple[int, int]:
        """Line and column, as noetl counts them, of a position."""
        line, column = self._lines.place(self.offset(position))
        return line, max(1, column - (self._hidden if line == 1 else 0))

    def position(self, line: int, column: int) -> types.Position:
        """The position of a line and column as noetl counts them."""
        index = min(max(1, line), len(self._lines.starts)) - 1
        _, text = self._line(index)
        head = text[: max(0, column - 1 + (self._hidden if index == 0 else 0))]
        if head.isascii() or self.encoding == "utf-32":
            return types.Position(index, len(head))
        units = len(head.encode(_UNITS[self.encoding], "surrogatepass")) // _WIDTH[self.encoding]
        return types.Position(index, units)

    def range(self, span: Span) -> types.Range:
        """The range of a span."""
        return types.Range(self.position(span.line, span.column), self.position(span.end_line, span.end_column))

    def between(self, start: int, end: int) -> types.Range:
        """The range of `text[start:end]`."""
        first, last = self._lines.place(start), self._lines.place(end)
        shift = self._hidden
        return types.Range(
            self.position(first[0], first[1] - (shift if first[0] == 1 else 0)),
            self.position(last[0], last[1] - (shift if last[0] == 1 else 0)),
        )

    def changed(self, change: types.TextDocumentContentChangeEvent) -> Text:
        """The text after a change of a part, or of the whole."""
        if isinstance(change, types.TextDocumentContentChangePartial):
            start, end = sorted((self.offset(change.range.start), self.offset(change.range.end)))
            return Text(self.text[:start] + change.text + self.text[end:], self.encoding)
        return Text(change.text, self.encoding)
