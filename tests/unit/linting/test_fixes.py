"""Edits of spans: which can be applied together, and what they do to a text."""

from __future__ import annotations

import pytest

from noetl.compiler.linting import fixes
from noetl.diagnostics import Diagnostic, Edit, Fix, Kind, Severity, Span

KIND = Kind("NTL999", "sample", Severity.NOTE, "a sample")


def edit(line: int, column: int, end_line: int, end_column: int, text: str) -> Edit:
    return Edit(Span(line, column, end_line, end_column), text)


def found(*edits: Edit) -> Diagnostic:
    return Diagnostic(KIND, "odd", edits[0].span, fix=Fix("mend it", edits))


@pytest.mark.parametrize(
    ("text", "edits", "after"),
    [
        ("ab\ncd\n", [edit(1, 1, 1, 2, "X"), edit(2, 3, 2, 3, "Y")], "Xb\ncdY\n"),
        ("ab\r\ncd\r\n", [edit(1, 3, 1, 3, "\nx")], "ab\r\nx\r\ncd\r\n"),
        ("ab\rcd", [edit(2, 3, 2, 3, "\nx")], "ab\rcd\rx"),
        ("ab", [edit(1, 3, 1, 3, "\nx")], "ab\nx"),
        ("ab\n\r\ncd", [edit(3, 1, 3, 1, "x\n")], "ab\n\r\nx\r\ncd"),
        ("ab\r\ncd\r\n", [edit(1, 1, 2, 1, "")], "cd\r\n"),
        ("\tab", [edit(1, 2, 1, 3, "é\U0001f600")], "\té\U0001f600b"),
        ("ab", [edit(1, 2, 1, 9, "x")], "ax"),
        ("ab\nc", [edit(9, 1, 9, 1, "x")], "ab\ncx"),
        ("a\u2028b\u0085c\nd", [edit(1, 5, 1, 6, "x")], "a\u2028b\u0085x\nd"),
    ],
)
def test_edits_leave_everything_else(text: str, edits: list[Edit], after: str) -> None:
    assert fixes.apply(text, [Fix("mend it", tuple(edits))]) == after


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([edit(1, 1, 1, 3, "x")], [edit(1, 2, 1, 4, "y")]),
        ([edit(1, 2, 1, 2, "x")], [edit(1, 2, 1, 2, "y")]),
        ([edit(1, 1, 1, 2, "x")], [edit(1, 2, 1, 3, "y")]),
        ([edit(1, 1, 1, 1, "- "), edit(2, 1, 2, 1, "  "), edit(3, 1, 3, 1, "  ")], [edit(2, 2, 2, 3, "y")]),
    ],
)
def test_fixes_that_meet_are_not_applied_together(first: list[Edit], second: list[Edit]) -> None:
    text = "abcd\nefgh\nijkl\n"
    one, other = found(*first), found(*second)
    assert fixes.compatible(text, [one, other]) == [one]
    assert fixes.compatible(text, [other, one]) == [other]


def test_fixes_apart_are_applied_together_in_any_order() -> None:
    text = "abcd\nefgh\nijkl\n"
    three = [found(edit(3, 1, 3, 2, "X")), found(edit(1, 1, 1, 2, "X")), found(edit(2, 1, 2, 2, "X"))]
    assert fixes.compatible(text, three) == three
    assert fixes.apply(text, [one.fix for one in three if one.fix]) == "Xbcd\nXfgh\nXjkl\n"


def test_a_fix_whose_own_edits_overlap_is_left_out() -> None:
    assert fixes.compatible("abcd", [found(edit(1, 1, 1, 3, "x"), edit(1, 2, 1, 4, "y"))]) == []
