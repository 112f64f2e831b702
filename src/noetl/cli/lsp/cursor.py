"""Where the cursor is, read from the text alone: while somebody types, the text is seldom a playbook or even YAML.

The way to the cursor follows the indentation of the lines above, and on the cursor's own line the brackets of flow
style. It may be wrong where a playbook is written very unusually; nothing but the offered words depends on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

At: TypeAlias = Literal["key", "value", "template", "text"]

_LINE: Final = re.compile(r"^( *)((?:-(?: +|$))*)(.*)$")
_KEY: Final = re.compile(r"""^(?:"([^"]*)"|'([^']*)'|([^\s"'#{\[][^:#]*?))\s*:(?:\s+(.*))?$""")
_BLOCK: Final = re.compile(r"^[|>][-+0-9]*\s*(?:#.*)?$")
_WORD: Final = re.compile(r"[\w./-]*$")
_IN_FLOW: Final = re.compile(r"\bkind: *([\w\"']+)")
_NAME: Final = re.compile(r"\w*$")
EXPRESSIONS: Final = frozenset(("when", "in", "from"))
"""Keys whose value is an expression, also without braces (DOC-8)."""
_LINES: Final = 2000
"""Lines above the cursor that are looked at."""


@dataclass(slots=True)
class Cursor:
    """The way to the cursor, and what is being typed there."""

    path: tuple[str | int, ...]
    at: At
    word: str
    """The part of a word before the cursor."""
    expression: str = ""
    """In a template: what stands between its braces and the cursor."""
    values: dict[str, str] = field(default_factory=dict)
    """Keys of the same mapping with what follows them on their line."""
    around: list[dict[str, str]] = field(default_factory=list)
    """The same of the mappings further out, the nearest first."""

    @property
    def kind(self) -> str | None:
        """The kind of the tool around the cursor; of what a rule says about a call, that of the step's tool."""
        for values in (self.values, *self.around):
            inside = _IN_FLOW.search(values.get("tool", ""))
            kind = values.get("kind") or values.get("backend") or (inside[1] if inside else "")
            if kind and kind != "Playbook":
                return kind.strip("\"'")
        return None


@dataclass(frozen=True, slots=True)
class _Row:
    """A line: the columns of its dashes, that of its content, and its key with what follows it."""

    dashes: tuple[int, ...]
    column: int
    key: str | None
    rest: str
    content: str


def _row(line: str) -> _Row:
    found = _LINE.match(line.rstrip("\r\n"))
    indent, dashes, content = found.groups() if found else ("", "", "")
    columns = tuple(len(indent) + at.start() for at in re.finditer("-", dashes))
    key = _KEY.match(content)
    name = next((part for part in key.groups()[:3] if part is not None), None) if key else None
    rest = (key.group(4) or "").strip() if key else ""
    return _Row(columns, len(indent) + len(dashes), name, rest, content)


def locate(text: str, offset: int) -> Cursor:
    """The cursor before the character at `offset`."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    above = re.split(r"\r\n|\r|\n", text[:start])[:-1][-_LINES:]
    below = re.split(r"\r\n|\r|\n", text[offset:])[1 : _LINES + 1]
    row = _row(text[start:offset])
    walk = _Walk(above, below, row)
    template = _template(text[max(0, start - 2000) : offset])
    if template is not None:
        cursor = walk.cursor("template", _NAME)
        cursor.expression = template
        cursor.word = _NAME.search(template)[0] if _NAME.search(template) else ""  # type: ignore[index]
        return cursor
    if walk.in_block:
        return walk.cursor("text", _WORD)
    flow = _flow(row.rest if row.key is not None else row.content)
    if flow is not None:
        return walk.in_flow(flow)
    if row.key is None:
        return walk.cursor("key", _WORD)
    if row.key in EXPRESSIONS:
        cursor = walk.cursor("template", _NAME)
        cursor.expression = row.rest.lstrip("\"'")
        return cursor
    return walk.cursor("value", _WORD)


def _template(before: str) -> str | None:
    """What stands between the last braces that are not closed and the cursor."""
    opened = max(before.rfind("{{"), before.rfind("{%"))
    closed = max(before.rfind("}}"), before.rfind("%}"))
    return before[opened + 2 :] if opened > closed else None


class _Walk:
    """Goes up from the cursor's line, from each mapping to the key that holds it."""

    def __init__(self, above: list[str], below: list[str], row: _Row) -> None:
        self._row = row
        self.in_block = False
        """Whether the line is inside a block scalar."""
        self._inner = ""
        """The kind in the lines further in that were seen last: of the tool, where the next line up is its key."""
        self._path: list[str | int] = []
        self._maps: list[dict[str, str]] = [{}]
        column, dashes = row.column, list(row.dashes)
        rows = [_row(line) for line in below]
        self._siblings(rows, column)
        if dashes:
            column = self._leave_items(dashes)
        for line in reversed(above):
            column = self._up(_row(line), column, line)
            if column <= 0:
                break

    def _siblings(self, rows: list[_Row], column: int) -> None:
        for row in rows:
            if row.content and (row.column < column or (row.column == column and row.dashes)):
                return
            if row.key is not None and row.column == column:
                self._maps[0].setdefault(row.key, row.rest)

    def _leave_items(self, dashes: list[int]) -> int:
        """Out of the items that start on a line; gives the column of the outermost dash plus one."""
        for _ in dashes:
            self._path.insert(0, 0)
        self._maps.append({})
        return dashes[0] + 1

    def _up(self, row: _Row, column: int, line: str) -> int:
        if not line.strip() or row.content.startswith("#"):
            return column
        if row.column > column and row.key == "kind":
            self._inner = row.rest
        if row.column == column and row.key is not None:
            kind = self._inner if row.key == "tool" and not row.rest else ""
            self._maps[-1].setdefault(row.key, f"{{kind: {kind}}}" if kind else row.rest)
            self._inner = ""
        elif row.column < column and row.key is not None:
            if _BLOCK.match(row.rest) and not self._path:
                self.in_block = True
            self._path.insert(0, row.key)
            self._maps.append({row.key: row.rest})
            column = row.column
        else:
            return column
        return self._leave_items(list(row.dashes)) if row.dashes else column

    def cursor(self, at: At, word: re.Pattern[str]) -> Cursor:
        """The cursor in block style."""
        path = [*self._path, self._row.key] if self._row.key is not None else self._path
        typed = self._row.rest if self._row.key is not None else self._row.content
        found = word.search(typed)
        return Cursor(tuple(path), at, found[0] if found else "", "", self._maps[0], self._maps[1:])

    def in_flow(self, flow: _Flow) -> Cursor:
        """The cursor inside brackets."""
        path = [*self._path, *([self._row.key] if self._row.key is not None else []), *flow.path]
        outer = [*reversed(flow.maps[:-1]), *self._maps]
        if flow.at == "template":
            return Cursor(tuple(path), "template", _NAME.search(flow.typed)[0], flow.typed, flow.maps[-1], outer)  # type: ignore[index]
        found = _WORD.search(flow.typed)
        return Cursor(tuple(path), flow.at, found[0] if found else "", "", flow.maps[-1], outer)


@dataclass(slots=True)
class _Flow:
    path: list[str | int]
    maps: list[dict[str, str]]
    at: At
    typed: str


def _flow(text: str) -> _Flow | None:
    """Where the end of a text in flow style is; None where it is not in brackets."""
    levels: list[tuple[str, dict[str, str], str | None]] = []
    typed, quote = "", ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
            typed += sign
        elif sign in "\"'" and not typed.strip():
            quote = sign
        elif sign in "{[":
            levels.append((sign, {}, None))
            typed = ""
        elif sign in "}]" and levels:
            levels.pop()
            typed = ""
        elif sign == "," and levels:
            bracket, values, key = levels[-1]
            if key is not None:
                values[key] = typed.strip()
            levels[-1] = (bracket, values, None)
            typed = ""
        elif sign == ":" and levels and levels[-1][0] == "{" and levels[-1][2] is None:
            levels[-1] = ("{", levels[-1][1], typed.strip("\"' "))
            typed = ""
        elif levels or sign.strip():
            typed += sign
    if not levels:
        return None
    path: list[str | int] = []
    for bracket, _, key in levels:
        path += [0] if bracket == "[" else [] if key is None else [key]
    bracket, _, key = levels[-1]
    at: At = "key" if bracket == "{" and key is None else "value"
    if key in EXPRESSIONS:
        at = "template"
    return _Flow(path, [values for _, values, _ in levels], at, typed.lstrip())
