"""Formatting: one form for a playbook, whatever it was written like; nothing of it is lost and its meaning stays."""

from __future__ import annotations

import re
from collections import Counter
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis

from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler import source
from noetl.compiler.formatting import format_source
from noetl.compiler.formatting.reading import lines_of, read
from noetl.compiler.formatting.tree import comments
from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.authoring import Document
from noetl.conformance.strategies import clean_documents

from .test_frontend import meaning
from .test_yaml_writer import values
from .yaml_writer import COMMENTS, write

MARK = re.compile("|".join(re.escape(comment) for comment in sorted(COMMENTS, key=len, reverse=True)))


def comments_of(text: str) -> Counter[str]:
    """Every comment of a text, as the tree has it."""
    sheet, _ = read(lines_of(text.removeprefix("\ufeff")), "p.yaml")
    assert sheet is not None
    return Counter((*(line for line in sheet.head if line.startswith("#")), *comments(sheet.root)))


def written_comments(text: str) -> int:
    """How many comments the writer put into a text whose values hold none."""
    return sum(1 for line in lines_of(text).split("\n") if MARK.search(line))


@given(clean_documents(max_steps=4), st.randoms(use_true_random=True))
def test_formatting_keeps_the_meaning_and_comes_to_rest(document: Document, chance: Random) -> None:
    written = write(document, chance).text
    formatted = format_source(written, "p.yaml")
    assert formatted.text is not None, formatted.diagnostics
    before, after = compile_source(written, "p.yaml"), compile_source(formatted.text, "p.yaml")
    assert meaning(before) == meaning(after)
    assert comments_of(written) == comments_of(formatted.text)
    assert format_source(formatted.text, "p.yaml").text == formatted.text


names = st.sampled_from(("a", "b c", "x-y", "012", "on"))
plain_values: st.SearchStrategy[Json] = st.sampled_from((None, 1, True, "v", "w x"))
plain_trees: st.SearchStrategy[Json] = st.dictionaries(names, st.recursive(plain_values, st.lists, max_leaves=6))


@given(st.dictionaries(names, plain_trees, min_size=1), st.randoms(use_true_random=True))
def test_no_comment_is_lost(tree: dict[str, Json], chance: Random) -> None:
    text = write({"kind": "Playbook", "metadata": tree}, chance).text
    assert sum(comments_of(text).values()) == written_comments(text)
    formatted = format_source(text, "p.yaml").text
    assert formatted is not None
    assert comments_of(formatted) == comments_of(text)


@given(values, st.randoms(use_true_random=True))
def test_any_value_survives(value: Json, chance: Random) -> None:
    text = write({"kind": "Playbook", "workload": {"x": value}}, chance).text
    formatted = format_source(text, "p.yaml")
    assert formatted.text is not None, formatted.diagnostics
    before, after = source.parse(text, "p.yaml").root, source.parse(formatted.text, "p.yaml").root
    assert before is not None
    assert after is not None
    assert format_source(formatted.text, "p.yaml").text == formatted.text
