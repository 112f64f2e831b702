"""SQL as text: where its statements end, and where values are bound. Nothing is ever spliced into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ..failure import CallFailed

Kind: TypeAlias = Literal["word", "mark", "place", "blank", "opaque"]
"""A name or keyword; a sign; where a value may be bound; white space or a comment; a literal or a quoted name."""

_TOKEN: Final = re.compile(
    r"""(?P<blank>\s++|--[^\n]*+)
      | (?P<comment>/\*)
      | (?P<opaque>[eE]'(?:[^'\\]|\\.|'')*+(?:'|\Z)|'(?:[^']|'')*+(?:'|\Z)|"(?:[^"]|"")*+(?:"|\Z))
      | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
      | (?P<word>[^\W\d][\w$]*+)
      | (?P<place>%s(?!\w)|%\(\w+\)s|%%|\$\w+|\?)
      | (?P<mark>[\w.]++|.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT: Final = re.compile(r"/\*|\*/")
_ROUTINE: Final = re.compile(r"CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)\b")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL."""

    kind: Kind
    text: str


def tokens(sql: str) -> Iterator[Token]:
    """The pieces of `sql`; together they are `sql`. Comments nest, as they do in PostgreSQL."""
    at = 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        assert found is not None, "every character is a mark at least"
        end = found.end()
        match found.lastgroup:
            case "comment":
                end = _comment_end(sql, end)
                yield Token("blank", sql[at:end])
            case "dollar":
                close = sql.find(found.group(), end)
                end = len(sql) if close < 0 else close + len(found.group())
                yield Token("opaque", sql[at:end])
            case "blank" | "opaque" | "word" | "place" as kind:
                yield Token(kind, found.group())
            case _:
                yield Token("mark", found.group())
        at = end


def _comment_end(sql: str, at: int) -> int:
    depth = 1
    while depth:
        found = _COMMENT.search(sql, at)
        if found is None:
            return len(sql)
        depth += 1 if found.group() == "/*" else -1
        at = found.end()
    return at


def statements(sql: str) -> list[str]:
    """The statements of `sql`, as PostgreSQL takes them, without the semicolons between them.

    A semicolon in parentheses, or in the body of a routine that begins with BEGIN ATOMIC, ends no statement.

    >>> statements("SELECT ';' /* ; */; DO $$ BEGIN NULL; END $$;")
    ["SELECT ';' /* ; */", 'DO $$ BEGIN NULL; END $$']
    """
    return [text for part in _parts(sql) if opening(text := part.strip())]


def _parts(sql: str) -> Iterator[str]:
    made: list[str] = []
    depth = atomic = 0
    before = ""
    for token in tokens(sql):
        word = token.text.upper() if token.kind == "word" else ""
        if token.text in ("(", ")"):
            depth = max(0, depth + (1 if token.text == "(" else -1))
        elif word == "ATOMIC" and before == "BEGIN" and _ROUTINE.match(opening("".join(made))):
            atomic = 1
        elif atomic and word in ("CASE", "END"):
            atomic += 1 if word == "CASE" else -1
        if token.text == ";" and not depth and not atomic:
            yield "".join(made)
            made = []
        else:
            made.append(token.text)
        before = before if token.kind == "blank" else word
    yield "".join(made)


def opening(sql: str) -> str:
    """The first words of a statement in upper case, one space apart; empty where there is nothing but comments.

    >>> opening("/* x */ create  or replace function f()")
    'CREATE OR REPLACE FUNCTION'
    """
    words: list[str] = []
    for token in tokens(sql):
        if token.kind == "word" and len(words) < 4:
            words.append(token.text.upper())
        elif token.kind != "blank":
            return " ".join(words) or token.text
    return " ".join(words)


def quoted(*names: str) -> str:
    """A name as an identifier that means exactly this; several are the parts of a qualified one.

    >>> quoted("public", 'a"b')
    '"public"."a""b"'
    """
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


@dataclass(frozen=True, slots=True)
class Bound:
    """SQL with its values: `$1`, or another mark before the 1, stands for the first of them."""

    sql: str
    values: tuple[object, ...] = ()


class Binder:
    """Finds the values of `params` for the statements of one call, in their order.

    A list belongs to `%s` (or `?`), one value after the other through all statements, or to `$1`, `$2`, by number; a
    map to `%(name)s` (or `$name`). `?` and `$name` are places only where `native` says so: in PostgreSQL they are not.
    With values for `%` places `%%` stands for `%`. Without params the text is left as it is.
    """

    def __init__(self, params: object, *, native: bool, mark: str = "$") -> None:
        if params is not None and not isinstance(params, list | Mapping):
            raise CallFailed("TypeError", f'"params" is a list or a map, not {type(params).__name__}')
        self._params = params or None
        self._native = native
        self._mark = mark
        self._taken = 0
        self._numbered = False

    def bind(self, sql: str) -> Bound:
        """The statement with what belongs to it; CallFailed where a place has no value."""
        if self._params is None:
            return Bound(sql)
        pieces = list(tokens(sql))
        percent = any(t.kind == "place" and t.text[0] == "%" and t.text != "%%" for t in pieces)
        made: list[str] = []
        values: list[object] = []
        places: dict[str, int] = {}
        for token in pieces:
            if token.kind == "place" and self._is_place(token.text):
                if token.text in ("%s", "?") or token.text not in places:
                    values.append(self._value(token.text))
                    places[token.text] = len(values)
                made.append(f"{self._mark}{places[token.text]}")
            else:
                made.append(token.text.replace("%%", "%") if percent else token.text)
        return Bound("".join(made), tuple(values))

    def done(self) -> None:
        """CallFailed if values of a list are left that no place has taken."""
        if isinstance(self._params, list) and not self._numbered and self._taken < len(self._params):
            raise CallFailed("ValueError", f'"params" has {len(self._params)} values, for {self._taken} places')

    def _is_place(self, text: str) -> bool:
        if text.startswith("$"):
            return self._native or text[1:].isdecimal()
        return text != "%%" and (self._native or text != "?")

    def _value(self, place: str) -> object:
        if place in ("%s", "?"):
            self._taken += 1
            return self._at(self._taken, place)
        if place[1:].isdecimal() and isinstance(self._params, list):
            self._numbered = True
            return self._at(int(place[1:]), place)
        name = place[2:-2] if place.startswith("%") else place[1:]
        if not isinstance(self._params, Mapping):
            raise CallFailed("TypeError", f'"{place}" takes its value from a map, and "params" is a list')
        if name not in self._params:
            known = ", ".join(f'"{key}"' for key in sorted(self._params))
            raise CallFailed("ValueError", f'"params" has no value for "{place}"; it has: {known}')
        value: object = self._params[name]
        return value

    def _at(self, number: int, place: str) -> object:
        if not isinstance(self._params, list):
            raise CallFailed("TypeError", f'"{place}" takes its value from a list, and "params" is a map')
        if not 0 < number <= len(self._params):
            raise CallFailed("ValueError", f'"params" has {len(self._params)} values, and a place for value {number}')
        return self._params[number - 1]
