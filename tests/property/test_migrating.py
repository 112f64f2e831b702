"""Migration loses no comment and no value, and ends in v2, whatever v1 was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given

from noetl.compiler.formatting.reading import lines_of, read
from noetl.compiler.formatting.tree import Leaf, Tree, comments, leaves
from noetl.compiler.migrate import migrate_source

from .rewriting import FILE, check_migrated, v1_texts
from .test_formatting import comments_of

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "migrate"
CASES: Final = sorted(path for path in GOLDEN.glob("*.yaml") if not path.stem.endswith(".v2"))
WORDS_OF_V1: Final = frozenset(
    {"noetl.io/v1", "append", "event", "iterator", "start", "end", "true", "null", "Null", "~"}
)
"""Texts that have another form in v2, or none."""


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_no_comment_is_lost(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    done = migrate_source(text, path.name)
    assert done.text is not None
    assert comments_of(text) - comments_of(done.text) == {}


def value_leaves(tree: Tree) -> list[Leaf]:
    """Every scalar that is no key: keys have other names in v2."""
    if isinstance(tree, Leaf):
        return [tree]
    return [leaf for entry in tree.entries for leaf in value_leaves(entry.value)]


@given(v1_texts)
def test_any_v1_becomes_v2(text: str) -> None:
    check_migrated(text)


@given(v1_texts)
def test_no_value_and_no_comment_is_lost(text: str) -> None:
    done = migrate_source(text, FILE)
    if done.text is None:
        return
    sheet, _ = read(lines_of(text.removeprefix("\ufeff")), FILE)
    assert sheet is not None
    result, _ = read(lines_of(done.text.removeprefix("\ufeff")), FILE)
    assert result is not None
    made = " ".join((*(leaf.text for leaf in leaves(result.root)), *comments(result.root)))
    for leaf in value_leaves(sheet.root):
        if leaf.text not in WORDS_OF_V1 and "\\" not in leaf.raw:  # an escape stays one in a comment
            assert set(re.findall(r"\w+", leaf.text)) <= set(re.findall(r"\w+", made)), leaf
    assert comments_of(text) - comments_of(done.text) == {}
