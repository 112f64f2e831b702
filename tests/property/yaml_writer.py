"""Writes a tree as YAML in any style and knows where it wrote what: places come from here, not from a parser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from typing import Final, TypeAlias

from noetl.compiler.ir import Json
from noetl.compiler.nodes import Position

Path: TypeAlias = "tuple[str | int, ...]"
PLAIN: Final = re.compile(r"[A-Za-z_/$é][^\n\t\r\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]*")
"""Text that may stand without quotes, apart from the words and signs of YAML in it."""
WORDS: Final = frozenset(["null", "true", "false", "yes", "no", "on", "off", "y", "n", "t", "f"])
"""What YAML 1.1 or 1.2 takes for something else than text, in lower case."""
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
ESCAPES: Final = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\", "\0": "\\0"}
COMMENTS: Final = ("# note", "# a: b", "#", "# - x", "# {{ x }}", "# 'quote", "# [", "# été")


@dataclass(slots=True)
class Written:
    """A text, and the place of every key, every value and every character of a string value."""

    text: str = ""
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    """Of a string its first sign: a quote or the sign of a block. A null that is not written has none."""
    characters: dict[Path, list[Position | None]] = field(default_factory=dict)
    """None for white space at which a line was folded."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How likely each choice is."""

    flow: float
    quoted: float
    block: float
    """Literal and folded text."""
    folded: float
    """A line break where text has a space."""
    gaps: float
    """Comments, blank lines, more space than needed."""

    @classmethod
    def drawn(cls, chance: Random) -> Manner:
        """Any manner, extremes among them."""
        return cls(*(chance.choice((0.0, 0.1, 0.3, 0.9)) for _ in range(5)))


def write(tree: Json, chance: Random) -> Written:
    """The tree, whose root is a map or a list, in a manner of its own."""
    return Writer(chance, Manner.drawn(chance)).document(tree)


class Writer:
    """Writes one document. Indentations count from 0, places from 1."""

    def __init__(self, chance: Random, manner: Manner) -> None:
        self._chance = chance
        self._manner = manner
        self._break = chance.choice(("\n", "\n", "\n", "\r\n", "\r"))
        self._parts: list[str] = []
        self._line = 1
        self._column = 1
        self._written = Written()
        self._kept_blanks = False
        """Whether blank lines would belong to the text that was just written."""

    def document(self, tree: Json) -> Written:
        """The whole text."""
        if self._odds(0.2):
            self._put(self._chance.choice(("---", "%YAML 1.2", "# head", "")))
            if self._parts[-1:] == ["%YAML 1.2"]:
                self._newline()
                self._put("---")
            self._newline()
        self._gap(0)
        self._value(tree, (), -1, flow=False)
        if self._column > 1 and self._odds(0.8):
            self._newline()
        if self._column == 1 and self._odds(0.1):
            self._put("...")
            self._newline()
        bom = "\ufeff" if self._odds(0.05) else ""
        self._written.text = bom + "".join(self._parts)
        return self._written

    # -- small parts -------------------------------------------------------------------------------------------------

    def _odds(self, likely: float) -> bool:
        return self._chance.random() < likely

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._column += len(text)

    def _newline(self) -> None:
        self._parts.append(self._break)
        self._line += 1
        self._column = 1

    def _place(self) -> Position:
        return self._line, self._column

    def _space(self) -> None:
        self._put(" " * (self._chance.randint(1, 3) if self._odds(self._manner.gaps) else 1))

    def _comment(self) -> None:
        """A comment behind something, sometimes."""
        if self._odds(self._manner.gaps / 2):
            self._space()
            self._put(self._chance.choice(COMMENTS))

    def _gap(self, indent: int) -> None:
        """Blank lines and comments of their own, no deeper than `indent`, sometimes."""
        if self._kept_blanks:
            self._kept_blanks = False
            return
        while self._odds(self._manner.gaps / 3):
            if self._odds(0.5):
                self._put(" " * self._chance.randint(0, indent) + self._chance.choice(COMMENTS))
            self._newline()

    # -- values ------------------------------------------------------------------------------------------------------

    def _value(self, value: Json, path: Path, parent: int, *, flow: bool) -> None:
        """A value of something at indentation `parent`, at the cursor, which is past the space behind a colon."""
        if isinstance(value, dict | list):
            if not value or flow or (parent >= 0 and self._odds(self._manner.flow)):
                self._written.values[path] = self._place()
                self._flow(value, path, parent)
            elif isinstance(value, dict):
                self._block_map(value, path, self._column - 1)
            else:
                self._block_list(value, path, self._column - 1)
        elif isinstance(value, str):
            self._string(value, path, parent, flow=flow)
        else:
            text = self._scalar(value, flow=flow)
            if text:
                self._written.values[path] = self._place()
            self._put(text)

    def _scalar(self, value: float | None, *, flow: bool) -> str:
        match value:
            case None:
                return self._chance.choice(("null", "~", "Null") if flow else ("null", "~", ""))
            case bool():
                return self._chance.choice(("true", "True", "TRUE") if value else ("false", "False", "FALSE"))
            case _:
                return repr(value)

    def _block_map(self, entries: dict[str, Json], path: Path, indent: int) -> None:
        self._written.values[path] = self._place()
        for number, (key, value) in enumerate(entries.items()):
            if number:
                self._next_line(indent)
            self._written.keys[(*path, key)] = self._place()
            self._key(key, flow=False)
            if self._odds(self._manner.gaps / 4):
                self._put(" ")
            self._put(":")
            self._entry_value(value, (*path, key), indent)

    def _entry_value(self, value: Json, path: Path, indent: int) -> None:
        below = isinstance(value, dict | list) and bool(value) and not self._odds(self._manner.flow)
        if below:
            self._comment()
            least = indent if isinstance(value, list) else indent + 1
            inner = self._chance.choice((least, indent + 2, indent + 2, indent + 4))
            self._next_line(inner, first=True)
            if isinstance(value, dict):
                self._block_map(value, path, inner)
            elif isinstance(value, list):
                self._block_list(value, path, inner)
            return
        if value not in (None, "") and not isinstance(value, str) and self._odds(self._manner.gaps / 6):
            self._next_line(indent + self._chance.randint(1, 3), first=True)  # the value on a line of its own
        elif value is not None:
            self._space()
        else:
            self._put(" ")
        if isinstance(value, dict | list):
            self._written.values[path] = self._place()
            self._flow(value, path, indent)
        else:
            self._value(value, path, indent, flow=False)

    def _block_list(self, items: Sequence[Json], path: Path, indent: int) -> None:
        self._written.values[path] = self._place()
        for number, item in enumerate(items):
            if number:
                self._next_line(indent)
            self._put("-")
            self._space()
            self._value(item, (*path, number), indent, flow=False)

    def _next_line(self, indent: int, *, first: bool = False) -> None:
        if not first and self._column > 1 and not self._kept_blanks:
            self._comment()
        if self._column > 1:
            self._newline()
        self._gap(indent)
        self._put(" " * indent)

    # -- flow --------------------------------------------------------------------------------------------------------

    def _flow(self, value: dict[str, Json] | list[Json], path: Path, parent: int) -> None:
        wide = self._odds(0.3)
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        self._put(opening)
        self._flow_space(parent, wide)
        if isinstance(value, dict):
            for number, (key, inner) in enumerate(value.items()):
                if number:
                    self._comma(parent, wide)
                self._written.keys[(*path, key)] = self._place()
                quoted = self._key(key, flow=True)
                self._put(":")
                if not (quoted and self._odds(0.2)):
                    self._put(" ")
                self._value(inner, (*path, key), parent, flow=True)
        else:
            for number, inner in enumerate(value):
                if number:
                    self._comma(parent, wide)
                self._value(inner, (*path, number), parent, flow=True)
        if value and self._odds(0.1):
            self._put(",")
        self._flow_space(parent, wide)
        self._put(closing)

    def _comma(self, parent: int, wide: bool) -> None:
        self._put(",")
        self._flow_space(parent, wide)
        if self._column > 1 and not self._parts[-1].endswith((" ", "\n", "\r")):
            self._put(" ")

    def _flow_space(self, parent: int, wide: bool) -> None:
        """Nothing, spaces, or a line break with what may stand around one."""
        if wide and self._odds(0.5):
            self._comment()
            self._newline()
            self._put(" " * (parent + 1 + self._chance.randint(0, 3)))
        elif self._odds(self._manner.gaps / 2):
            self._put(" ")

    # -- strings -----------------------------------------------------------------------------------------------------

    def _key(self, key: str, *, flow: bool) -> bool:
        """Gives whether it is in quotes."""
        if plain(key, flow=flow) and not (flow and ":" in key) and not self._odds(self._manner.quoted / 2):
            self._put(key)
            return False
        if "\n" in key or CONTROL.search(key) or self._odds(0.5):
            self._quoted(key, '"', None)
        else:
            self._quoted(key, "'", None)
        return True

    def _string(self, text: str, path: Path, parent: int, *, flow: bool) -> None:
        self._written.values[path] = self._place()
        fold = parent + 1 if self._odds(self._manner.folded) else None
        if not flow and parent >= 0 and blockable(text) and self._odds(self._manner.block):
            places = self._block(text, parent, folded=foldable(text) and self._odds(0.5))
        elif plain(text, flow=flow) and not self._odds(self._manner.quoted):
            places = self._plain(text, None if flow else fold)
        elif singly(text) and self._odds(0.5):
            places = self._quoted(text, "'", fold)
        else:
            places = self._quoted(text, '"', fold)
        self._written.characters[path] = places

    def _fold(self, text: str, at: int, indent: int | None, *, plainly: bool) -> bool:
        """Break the line at a space of the text, sometimes."""
        if indent is None or text[at] != " " or not 0 < at < len(text) - 1 or not self._odds(0.3):
            return False
        before, after = text[at - 1], text[at + 1]
        if before.isspace() or after.isspace() or (plainly and not after.isalnum()):
            return False
        self._newline()
        self._put(" " * (indent + self._chance.randint(0, 3)))
        return True

    def _plain(self, text: str, fold: int | None) -> list[Position | None]:
        places: list[Position | None] = []
        for at, char in enumerate(text):
            if self._fold(text, at, fold, plainly=True):
                places.append(None)
            else:
                places.append(self._place())
                self._put(char)
        return places

    def _quoted(self, text: str, quote: str, fold: int | None) -> list[Position | None]:
        places: list[Position | None] = []
        self._put(quote)
        for at, char in enumerate(text):
            if self._fold(text, at, fold, plainly=False):
                places.append(None)
                continue
            if quote == '"' and fold is not None and at > 0 and self._odds(0.05) and not text[at].isspace():
                self._put("\\")  # an escaped line break is nothing
                self._newline()
                self._put(" " * (fold + self._chance.randint(0, 2)))
            places.append(self._place())
            self._put("''" if char == quote == "'" else self._escaped(char) if quote == '"' else char)
        self._put(quote)
        return places

    def _escaped(self, char: str) -> str:
        code = ord(char)
        if char in ESCAPES and not (char == "\t" and self._odds(0.5)):
            return ESCAPES[char]
        if CONTROL.match(char) or self._odds(0.01):
            return f"\\x{code:02x}" if code < 256 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08x}"
        return char

    def _block(self, text: str, parent: int, *, folded: bool) -> list[Position | None]:
        """Literal or folded text; the cursor stands in the line that the sign belongs to."""
        body = text.rstrip("\n")
        ends = len(text) - len(body)
        chomp = "-" if ends == 0 else "+" if ends > 1 or self._odds(0.2) else ""
        depth = self._chance.randint(1, 4)
        signs = [chomp]
        if body.startswith((" ", "\t", "\n")) or self._odds(0.2):
            signs.append(str(depth))
        if self._odds(0.5):
            signs.reverse()
        self._put((">" if folded else "|") + "".join(signs))
        self._comment()
        places: list[Position | None] = []
        indent = max(parent, 0) + depth
        lines = body.split("\n")
        for number, line in enumerate(lines):
            self._newline()
            if folded and number:
                self._newline()  # a line break of folded text is a blank line
            if line:
                self._put(" " * indent)
            for at, char in enumerate(line):
                if folded and self._fold(line, at, indent, plainly=True) and self._exactly(indent):
                    places.append(None)
                else:
                    places.append(self._place())
                    self._put(char)
            if number < len(lines) - 1:
                places.append(None)
        places += [None] * ends
        for _ in range(ends):
            self._newline()
        self._kept_blanks = True
        return places

    def _exactly(self, indent: int) -> bool:
        """Take back what indents a folded line more than its text: more would not fold."""
        self._parts[-1] = " " * indent
        self._column = indent + 1
        return True


def plain(text: str, *, flow: bool) -> bool:
    """Whether text may stand without quotes."""
    if not PLAIN.fullmatch(text) or text.casefold() in WORDS or text[-1] in " :" or CONTROL.search(text):
        return False
    if flow and re.search(r"[,\[\]{}]| \?", text):
        return False
    return ": " not in text and " #" not in text and not text.startswith(("---", "..."))


def singly(text: str) -> bool:
    """Whether single quotes can hold the text."""
    return not CONTROL.search(text)


def blockable(text: str) -> bool:
    """Whether literal text can be this."""
    if not text.strip() or CONTROL.search(text.replace("\n", "").replace("\t", "")):
        return False
    # Blank lines at the start must not be deeper than the text, and one with spaces only is too easily taken for one.
    return all(line.strip() or not line for line in text.split("\n")) and not text.startswith("\n")


def foldable(text: str) -> bool:
    """Whether folded text can be this: lines that are neither empty nor indented."""
    return all(line and not line[0].isspace() for line in text.rstrip("\n").split("\n"))
