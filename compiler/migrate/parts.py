"""Pieces of a tree, made and taken apart, and the notes about one file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from noetl.compiler.findings import Findings, quoted
from noetl.compiler.formatting.printing import one_line, print_sheet, quote
from noetl.compiler.formatting.tree import Branch, Entry, Leaf, Sheet, Tree, comments, copied
from noetl.diagnostics import Kind, Span

from .notes import NO_FORM

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*|[0-9]+")
_WORDS: Final = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


def word(text: str, span: Span) -> Leaf:
    """A scalar with this text, in quotes if it needs them."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return Leaf(text if plain else quote(text), text, "plain" if plain else "double", span)


def pair(name: str, value: Tree, like: Entry | None = None) -> Entry:
    """An entry `name: value`, with the comments of the entry that it stands for."""
    above, beside = (like.above, like.beside) if like else ([], "")
    return Entry(value, Leaf(name, name, "plain", value.span), above, beside)


def item(value: Tree, like: Entry | None = None) -> Entry:
    """An item of a list, with the comments of the entry that it stands for."""
    return Entry(value, None, like.above if like else [], like.beside if like else "")


def mapping(entries: Iterable[Entry], span: Span) -> Branch:
    """A map in block style."""
    return Branch(list(entries), span=span)


def listing(entries: Iterable[Entry], span: Span) -> Branch:
    """A list in block style."""
    return Branch(list(entries), is_map=False, span=span)


def name_of(entry: Entry) -> str:
    """The key of an entry; of an item, nothing."""
    return entry.key.text if entry.key is not None else ""


def string(tree: Tree | None) -> str | None:
    """The text of a scalar that is not empty."""
    return tree.text if isinstance(tree, Leaf) and tree.text and tree.style != "alias" else None


def is_null(tree: Tree) -> bool:
    """Whether a value is not there, as after a key with nothing behind it."""
    return isinstance(tree, Leaf) and tree.style == "plain" and tree.text in ("", "~", "null", "Null", "NULL")


def items(tree: Tree | None) -> list[Entry]:
    """The items of a list, or one made of what is no list; none of nothing."""
    if tree is None or is_null(tree):
        return []
    return tree.entries if isinstance(tree, Branch) and not tree.is_map else [Entry(tree)]


def maps(tree: Tree | None) -> list[Branch]:
    """The maps among the items."""
    return [e.value for e in items(tree) if isinstance(e.value, Branch) and e.value.is_map]


def comments_of(entry: Entry) -> list[str]:
    """The comments of an entry that goes, as lines of their own."""
    return [*entry.above, *([entry.beside] if entry.beside else [])]


@contextmanager
def keeping_comments(owner: Branch) -> Iterator[None]:
    """Whatever becomes of a map meanwhile: a comment that finds no place stands at its end."""
    before = comments(owner)
    yield
    left = Counter(before) - Counter(comments(owner))
    for comment in before:
        if left[comment] > 0:
            left[comment] -= 1
            owner.tail.append(comment)
            owner.flow = False


@dataclass(frozen=True, slots=True)
class Notebook:
    """Collects the notes of one file."""

    findings: Findings

    def note(self, kind: Kind, message: str, span: Span, hint: str | None = None) -> None:
        """One more note at the place in v1."""
        self.findings.add(kind, message, span, hint=hint)

    def as_comment(self, entry: Entry, label: str, why: str = "v2 has no such key") -> list[str]:
        """An entry as lines of comments, noted: nothing is lost, and nothing is left that lint refuses."""
        key = entry.key or Leaf("-", "-")
        message = f"{quoted(key.text)} in {label} became a comment: {why}"
        self.note(NO_FORM, message, key.span, hint="say it another way, or delete the comment")
        shown = copied(entry.value)
        if isinstance(shown, Leaf) and "\n" not in shown.raw:
            lines = [f"{key.text}: {shown.raw}".rstrip()]
        elif one_line(shown) is not None:
            lines = [f"{key.text}: {one_line(shown)}"]
        else:
            lines = print_sheet(Sheet(Branch([Entry(shown, Leaf(key.raw, key.text, key.style))]))).splitlines()
        return [*comments_of(entry), *(f"# v1: {line}" if n == 0 else f"#     {line}" for n, line in enumerate(lines))]
