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
"""Brackets may nest this deep inside one expression; Jinja's parser needs some 16 frames of stack for each."""
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
        place, depth = 0, 0
        try:
            for _line, kind, value in super().tokeniter(text, name, filename, state):
                while not text.startswith(value, place):  # white space that a "-" took away
                    place += 1
                offset = places[place] if places else place
                if kind == "operator":
                    depth = _nested(depth, value, offset)
                elif kind in ("integer", "float"):
                    _check_number(kind, value, offset)
                elif kind == "name" and not value.isascii():
                    _check_name(value, offset)
                elif kind == "string":
                    value, raw = _known_escapes(value), value
                    yield offset, kind, value
                    place += len(raw)
                    continue
                place += len(value)
                if places and kind == "data":
                    yield offset, kind, source[offset : places[place]]
                else:
                    yield offset, kind, value
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


def _nested(depth: int, operator: str, offset: int) -> int:
    if operator in "([{":
        depth += 1
        if depth > MAX_NESTING:
            raise _Placed(f"brackets nest deeper than {MAX_NESTING} levels", offset)
    elif operator in ")]}":
        depth -= 1
    return depth


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
