"""Jinja's lexer, with exact places: a token's line number is its character offset in the source.

Jinja carries the line number of a token into its AST and its errors without ever computing with it, so every AST part's
`lineno` and every `TemplateSyntaxError.lineno` is an offset too. Text stays as written: line ends are not changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isinf
from typing import Final

from jinja2 import TemplateSyntaxError
from jinja2.lexer import Lexer

MAX_NESTING: Final = 24
"""Brackets may nest this deep inside one expression, and statements in each other; Jinja's parser needs some 16 frames
of stack for a bracket."""
MAX_CHAIN: Final = 100
"""Signs, `not` and `else` that may nest in each other."""
TOO_DEEP: Final = "it nests too deeply"
_BLOCKS: Final = frozenset(("autoescape", "block", "call", "filter", "for", "if", "macro", "with"))
_MAX_DIGITS: Final = 4300
_LINE_END: Final = re.compile(r"\r\n|\r")
_UNKNOWN_ESCAPE: Final = re.compile(r"(?s)\\(?:([\n\\'\"abfnrtv0-7xuUN])|(.))")


class OffsetLexer(Lexer):
    """The lexer of `Sandbox` environments."""

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[tuple[int, str, str]]:
        """Tokens as (offset, kind, text); raises `TemplateSyntaxError` with the offset as its line number."""
        text, places = _one_line_end(source)
        place, nesting = 0, _Nesting()
        try:
            for _line, kind, value in super().tokeniter(text, name, filename, state):
                while not text.startswith(value, place):  # white space that a "-" took away
                    place += 1
                offset = places[place] if places else place
                nesting.see(kind, value, offset)
                _check(kind, value, offset)
                place += len(value)
                if places and kind in ("data", "string"):
                    value = source[offset : places[place]]
                yield offset, kind, _known_escapes(value) if kind == "string" else value
        except TemplateSyntaxError as error:
            if isinstance(error, _Placed):
                raise
            offset = places[min(place, len(text))] if places else place
            raise _Placed(re.sub(r" at \d+$", "", error.message or "syntax error"), offset) from None

    def _normalize_newlines(self, value: str) -> str:
        return value


class _Placed(TemplateSyntaxError):
    """A syntax error whose line number is already an offset."""


def _one_line_end(source: str) -> tuple[str, list[int]]:
    """The text as Jinja's lexer will see it, and the offset of each of its characters where the two differ."""
    if "\r" not in source:
        return source, []
    places: list[int] = []
    pieces: list[str] = []
    done = 0
    for match in _LINE_END.finditer(source):
        places += range(done, match.start() + 1)
        pieces += (source[done : match.start()], "\n")
        done = match.end()
    places += range(done, len(source) + 1)
    return "".join([*pieces, source[done:]]), places


class _Nesting:
    """Counts what makes Jinja's parser recurse, so that it never runs out of stack: a `RecursionError` there would also
    show on stderr, from the generators that it leaves behind."""

    __slots__ = ("assigns", "blocks", "chains", "first")

    def __init__(self) -> None:
        self.chains = [0]
        """For each open bracket, the prefixes and `else` since its last comma; all of them may be nested."""
        self.blocks = 0
        self.first: str | None = ""
        """The first name of the statement; None before it is known."""
        self.assigns = False

    def see(self, kind: str, value: str, offset: int) -> None:
        """Count one token; raises `TemplateSyntaxError` where it nests too deeply."""
        if kind == "operator":
            self._operator(value, offset)
        elif kind == "name":
            if self.first is None:
                self.first = value
            if value in ("else", "not"):
                self._chain(offset)
        elif kind in ("block_begin", "variable_begin"):
            self.chains = [0]
            self.first, self.assigns = None, False
        elif kind == "block_end":
            self._block(self.first or "", offset)

    def _operator(self, value: str, offset: int) -> None:
        if value in ("(", "[", "{"):
            self.chains.append(0)
            if len(self.chains) > MAX_NESTING + 1:
                raise _Placed(f"brackets nest deeper than {MAX_NESTING} levels", offset)
        elif value in (")", "]", "}") and len(self.chains) > 1:
            self.chains.pop()
        elif value == ",":
            self.chains[-1] = 0
        elif value in ("+", "-"):
            self._chain(offset)
        elif value == "=" and len(self.chains) == 1:
            self.assigns = True

    def _chain(self, offset: int) -> None:
        self.chains[-1] += 1
        if sum(self.chains) > MAX_CHAIN:
            raise _Placed(TOO_DEEP, offset)

    def _block(self, name: str, offset: int) -> None:
        if name in _BLOCKS or (name == "set" and not self.assigns):
            self.blocks += 1
            if self.blocks > MAX_NESTING:
                raise _Placed(TOO_DEEP, offset)
        elif name.startswith("end"):
            self.blocks = max(0, self.blocks - 1)


def _check(kind: str, text: str, offset: int) -> None:
    if kind == "name" and not text.isascii():
        _check_name(text, offset)
    elif kind in ("integer", "float"):
        _check_number(kind, text, offset)


def _check_number(kind: str, text: str, offset: int) -> None:
    if len(text) > _MAX_DIGITS:
        raise _Placed(f"a number has more than {_MAX_DIGITS} digits", offset)
    if kind == "float" and isinf(float(text.replace("_", ""))):
        raise _Placed("a number is too large", offset)


def _check_name(name: str, offset: int) -> None:
    import unicodedata  # only for names beyond ASCII

    if unicodedata.normalize("NFKC", name) != name:  # Python would take it for another name
        raise _Placed(f"name {name!r} is not in Unicode normal form NFKC", offset)


def _known_escapes(text: str) -> str:
    """The string with the backslash of unknown escapes doubled, which is what they mean, without Python's warning."""
    if "\\" not in text:
        return text
    return _UNKNOWN_ESCAPE.sub(lambda m: m[0] if m[1] else f"\\\\{m[2]}", text)
