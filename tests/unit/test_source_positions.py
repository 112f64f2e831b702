"""The place of every character of a scalar, in every style."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from noetl.compiler.nodes import Map, Position, Scalar
from noetl.compiler.source import parse
from noetl.compiler.source.positions import Lines, Positions, align
from noetl.diagnostics import Span


def value(text: str) -> Scalar:
    """The value of the last entry of a map without any problem."""
    result = parse(text, "playbook.yaml")
    assert result.diagnostics == []
    assert isinstance(result.root, Map)
    scalar = result.root.entries[-1][1]
    assert isinstance(scalar, Scalar)
    return scalar


def places(scalar: Scalar) -> Sequence[Position]:
    assert isinstance(scalar.positions, Positions)
    assert scalar.positions.exact
    assert len(scalar.positions) == len(scalar.text) + 1
    return list(scalar.positions)


def row(line: int, *columns: int) -> list[Position]:
    return [(line, column) for column in columns]


@pytest.mark.parametrize(
    ("text", "decoded", "expected"),
    [
        ("a: xyz", "xyz", row(1, 4, 5, 6, 7)),
        ("a: x  y   # note", "x  y", row(1, 4, 5, 6, 7, 8)),
        ("a: xy  \n   z", "xy z", [*row(1, 4, 5, 8), *row(2, 4, 5)]),
        ("a: x\n\n\n  y", "x\n\ny", [(1, 4), (2, 1), (3, 1), *row(4, 3, 4)]),
        ("a: 'it''s'", "it's", row(1, 5, 6, 7, 9, 10)),
        ("a: 'x\n  y '", "x y ", [*row(1, 5, 6), *row(2, 3, 4, 5)]),
        ("a: 'x\n\n  y'", "x\ny", [(1, 5), (2, 1), *row(3, 3, 4)]),
        ("a: ''", "", row(1, 5)),
        (r'a: "x\ty\\\u00e9\U0001f600\x41z"', "x\ty\\é\U0001f600Az", row(1, 5, 6, 8, 9, 11, 17, 27, 31, 32)),
        ('a: "x\\\n   y"', "xy", [(1, 5), *row(2, 4, 5)]),
        ('a: "x \\\n   \\ y"', "x  y", [*row(1, 5, 6), *row(2, 4, 6, 7)]),
        ('a: "x\\\n\n   y"', "x\ny", [(1, 5), (2, 1), *row(3, 4, 5)]),
        ('a: "x \t\n \n  y"', "x\ny", [(1, 5), (2, 2), *row(3, 3, 4)]),
        ("a: |\n  xy\n  z\n", "xy\nz\n", [*row(2, 3, 4, 5), *row(3, 3, 4, 4)]),
        ("a: |-\n  x\n\n    y\n\n\n", "x\n\n  y", [*row(2, 3, 4), (3, 1), *row(4, 3, 4, 5, 6)]),
        ("a: |+ # keep\n  x\n\n", "x\n\n", [*row(2, 3, 4), *row(3, 1, 1)]),
        ("a: |2\n    x\n   y\n", "  x\n y\n", [*row(2, 3, 4, 5, 6), *row(3, 3, 4, 5, 5)]),
        ("a: |-2\n     \n  x\n", "   \nx", [*row(2, 3, 4, 5, 6), *row(3, 3, 4)]),
        ("a: |1\n   \n", "  \n", row(2, 2, 3, 4, 4)),
        ("a: |\n  x", "x", row(2, 3, 4)),
        ("a: |\n\n\nb: |\n", "", row(4, 5)),
        ("a: >\n  x\n  y\n\n  z\n", "x y\nz\n", [*row(2, 3, 4), (3, 3), (4, 1), *row(5, 3, 4, 4)]),
        ("a: >-\n  x\n    y\n  z", "x\n  y\nz", [*row(2, 3, 4), *row(3, 3, 4, 5, 6), *row(4, 3, 4)]),
        ("a: >-\n\n  x\n", "\nx", [(2, 1), *row(3, 3, 4)]),
        ("a: !!str &b |\n  x", "x", row(2, 3, 4)),
        ("{a: [b, c], d: 'e f' }", "e f", row(1, 17, 18, 19, 20)),
        ("a: |\r\n  x\r\n  y\r\n", "x\ny\n", [*row(2, 3, 4), *row(3, 3, 4, 4)]),
        ("a: 'x\r\r  y'", "x\ny", [(1, 5), (2, 1), *row(3, 3, 4)]),
    ],
)
def test_every_character_has_its_place(text: str, decoded: str, expected: list[Position]) -> None:
    scalar = value(text)
    assert scalar.text == decoded
    assert places(scalar) == expected


def test_keys_have_places_too() -> None:
    result = parse("? |\n  x\n: 1\n'y''z': 2\n", "playbook.yaml")
    assert isinstance(result.root, Map)
    first, second = (key for key, _ in result.root.entries)
    assert places(first) == [*row(2, 3, 4, 4)]
    assert places(second) == row(4, 2, 3, 5, 6)


def test_a_span_inside_a_template_points_into_the_file() -> None:
    scalar = value("sql: |\n    SELECT *\n    FROM {{ workload.table }}\n")
    start = scalar.text.index("workload")
    assert scalar.place(start, start + len("workload.table")) == Span(3, 13, 3, 27)
    assert scalar.place(len(scalar.text) - 1) == Span(3, 30, 3, 30), "the line break, which takes no column"
    assert scalar.place(0, len(scalar.text)) == Span(2, 5, 3, 30)


def test_positions_can_be_sliced() -> None:
    positions = value("a: 'bcd'").positions
    assert positions is not None
    assert positions[1:3] == [(1, 6), (1, 7)]
    assert positions[-1] == (1, 8)


def test_a_scalar_that_decodes_to_another_text_has_one_place() -> None:
    """This is what keeps an error in decoding again from giving wrong places: it gives one that is coarse."""
    positions = Positions(Lines("a: 'x'"), 3, 6, "single", "yy")
    assert not positions.exact
    assert list(positions) == [(1, 4)] * 3
    assert align("|\n x", "literal", "y") is None
    assert align("x", "literal", "y") is None


def test_the_end_of_a_text_is_a_place() -> None:
    assert Lines("a\n").place(99) == (2, 1)
    assert Lines("").place(0) == (1, 1)
    assert Lines("ab\r\ncd").bounds(5) == (4, 6)
