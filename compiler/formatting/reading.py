"""From the text of a file to its tree: the events of the YAML parser, and the comments between them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from noetl.compiler import source
from noetl.compiler.nodes import Node, Scalar
from noetl.compiler.source.compose import Composer
from noetl.compiler.source.positions import Lines, Positions

from .tree import Branch, Entry, Leaf, Sheet, Tree

_GAP: Final = re.compile(r"(?P<break>\n)|(?P<comment>#[^\n]*)|(?P<blank>[ \t]+)|(?P<sign>[!&][^ \t\n]*|[^ \t\n#])")
_PROPERTY: Final = re.compile(r"(?:(?<=\s)|\A)[!&][^ \t\n]*|#[^\n]*")
_HEADER_COMMENT: Final = re.compile(r"[|>][-+0-9]*[ \t]+(#[^\n]*)")


def lines_of(text: str) -> str:
    """The text with every line break as YAML reads it: a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read(text: str, path: str) -> tuple[Sheet | None, source.Parsed]:
    """The tree of a text whose line breaks are line feeds; None if its root is no map, or YAML cannot read it."""
    made: list[Recorder] = []

    def recorder(
        lines: Lines, fed: str, disguise: Mapping[int, str], path: str, *, refuse_signs: bool = False
    ) -> Recorder:
        made.append(Recorder(lines, fed, disguise, path, refuse_signs=refuse_signs))
        return made[-1]

    parsed = source.parse(text, path, composer=recorder)
    return (made[-1].sheet() if made and parsed.root is not None else None), parsed


@dataclass(slots=True)
class _Level:
    """A map or list that is not complete."""

    branch: Branch
    column: int
    """Where its entries stand, from 0; of a list in brackets or a map in them it says nothing."""
    key: Entry | None = None
    """The entry whose value has not come yet."""


@dataclass(slots=True)
class _Margin:
    """What was found between two parts of the file and belongs to what comes next."""

    comments: list[tuple[int, str]] = field(default_factory=list)
    """Columns and comments; an empty one is a blank line."""
    beside: str = ""
    """A comment behind a dash."""
    dash: bool = False
    """Whether a dash has been seen that no item has claimed."""

    def blank(self) -> None:
        """A blank line; of several in a row one is kept."""
        if not self.comments or self.comments[-1][1]:
            self.comments.append((0, ""))

    def above(self) -> list[str]:
        """All comments, taken away."""
        taken = [text for _, text in self.comments]
        self.comments.clear()
        return taken

    def at_least(self, column: int) -> list[str]:
        """The comments up to the first that stands further left than `column`, taken away."""
        end = next((i for i, (at, text) in enumerate(self.comments) if text and at < column), len(self.comments))
        while end and not self.comments[end - 1][1]:  # blank lines stay with what follows
            end -= 1
        taken = [text for _, text in self.comments[:end]]
        del self.comments[:end]
        return taken


class Recorder(Composer):
    """A composer that keeps how everything is written."""

    def __init__(
        self, lines: Lines, fed: str, disguise: Mapping[int, str], path: str, *, refuse_signs: bool = False
    ) -> None:
        super().__init__(lines, fed, disguise, path, refuse_signs=refuse_signs)
        self._levels: list[_Level] = []
        self._margin = _Margin()
        self._owner: Entry | None = None
        """What a comment on the same line belongs to."""
        self._cursor = 0
        self._fresh = True
        """Whether nothing but white space has been seen on this line."""
        self._head: list[str] = []
        self._whole: Branch | None = None

    def sheet(self) -> Sheet | None:
        """The tree of the document that has been read."""
        if self._whole is None or not self._whole.is_map:
            return None
        self._to(len(self._text))
        self._whole.tail += self._margin.above()
        return Sheet(self._whole, self._head)

    # -- events ------------------------------------------------------------------------------------------------------

    def _next(self) -> Event | None:
        event = super()._next()
        if isinstance(event, DocumentStartEvent) and event.explicit:
            end = event.end_mark.index
            self._head = [line.rstrip() for line in self._text[: end - 3].split("\n")]
            self._head = [line for line in self._head if line.startswith(("#", "%"))]
            self._head.append("---")
            self._cursor, self._fresh = end, False
        return event

    def _scalar(self, event: ScalarEvent) -> Scalar:
        self._to(event.start_mark.index)
        node = super()._scalar(event)
        places = cast(Positions, node.positions)
        start, end = places.start, self._end
        properties = self._properties(event.start_mark.index, start)
        leaf = Leaf(self._text[start:end], node.text, node.style, node.span, properties)
        comment = _HEADER_COMMENT.match(leaf.raw) if node.style in ("literal", "folded") else None
        self._put(leaf)
        self._past(max(end, self._cursor))
        if comment and self._owner is not None:
            self._behind(self._owner, comment[1].rstrip())
        if node.style in ("literal", "folded"):
            self._cursor, self._fresh = self._after_block(end, places.end, leaf), False
        return node

    def _after_block(self, end: int, last: int, leaf: Leaf) -> int:
        """Blank lines behind a block that keeps them are part of it."""
        kept = "+" in leaf.raw.split("\n", 1)[0].split("#", 1)[0] and leaf.text.endswith("\n\n")
        return last - self._text.endswith("\n", 0, last) if kept else end

    def _alias(self, event: AliasEvent) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        self._to(start)
        node = super()._alias(event)
        self._put(Leaf(self._text[start:end], f"*{event.anchor}", "alias", self._lines.span(start, end)))
        self._past(end)
        return node

    def _open(self, event: CollectionStartEvent) -> None:
        self._to(event.start_mark.index)
        super()._open(event)
        start = self._stack[-1].start
        branch = Branch([], isinstance(event, MappingStartEvent), bool(event.flow_style))
        branch.properties = self._properties(event.start_mark.index, start)
        if branch.properties:
            self._to(start)
        level = _Level(branch, self._lines.place(start)[1] - 1)
        self._put(branch)
        self._levels.append(level)
        if branch.flow and self._text[start : start + 1] in ("[", "{"):
            self._past(start + 1)
            self._owner = None

    def _close(self, event: CollectionEndEvent) -> Node:
        end = event.end_mark.index
        closing = end > event.start_mark.index
        self._to(event.start_mark.index)
        node = super()._close(event)
        level = self._levels.pop()
        branch = level.branch
        branch.span = node.span
        if branch.flow:  # the comments of one without entries go to what comes next
            branch.tail = self._margin.above() if closing and branch.entries else []
        else:
            compact = not branch.is_map and bool(self._levels) and self._levels[-1].column == level.column
            branch.tail = self._margin.at_least(level.column + compact)
            self._margin.dash = False
        if closing:
            self._past(end)
        if branch.flow:
            self._owner = self._holder()
        return node

    def _holder(self) -> Entry | None:
        """The entry that was completed last at this level."""
        return self._levels[-1].branch.entries[-1] if self._levels else None

    # -- the tree ----------------------------------------------------------------------------------------------------

    def _put(self, tree: Tree) -> None:
        if not self._levels:
            self._whole = tree if isinstance(tree, Branch) else None
            return
        level = self._levels[-1]
        if not level.branch.is_map:
            entry = Entry(tree, None, self._margin.above(), self._margin.beside)
            self._margin.beside, self._margin.dash = "", False
            level.branch.entries.append(entry)
        elif level.key is None:
            key = tree if isinstance(tree, Leaf) else Leaf("", "")  # a map or list as a key is refused
            entry = Entry(Leaf("", ""), key, self._margin.above())
            level.key = entry
            level.branch.entries.append(entry)
        else:
            entry, level.key = level.key, None
            entry.value = tree
        self._owner = entry

    def _properties(self, start: int, end: int) -> str:
        if start == end:
            return ""
        found = _PROPERTY.finditer(self._text[start:end])
        return " ".join(match[0] for match in found if match[0][0] != "#")

    # -- comments ----------------------------------------------------------------------------------------------------

    def _past(self, offset: int) -> None:
        """Go on behind a part that has been read."""
        if offset > self._cursor:
            self._cursor, self._fresh = offset, False

    def _to(self, offset: int) -> None:
        """Take what stands between the last part and `offset`."""
        for match in _GAP.finditer(self._text, self._cursor, max(offset, self._cursor)):
            match match.lastgroup:
                case "break":
                    if self._fresh:
                        self._margin.blank()
                    self._fresh = True
                case "comment":
                    self._comment(match[0].rstrip(), match.start())
                    self._fresh = False
                case "sign":
                    self._fresh = False
                    self._margin.dash = self._margin.dash or match[0] == "-"
        self._cursor = max(offset, self._cursor)

    def _comment(self, text: str, offset: int) -> None:
        block_list = bool(self._levels) and not self._levels[-1].branch.is_map and not self._levels[-1].branch.flow
        if self._fresh:
            self._margin.comments.append((self._lines.place(offset)[1] - 1, text))
        elif self._margin.dash and block_list and not self._margin.beside:
            self._margin.beside = text
        elif self._owner is not None:
            self._behind(self._owner, text)
        else:
            self._margin.comments.append((self._lines.place(offset)[1] - 1, text))

    def _behind(self, owner: Entry, text: str) -> None:
        if owner.beside:
            owner.above.append(text)
        else:
            owner.beside = text
