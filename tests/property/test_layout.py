"""Layout of any graph: nothing lies on anything else, every line ends where it should, and chance has no part in it."""

from __future__ import annotations

from itertools import combinations
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler.graphs.layout import Layout, Link, Point, Size, layout

SIZES: Final = st.builds(Size, st.integers(20, 300).map(float), st.integers(20, 90).map(float))
LABELS: Final = st.just(Size(0, 0)) | st.builds(Size, st.integers(10, 200).map(float), st.sampled_from((17.0, 32.0)))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Size], list[Link]]:
    """Boxes and links between them: forwards, back, far, to themselves, several between two."""
    boxes = draw(st.lists(SIZES, min_size=1, max_size=14))
    ends = st.integers(0, len(boxes) - 1)
    return boxes, draw(st.lists(st.builds(Link, ends, ends, LABELS), max_size=24))


def apart(one: Point, size: Size, other: Point, another: Size) -> bool:
    across = abs(one.x - other.x) - (size.width + another.width) / 2
    down = abs(one.y - other.y) - (size.height + another.height) / 2
    return max(across, down) >= -0.3


def inside(plan: Layout, point: Point, size: Size) -> bool:
    left, top = point.x - size.width / 2, point.y - size.height / 2
    right, bottom = left + size.width, top + size.height
    return left >= -0.3 and top >= -0.3 and right <= plan.size.width + 0.3 and bottom <= plan.size.height + 0.3


@given(graphs())
def test_nothing_lies_on_anything_else(graph: tuple[list[Size], list[Link]]) -> None:
    boxes, links = graph
    plan = layout(boxes, links)
    placed = list(zip(plan.boxes, boxes, strict=True))
    labels = [(way.label, link.label) for way, link in zip(plan.links, links, strict=True) if way.label is not None]
    for one, other in combinations(placed, 2):
        assert apart(*one, *other)
    for label in labels:
        assert all(apart(*label, *box) for box in placed)
        assert inside(plan, *label)
    assert all(inside(plan, *box) for box in placed)


@given(graphs())
def test_lines_end_at_their_boxes(graph: tuple[list[Size], list[Link]]) -> None:
    boxes, links = graph
    plan = layout(boxes, links)
    for way, link in zip(plan.links, links, strict=True):
        source, target = plan.boxes[link.source], plan.boxes[link.target]
        first, last = way.points[0], way.points[-1]
        assert abs(first.x - source.x) <= boxes[link.source].width / 2
        assert first.y == pytest.approx(source.y + boxes[link.source].height / 2, abs=0.2)
        assert abs(last.x - target.x) <= boxes[link.target].width / 2
        assert last.y == pytest.approx(target.y - boxes[link.target].height / 2, abs=0.2)
        assert all(inside(plan, point, Size(0, 0)) for point in way.points)


@given(graphs())
def test_the_same_graph_has_one_layout(graph: tuple[list[Size], list[Link]]) -> None:
    assert layout(*graph) == layout(*graph)


def test_lines_that_could_be_straight_are() -> None:
    plan = layout([Size(80, 40)] * 6, [Link(n, n + 1, Size(0, 0)) for n in range(5)])
    assert len({point.x for point in plan.boxes}) == 1
    assert all(len({point.x for point in way.points}) == 1 for way in plan.links)


def test_a_diamond_is_even() -> None:
    none = Size(0, 0)
    plan = layout([Size(80, 40)] * 4, [Link(0, 1, none), Link(0, 2, none), Link(1, 3, none), Link(2, 3, none)])
    top, left, right, bottom = plan.boxes
    assert top.x == bottom.x == pytest.approx((left.x + right.x) / 2, abs=0.2)
    assert left.y == right.y


def test_no_lines_cross_that_need_not() -> None:
    none = Size(0, 0)
    plan = layout([Size(60, 40)] * 7, [Link(0, n, none) for n in (1, 2, 3)] + [Link(n, 7 - n, none) for n in (1, 2, 3)])
    upper = [plan.boxes[n].x for n in (1, 2, 3)]
    lower = [plan.boxes[7 - n].x for n in (1, 2, 3)]
    assert upper == pytest.approx(lower, abs=0.3)


def test_what_is_large_is_laid_out() -> None:
    count = 3000
    links = [Link(n, n + 1, Size(0, 0)) for n in range(count - 1)]
    links += [Link(n, count - 1, Size(50, 17)) for n in range(0, count, 3)]
    links += [Link(n, max(0, n - 40), Size(50, 17)) for n in range(0, count, 5)]
    plan = layout([Size(80, 40)] * count, links)
    assert len({point.y for point in plan.boxes}) == count
