"""Fixes change what they name, mean the same, and leave nothing to fix."""

from __future__ import annotations

from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis

from hypothesis import event, given
from hypothesis import strategies as st

from noetl.compiler.linting.comments import scan
from noetl.compiler.linting.suppression import review
from noetl.conformance.authoring import Document
from noetl.conformance.strategies import clean_documents

from .broken import samples
from .mending import FILE, check_mended, fixable, known, look
from .yaml_writer import write

BREAKS = ("\n", "\r\n", "\r")


@given(clean_documents(max_steps=4), st.integers(0, 2**32), st.sampled_from(BREAKS), st.booleans(), st.booleans())
def test_right_playbooks_in_any_spelling(
    document: Document, chance: int, line_break: str, mark: bool, last: bool
) -> None:
    text = write(document, Random(chance)).text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    text = (text if last else text.rstrip("\n")).replace("\n", line_break)
    event(f"{len(fixable(look(text)))} fixes")
    assert check_mended(b"\xef\xbb\xbf" * mark + text.encode()) is not None


def test_playbooks_of_people() -> None:
    for text in samples():
        assert check_mended(text.encode()) is not None


def test_an_assert_beside_a_tool_goes_into_it_as_the_fix_writes_it() -> None:
    task = "{name: t, tool: python, assert: {expects: [a]}, code: result = a}"
    block = "\n".join(["- name: t", "  tool: python", "  assert: {expects: [a]}", "  code: result = a"])
    head = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow: [{step: start}]\nworkbook:"
    for text in (f"{head} [{task}]\n", f"{head}\n{block}\n"):
        check_mended(text.encode())


def test_a_comment_suppresses_exactly_the_finding() -> None:
    for text in samples():
        lines = text.split("\n")
        found = look(text).diagnostics
        for one in found:
            line = lines[one.span.line - 1]
            if one.span.line != one.span.end_line or "#" in line or not line.strip():
                continue
            commented = "\n".join(
                (*lines[: one.span.line - 1], f"{line}  # noetl: ignore[{one.code}]", *lines[one.span.line :])
            )
            check_suppressed(commented, one.code, one.span.line, [(d.code, d.span.line) for d in found])


def check_suppressed(text: str, code: str, line: int, before: list[tuple[str, int]]) -> None:
    """All of the kind at the line are gone and nothing else is; in the text of a scalar the comment is none."""
    if line not in {comment.line for comment in scan(text).comments}:
        return
    found = look(text)
    kept = review(text, FILE, found.diagnostics, known=known, active=lambda _: True).kept
    assert sorted((d.code, d.span.line) for d in kept) == sorted(b for b in before if b != (code, line))
