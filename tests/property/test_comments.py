"""Comments are found without a parser; the parser agrees on which of them are none."""

from __future__ import annotations

import re
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler import source
from noetl.compiler.checked import nodes
from noetl.compiler.linting.comments import scan
from noetl.compiler.nodes import Node, Scalar
from noetl.conformance.authoring import Document
from noetl.conformance.strategies import clean_documents

from .broken import samples
from .yaml_writer import write

SIGN: Final = re.compile(r"(?:^|(?<=[ \t]))#")


def expected(lines: list[str], root: Node) -> tuple[dict[int, int], set[tuple[int, int]]]:
    """Column of the comment of each line that has one, and the scalars over several lines, by the parser's places."""
    inside: dict[int, list[tuple[int, int]]] = {}
    long: set[tuple[int, int]] = set()
    for node in nodes(root):
        if not isinstance(node, Scalar):
            continue
        span = node.span
        if span.end_line > span.line:
            long.add((span.line, span.end_line))
        header = node.style in ("literal", "folded")
        for line in range(span.line + header, span.end_line + 1):
            first = span.column if line == span.line else 1
            inside.setdefault(line, []).append((first, span.end_column if line == span.end_line else 10**9))
    columns: dict[int, int] = {}
    for number, written in enumerate(lines, 1):
        signs = [found.start() + 1 for found in SIGN.finditer(written)]
        outside = [c for c in signs if not any(first <= c < last for first, last in inside.get(number, ()))]
        if outside:
            columns[number] = outside[0]
    return columns, long


def check(text: str) -> None:
    text = text.removeprefix("\ufeff")
    parsed = source.parse(text, "p.yaml")
    if parsed.root is None or parsed.diagnostics:  # of two equal keys only one is in the tree
        return
    found = scan(text)
    columns, long = expected(found.lines, parsed.root)
    assert {comment.line: comment.column for comment in found.comments} == columns, text
    assert set(found.scalars) == long, text
    for comment in found.comments:
        line = found.lines[comment.line - 1]
        assert comment.text == line[comment.column - 1 :]
        assert comment.alone == (not line[: comment.column - 1].strip())


@given(clean_documents(max_steps=3), st.integers(0, 2**32))
def test_the_parser_agrees_on_drawn_texts(document: Document, chance: int) -> None:
    check(write(document, Random(chance)).text)


def test_the_parser_agrees_on_playbooks_of_people() -> None:
    for text in samples():
        check(text)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1 # x", [1]),
        ("a: 1# x\nb: '# y'\nc: \"# z\" # w", [3]),
        ("a: it's # x\nb: 2", [1]),
        ("a: b\n  'c # x\n  d' # y", [2, 3]),
        ("a: 'b\n  # c' # d", [2]),
        ('a: "b\\\n  # c\\" # d" # e', [2]),
        ("a: | # x\n  # y\n # z\nb: 1", [1, 3]),
        ("- |2\n    # x\n# y", [3]),
        ("a:\n  - |\n   # x\n  - b # y", [4]),
        ("&k a: >-\n  # x\nb: 1 # y", [3]),
        ("[a, 'b # x', # y\n \"c\", {d: e# f}] # g", [1, 2]),
        ("? |\n  # x\n: b # y", [3]),
        ("a:\n\n  |\n  # x\nb: # y", [5]),
        ("--- | # x\n# y\n...\n# z", [1, 4]),
        ("a: |\n  x\n\t\n  # y\nb: # z", [5]),
        ("a#b: c #d", [1]),
    ],
)
def test_what_is_a_comment(text: str, lines: list[int]) -> None:
    assert [comment.line for comment in scan(text).comments] == lines
