"""A playbook as it is written: its maps, lists and scalars in their styles, with every comment at its place.

`nodes` says what a file means and where; this says how it looks, so that it can be rearranged and written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from noetl.compiler.nodes import Style
from noetl.diagnostics import START_OF_FILE, Span

LeafStyle: TypeAlias = Literal[Style, "alias"]


@dataclass(slots=True, eq=False)
class Leaf:
    """One scalar, or an alias. `raw` is how it is written, `text` what YAML decodes."""

    raw: str
    text: str
    style: LeafStyle = "plain"
    span: Span = START_OF_FILE
    """Where it stands in the file that was read; of what was added later the start."""
    properties: str = ""
    """Its anchor and tag, as written."""


@dataclass(slots=True, eq=False)
class Entry:
    """One entry of a map, or one item of a list, which has no key."""

    value: Tree
    key: Leaf | None = None
    above: list[str] = field(default_factory=list)
    """Comments on lines of their own before it; an empty string is a blank line."""
    beside: str = ""
    """The comment behind it or, where its value fills the lines below, behind its key."""


@dataclass(slots=True, eq=False)
class Branch:
    """One map or list."""

    entries: list[Entry] = field(default_factory=list)
    is_map: bool = True
    flow: bool = False
    """Whether it is written in brackets."""
    span: Span = START_OF_FILE
    properties: str = ""
    tail: list[str] = field(default_factory=list)
    """Comments after the last entry, written like `above`."""

    def entry(self, name: str) -> Entry | None:
        """The last entry with this key, which is the one that counts."""
        return next((e for e in reversed(self.entries) if e.key is not None and e.key.text == name), None)

    def get(self, name: str) -> Tree | None:
        """The value under a key."""
        found = self.entry(name)
        return found.value if found else None


Tree: TypeAlias = Leaf | Branch


@dataclass(slots=True, eq=False)
class Sheet:
    """A whole file. `head` are the lines up to the `---` that starts the document, none where it has none."""

    root: Branch
    head: list[str] = field(default_factory=list)


def leaves(tree: Tree) -> Iterator[Leaf]:
    """Every scalar and alias, keys included, in the order of the file."""
    waiting: list[Tree] = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Leaf):
            yield one
            continue
        for entry in reversed(one.entries):
            waiting.append(entry.value)
            if entry.key is not None:
                waiting.append(entry.key)


def comments(tree: Tree) -> list[str]:
    """Every comment inside a tree, in the order of the file."""
    found: list[str] = []
    waiting: list[Tree | list[str]] = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            found += [line for line in one if line]
        elif isinstance(one, Branch):
            waiting.append(one.tail)
            for entry in reversed(one.entries):
                after, before = (entry.beside, "") if isinstance(entry.value, Leaf) else ("", entry.beside)
                waiting += ([after], entry.value, [*entry.above, before])
    return found


def copied(tree: Tree) -> Tree:
    """The same values in the same styles, without comments and anchors."""
    if isinstance(tree, Leaf):
        return Leaf(tree.raw, tree.text, tree.style, tree.span)
    entries = [Entry(copied(e.value), _key_of(e)) for e in tree.entries]
    return Branch(entries, tree.is_map, tree.flow, tree.span)


def _key_of(entry: Entry) -> Leaf | None:
    return None if entry.key is None else Leaf(entry.key.raw, entry.key.text, entry.key.style, entry.key.span)
