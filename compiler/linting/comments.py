"""The comments of a YAML text, found without parsing it, so that a text with errors has them too.

This reads as much of YAML as it takes to know what is no comment: quoted and plain scalars, block scalars, flow
collections. A scalar over several lines is reported as well, because a comment beside it belongs to all of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_BREAK: Final = re.compile(r"\r\n|\r|\n")
_SPACE: Final = re.compile(r"[ \t]*")
_INDENT: Final = re.compile(r" *")
_BLOCK: Final = re.compile(r"[|>][-+0-9]*[ \t]*(?:(?<=[ \t])#.*)?")
_PROPERTY: Final = re.compile(r"[&*!][^ \t]*")
_PROPERTY_IN_FLOW: Final = re.compile(r"[&*!][^ \t,\[\]{}]*")
_INDICATOR: Final = re.compile(r"[-?:](?=[ \t]|$)")
_VALUE: Final = re.compile(r":(?=[ \t]|$)")
_PLAIN: Final = re.compile(r"(?:[^ \t:]|:(?![ \t]|$)|[ \t]+(?!#|[ \t]))+")
_PLAIN_IN_FLOW: Final = re.compile(r"(?:[^ \t:,\[\]{}]|:(?![ \t,\[\]{}]|$)|[ \t]+(?!#|[ \t]))+")
_END: Final = {'"': re.compile(r'(?:[^"\\]|\\.|\\$)*(")?'), "'": re.compile(r"(?:[^']|'')*(')?")}
_DOCUMENT: Final = re.compile(r"(?:---|\.\.\.)(?=[ \t]|$)")


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment. Lines and columns count from 1."""

    line: int
    column: int
    """Where its `#` stands."""
    text: str
    """From the `#` to the end of the line."""
    alone: bool
    """Whether nothing else stands on the line."""


@dataclass(slots=True)
class Commented:
    """The comments of a text."""

    lines: list[str]
    comments: list[Comment] = field(default_factory=list)
    scalars: list[tuple[int, int]] = field(default_factory=list)
    """First and last line of each scalar over several lines; of a block scalar that of its header."""

    def belonging(self, line: int) -> tuple[int, int]:
        """The lines of the scalars that begin or end on a line, or the line alone."""
        met = [scalar for scalar in self.scalars if line in scalar]
        return min((first for first, _ in met), default=line), max((last for _, last in met), default=line)

    def after(self, line: int) -> int | None:
        """The next line that holds more than a comment, or None."""
        alone = {comment.line for comment in self.comments if comment.alone}
        following = range(line + 1, len(self.lines) + 1)
        return next((n for n in following if n not in alone and self.lines[n - 1].strip()), None)


def scan(text: str) -> Commented:
    """All comments of the text."""
    return _Scanner(text).run()


class _Scanner:
    """Reads a text line by line."""

    def __init__(self, text: str) -> None:
        self._found = Commented(_BREAK.split(text))
        self._depth = 0
        """How many flow collections are open."""
        self._parent = -1
        """The column, from 0, of the key or dash under which the next value stands."""
        self._quote = ""
        """The quote of a scalar that goes on on the next line."""
        self._plain = False
        """Whether a plain scalar may go on on the next line."""
        self._began = 0
        """The line on which the last scalar began."""
        self._property: int | None = None
        """Where the tags and anchors of the next value begin."""

    def run(self) -> Commented:
        number = 0
        while number < len(self._found.lines):
            number += 1
            if self._line(number, self._found.lines[number - 1]):
                number = self._block(number)
        return self._found

    def _line(self, number: int, line: str) -> bool:
        """Read one line; whether it ends with the header of a block scalar."""
        at = 0
        if self._quote:
            at = self._quoted(number, line, 0)
        elif marker := _DOCUMENT.match(line):
            self._parent, self._plain, at = -1, False, marker.end()
        begun, self._property = at, None
        while at < len(line):
            space = _SPACE.match(line, at)
            at = space.end() if space else at
            if at < len(line):
                if line[at] == "#" and (at == 0 or line[at - 1] in " \t"):
                    self._comment(number, line, at)
                    return False
                if self._continues(line, at, begun):
                    at = self._text(number, line, at, again=True)
                else:
                    if self._is_block(line, at):
                        return True
                    at = self._token(number, line, at)
        return False

    def _continues(self, line: str, at: int, begun: int) -> bool:
        """Whether what stands first on a line goes on with the plain scalar of the line before."""
        first = begun == 0 and not line[:at].strip()
        if not self._plain or not first:
            return False
        return line[at] not in ",[]{}:" if self._depth else at > self._parent and not _VALUE.match(line, at)

    def _is_block(self, line: str, at: int) -> bool:
        return not self._depth and line[at] in "|>" and _BLOCK.fullmatch(line, at) is not None

    def _token(self, number: int, line: str, at: int) -> int:
        """Read one token; where it ends."""
        char = line[at]
        self._plain = False
        found = (_PROPERTY_IN_FLOW if self._depth else _PROPERTY).match(line, at)
        if found:
            self._property = at if self._property is None else self._property
            return found.end()
        if char in "\"'":
            self._parent_of(line, at)
            self._quote, self._began = char, number
            return self._quoted(number, line, at + 1)
        if self._depth or char in "[{":
            if char in "[{":
                self._depth += 1
                return at + 1
            if char in "]},":
                self._depth -= char != ","
                return at + 1
        found = _INDICATOR.match(line, at)
        if found:
            if not self._depth and char != ":":
                self._parent = at
            return at + 1
        if char == ":" and self._depth:
            return at + 1
        self._parent_of(line, at)
        return self._text(number, line, at, again=False)

    def _parent_of(self, line: str, at: int) -> None:
        """Where a key of a block mapping stands, what belongs to it is deeper than it."""
        start, self._property = at if self._property is None else self._property, None
        if self._depth:
            return
        if line[at] in "\"'":
            closed = _END[line[at]].match(line, at + 1)
            end = closed.end() if closed and closed[1] else len(line)
        else:
            plain = _PLAIN.match(line, at)
            end = plain.end() if plain else at
        rest = _SPACE.match(line, end)
        if _INDICATOR.match(line, rest.end() if rest else end):
            self._parent = start

    def _text(self, number: int, line: str, at: int, *, again: bool) -> int:
        """Read the part of a plain scalar that stands on a line; where it ends."""
        found = (_PLAIN_IN_FLOW if self._depth else _PLAIN).match(line, at)
        end = max(found.end() if found else at, at + 1)
        if again:
            self._grow(number)
        else:
            self._began = number
        self._plain = True
        return end

    def _quoted(self, number: int, line: str, at: int) -> int:
        """Read on inside of quotes; where the closing one ends."""
        found = _END[self._quote].match(line, at)
        if number > self._began:
            self._grow(number)
        if found is None or not found[1]:
            return len(line)
        self._quote = ""
        return found.end()

    def _grow(self, number: int) -> None:
        """The scalar that was begun reaches to this line."""
        scalars = self._found.scalars
        if scalars and scalars[-1][0] == self._began:
            scalars.pop()
        scalars.append((self._began, number))

    def _block(self, header: int) -> int:
        """Pass over a block scalar; the number of its last line."""
        lines = self._found.lines
        if "#" in lines[header - 1]:
            self._header_comment(header, lines[header - 1])
        self._plain = False
        last, indent = header, -1
        for number in range(header + 1, len(lines) + 1):
            line = lines[number - 1]
            if not line.strip(" \t"):
                continue
            found = _INDENT.match(line)
            deep = found.end() if found else 0
            if deep <= self._parent or deep < indent or (deep == 0 and _DOCUMENT.match(line)):
                break
            indent = deep if indent < 0 and not self._given(lines[header - 1]) else indent
            last = number
        if last > header:
            self._found.scalars.append((header, last))
        return last

    @staticmethod
    def _given(header: str) -> bool:
        """Whether the header tells the indentation; less than it is then an error of the text."""
        return re.search(r"[|>][-+]?[1-9][-+]?[ \t]*(?:#.*)?$", header) is not None

    def _header_comment(self, number: int, line: str) -> None:
        found = re.search(r"[|>][-+0-9]*[ \t]+(#.*)$", line)
        if found:
            self._comment(number, line, found.start(1))

    def _comment(self, number: int, line: str, at: int) -> None:
        alone = not line[:at].strip()
        self._plain = False
        self._found.comments.append(Comment(number, at + 1, line[at:], alone))
