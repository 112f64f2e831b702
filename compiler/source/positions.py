"""Where characters stand: the lines and columns of a text, and the place of each character of a decoded YAML scalar."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, overload

from noetl.compiler.nodes import Position, Style
from noetl.diagnostics import Span

_BREAK: Final = re.compile(r"\r\n|\r|\n")


class Lines:
    """A text and its lines. As in YAML 1.2 only LF, CR and CR LF end a line; lines and columns count from 1."""

    __slots__ = ("_starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts: list[int] | None = None

    @property
    def starts(self) -> list[int]:
        """The offset at which each line starts."""
        if self._starts is None:
            self._starts = [0, *(m.end() for m in _BREAK.finditer(self.text))]
        return self._starts

    def place(self, offset: int) -> Position:
        """Line and column of the character at `offset`; an offset past the end is the end of the text."""
        at = min(offset, len(self.text))
        line = bisect_right(self.starts, at)
        return line, at - self.starts[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """The span of `text[start:end]`."""
        return Span(*self.place(start), *self.place(end))

    def bounds(self, offset: int) -> tuple[int, int]:
        """Offsets of the start and the end (without its break) of the line that holds `offset`."""
        line, _ = self.place(offset)
        start = self.starts[line - 1]
        found = _BREAK.search(self.text, start)
        return start, found.start() if found else len(self.text)


class Positions(Sequence[Position]):
    """The place of each character of a decoded scalar and of its end, found when first asked for.

    `start` and `end` are the offsets of the scalar in the file, quotes and block header included. A character made by
    an escape stands where the escape starts, a space or newline made by folding at a line break that was folded.
    """

    __slots__ = ("_end", "_found", "_lines", "_offsets", "_start", "_style", "_text")

    def __init__(self, lines: Lines, start: int, end: int, style: Style, text: str) -> None:
        self._lines = lines
        self._start = start
        self._end = end
        self._style = style
        self._text = text
        self._offsets: Sequence[int] | None = None
        self._found = False

    def __len__(self) -> int:
        return len(self._text) + 1

    @property
    def start(self) -> int:
        """The offset in the file at which the scalar starts."""
        return self._start

    @property
    def end(self) -> int:
        """The offset in the file at which the scalar ends."""
        return self._end

    @property
    def exact(self) -> bool:
        """Whether decoding the scalar again gave its text; if not, every position is the start of the scalar."""
        self._all()
        return self._found

    @overload
    def __getitem__(self, index: int) -> Position: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Position]: ...
    def __getitem__(self, index: int | slice) -> Position | Sequence[Position]:
        offsets = self._all()
        if isinstance(index, slice):
            return [self._lines.place(self._start + o) for o in offsets[index]]
        return self._lines.place(self._start + offsets[index])

    def _all(self) -> Sequence[int]:
        if self._offsets is None:
            found = align(self._lines.text[self._start : self._end], self._style, self._text)
            self._found = found is not None
            self._offsets = [0] * len(self) if found is None else found
        return self._offsets


def align(raw: str, style: Style, text: str) -> Sequence[int] | None:
    """The offset in `raw` of each character of `text` and of its end; None if `raw` decodes to another text."""
    quote = style in ("single", "double")
    if (raw[1:-1] if quote else raw) == text:  # every escape or fold would have changed the text
        return range(quote, len(text) + quote + 1)
    trace = _block(raw, text) if style in ("literal", "folded") else _flow(raw, style)
    if "".join(trace.parts) != text:
        return None
    trace.offsets.append(trace.end)
    return trace.offsets


class _Trace:
    """A scalar that is decoded once more, with the offset of each character."""

    __slots__ = ("end", "offsets", "parts")

    def __init__(self, end: int) -> None:
        self.parts: list[str] = []
        self.offsets: list[int] = []
        self.end = end

    def copy(self, raw: str, start: int, end: int) -> None:
        """Take `raw[start:end]` as it stands."""
        self.parts.append(raw[start:end])
        self.offsets.extend(range(start, end))

    def put(self, char: str, offset: int) -> None:
        """Take one character that `raw` spells otherwise at `offset`."""
        self.parts.append(char)
        self.offsets.append(offset)


# --- plain and quoted scalars -------------------------------------------------------------------------------------

_FLOW: Final = {
    "plain": re.compile(r"(?P<fold>[ \t]*(?:\r\n|\r|\n)[ \t\r\n]*)|(?P<same>[ \t]+|[^ \t\r\n]+)"),
    "single": re.compile(r"(?P<fold>[ \t]*(?:\r\n|\r|\n)[ \t\r\n]*)|(?P<same>[ \t]+|[^ \t\r\n']+)|(?P<escape>'.)"),
    "double": re.compile(
        r"(?P<fold>[ \t]*(?:\r\n|\r|\n)[ \t\r\n]*)|(?P<same>[ \t]+|[^ \t\r\n\\]+)|(?P<join>\\(?:\r\n|\r|\n)[ \t\r\n]*)"
        r"|(?P<escape>\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.))"
    ),
}
_ESCAPES: Final = dict(zip("0abt\tnvfre_NLP", "\0\a\b\t\t\n\v\f\r\x1b\xa0\x85\u2028\u2029", strict=True))


def _flow(raw: str, style: Style) -> _Trace:
    """Decode a plain or quoted scalar: one break folds to a space, n breaks to n - 1 newlines."""
    quote = style != "plain"
    trace = _Trace(len(raw) - quote)
    for match in _FLOW[style].finditer(raw, int(quote), trace.end):
        token, start = match[0], match.start()
        if match.lastgroup == "same":
            trace.copy(raw, start, match.end())
        elif match.lastgroup == "escape":
            trace.put(_escaped(token), start)
        else:
            breaks = [start + b.start() for b in _BREAK.finditer(token)]
            if match.lastgroup == "fold" and len(breaks) == 1:
                trace.put(" ", breaks[0])
            for offset in breaks[1:]:
                trace.put("\n", offset)
    return trace


def _escaped(token: str) -> str:
    if token[0] == "'":
        return "'"
    if len(token) > 2:
        return chr(int(token[2:], 16))
    return _ESCAPES.get(token[1], token[1])


# --- block scalars ------------------------------------------------------------------------------------------------

_HEADER: Final = re.compile(r"[|>]([-+0-9]*)[^\r\n]*(?:\r\n|\r|\n|\Z)")
_LINE: Final = re.compile(r"( *)([^\r\n]*)(\r\n|\r|\n|\Z)")
_FIRST_TEXT: Final = re.compile(r"^( *)[^ \r\n]", re.MULTILINE)
_SPACES: Final = re.compile(r" +")


def _block(raw: str, text: str) -> _Trace:
    """Decode a literal or folded scalar; what its line breaks become depends on the line before and the line after."""
    header = _HEADER.match(raw)
    trace = _Trace(len(raw))
    if header is None:
        return trace
    folded = raw[0] == ">"
    trace.end = header.end(1)
    last: int | None = None  # the break of the last line with text, still to be written
    empty: list[int] = []  # the breaks of the empty lines since then
    blank = False  # whether that line starts with a blank, which stops folding
    for start, end, has_break in _block_lines(raw, header.end(), _indent(raw, header.end(), text)):
        if start == end:
            empty += [end] if has_break else []
            continue
        blank_before, blank = blank, raw[start] in " \t"
        if last is not None and not (folded and not blank_before and not blank):
            trace.put("\n", last)
        elif last is not None and not empty:
            trace.put(" ", last)
        for offset in empty:
            trace.put("\n", offset)
        empty = []
        trace.copy(raw, start, end)
        last = end if has_break else None
        trace.end = end
    _chomp(trace, header[1], last, empty)
    return trace


def _chomp(trace: _Trace, indicators: str, last: int | None, empty: list[int]) -> None:
    if "-" not in indicators and last is not None:
        trace.put("\n", last)
    if "+" in indicators:
        for offset in empty:
            trace.put("\n", offset)
            trace.end = offset


def _block_lines(raw: str, begin: int, indent: int) -> Iterator[tuple[int, int, bool]]:
    """Start and end of the text of each line without its indentation, and whether a break ends the line."""
    for match in _LINE.finditer(raw, begin):
        start = match.start() + min(indent, len(match[1]))
        yield start, match.start(3), bool(match[3])


def _indent(raw: str, begin: int, text: str) -> int:
    """How many spaces indent the block: what the first line with text lost when it was decoded.

    The parent's indentation, which an indicator counts from, is not known here; the caller compares the result.
    """
    # A pattern with `begin` would let "^" match in the middle of the header's line.
    body = raw[begin:].replace("\r\n", "\n").replace("\r", "\n")
    before, after = _FIRST_TEXT.search(body), _FIRST_TEXT.search(text)
    if before and after:
        return len(before[1]) - len(after[1])
    return max(map(len, _SPACES.findall(body)), default=0) - max(map(len, _SPACES.findall(text)), default=0)
