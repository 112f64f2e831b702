"""Where boxes, labels and lines of a picture go: layers from top to bottom, found without chance.

Steps stand in even layers, the labels of lines in the odd ones between them, so that nothing lies on anything else.
Lines that lead back, and those that lead very far, run beside the boxes. Everything takes time that grows like the
picture: a line takes part in a bounded number of layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

FAR: Final = 6
"""Steps further down than this are reached beside the boxes."""
SWEEPS: Final = 12
GAP: Final = 26.0
"""Between two layers."""
SIDE: Final = 28.0
"""Between two boxes of a layer."""
LANE: Final = 22.0
"""Between two lines that run beside the boxes."""
LOOP: Final = 36.0
"""Beside a box for a line that leads back to itself, its label not counted."""
TURN: Final = 9.0
"""Room above or below a layer for each line that turns there."""
_THREAD: Final = 10.0
"""The width of a line where it passes a layer."""


class Size(NamedTuple):
    """Width and height."""

    width: float
    height: float


class Point(NamedTuple):
    """A place; y grows downwards."""

    x: float
    y: float


class Link(NamedTuple):
    """A line to be drawn from one box to another; `label` is the size of its label, zero for none."""

    source: int
    target: int
    label: Size


@dataclass(frozen=True, slots=True)
class Routed:
    """The way of one line: through the layers as points, of which each second piece is straight down, or beside the
    boxes (`beside`) with square turns; and the middle of its label."""

    points: tuple[Point, ...]
    beside: bool
    label: Point | None


@dataclass(frozen=True, slots=True)
class Layout:
    """The middle of each box, the way of each link, and the size of it all."""

    boxes: tuple[Point, ...]
    links: tuple[Routed, ...]
    size: Size


@dataclass(slots=True)
class _Cell:
    """A box, or a place where a line passes a layer."""

    layer: int
    width: float
    height: float
    weight: float
    room: float = 0.0
    """How much of the width, on the right, is for a line from a box to itself."""
    x: float = 0.0
    up: list[int] = field(default_factory=list)
    down: list[int] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """The middle of the box itself."""
        return self.x - self.room / 2

    @property
    def half(self) -> float:
        """Half of the width of the box itself."""
        return (self.width - self.room) / 2


def layout(boxes: Sequence[Size], links: Sequence[Link]) -> Layout:
    """Lay out boxes and the links between them; the first box is where reading starts."""
    return _Plan(boxes, links).result() if boxes else Layout((), (), Size(0, 0))


class _Plan:
    def __init__(self, boxes: Sequence[Size], links: Sequence[Link]) -> None:
        self._sizes = boxes
        self._links = links
        back = _backward(len(boxes), links)
        layers = _layers(len(boxes), [link for i, link in enumerate(links) if i not in back])
        self._cells = [_Cell(2 * layers[i], size.width, size.height, 1.0) for i, size in enumerate(boxes)]
        for link in links:
            if link.source == link.target:
                cell = self._cells[link.source]
                more = max(cell.room, LOOP + link.label.width)
                cell.width, cell.room = cell.width + more - cell.room, more
        self._beside = {
            i for i, link in enumerate(links) if i in back or layers[link.target] - layers[link.source] > FAR
        }
        self._back = back
        self._chains: dict[int, list[int]] = {}
        for index, link in enumerate(links):
            if index not in self._beside:
                self._chain(index, link)
        self._rows: list[list[int]] = [[] for _ in range(max(cell.layer for cell in self._cells) + 1)]
        self._fill()

    def _chain(self, index: int, link: Link) -> None:
        """The cells of a line, its label in the first layer below its box."""
        first, last = self._cells[link.source].layer, self._cells[link.target].layer
        before = link.source
        chain: list[int] = []
        for layer in range(first + 1, last):
            label = link.label if layer == first + 1 else Size(0, 0)
            cell = _Cell(layer, max(label.width, _THREAD), label.height, 4.0 if layer > first + 1 else 2.0)
            self._cells.append(cell)
            number = len(self._cells) - 1
            self._join(before, number)
            chain.append(number)
            before = number
        self._join(before, link.target)
        self._chains[index] = chain

    def _join(self, upper: int, lower: int) -> None:
        self._cells[upper].down.append(lower)
        self._cells[lower].up.append(upper)

    # -- order in the layers -----------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """A first order: as a walk from the first box downwards comes to the cells."""
        seen = [False] * len(self._cells)
        for root in range(len(self._sizes)):
            waiting = [root]
            while waiting:
                number = waiting.pop()
                if not seen[number]:
                    seen[number] = True
                    self._rows[self._cells[number].layer].append(number)
                    waiting += reversed(self._cells[number].down)

    def _order(self) -> None:
        """Move each cell to the mean place of its neighbours, downwards and upwards in turn; keep the best order."""
        best, least = [list(row) for row in self._rows], self._crossings()
        for sweep in range(SWEEPS):
            if not least:
                break
            downwards = sweep % 2 == 0
            rows = range(1, len(self._rows)) if downwards else range(len(self._rows) - 2, -1, -1)
            for layer in rows:
                self._sort(layer, downwards)
            found = self._crossings()
            if found < least:
                best, least = [list(row) for row in self._rows], found
        self._rows = best

    def _sort(self, layer: int, downwards: bool) -> None:
        beside = self._rows[layer - 1 if downwards else layer + 1]
        places = {number: place for place, number in enumerate(beside)}
        row = self._rows[layer]

        def mean(entry: tuple[int, int]) -> float:
            cell = self._cells[entry[1]]
            near = cell.up if downwards else cell.down
            return sum(places[n] for n in near) / len(near) if near else float(entry[0])

        row[:] = [number for _, number in sorted(enumerate(row), key=lambda entry: (mean(entry), entry[0]))]

    def _crossings(self) -> int:
        return sum(self._crossed(layer) for layer in range(len(self._rows) - 1))

    def _crossed(self, layer: int) -> int:
        """How often lines cross between a layer and the next: the inversions of their ends."""
        places = {number: place for place, number in enumerate(self._rows[layer + 1])}
        ends = [end for n in self._rows[layer] for end in sorted(places[m] for m in self._cells[n].down)]
        tree = [0] * (len(places) + 1)
        crossed = 0
        for seen, end in enumerate(ends):
            at, smaller = end + 1, 0
            while at:
                smaller += tree[at]
                at -= at & -at
            crossed += seen - smaller
            at = end + 1
            while at <= len(places):
                tree[at] += 1
                at += at & -at
        return crossed

    # -- places ------------------------------------------------------------------------------------------------------

    def _place(self) -> None:
        """Left to right: each cell as near to the mean of its neighbours as the cells beside it allow."""
        for row in self._rows:
            self._settle(row, [0.0] * len(row))
        for sweep in range(SWEEPS):
            downwards = sweep % 2 == 0
            for row in self._rows if downwards else reversed(self._rows):
                self._settle(row, [self._wish(number, downwards) for number in row])
        for row in self._rows:  # a last look at both sides
            self._settle(row, [(self._wish(n, True) + self._wish(n, False)) / 2 for n in row])

    def _wish(self, number: int, downwards: bool) -> float:
        cell = self._cells[number]
        near = cell.up if downwards else cell.down
        return sum(self._cells[n].x for n in near) / len(near) if near else cell.x

    def _settle(self, row: Sequence[int], wishes: Sequence[float]) -> None:
        """The places nearest to the wishes that keep order and distance: blocks that meet share their mean."""
        offsets, offset = [], 0.0
        for place, number in enumerate(row):
            cell = self._cells[number]
            if place:
                before = self._cells[row[place - 1]]
                offset += (before.width + cell.width) / 2 + SIDE
            offsets.append(offset)
        blocks: list[tuple[float, float, int]] = []  # mean, weight, cells
        for place, number in enumerate(row):
            mean, weight, count = wishes[place] - offsets[place], self._cells[number].weight, 1
            while blocks and blocks[-1][0] >= mean:
                other, heavy, many = blocks.pop()
                mean = (other * heavy + mean * weight) / (heavy + weight)
                weight, count = heavy + weight, many + count
            blocks.append((mean, weight, count))
        place = 0
        for mean, _, count in blocks:
            for _ in range(count):
                self._cells[row[place]].x = mean + offsets[place]
                place += 1

    # -- lines -------------------------------------------------------------------------------------------------------

    def result(self) -> Layout:
        """The whole layout, its top left corner at (0, 0)."""
        self._order()
        self._place()
        left = min(cell.x - cell.width / 2 for cell in self._cells)
        for cell in self._cells:
            cell.x -= left
        tops, heights, height = self._heights()
        lanes = _Lanes(self._cells, self._links, self._beside, self._back)
        routed = [
            lanes.way(index, tops, heights) if index in self._beside else self._way(index, tops, heights)
            for index in range(len(self._links))
        ]
        boxes = [Point(c.middle, tops[c.layer] + heights[c.layer] / 2) for c in self._cells[: len(self._sizes)]]
        return lanes.shifted(boxes, routed, height)

    def _heights(self) -> tuple[list[float], list[float], float]:
        """The top and the height of each layer, and the height of all, with room for the lines that turn."""
        heights = [max((self._cells[n].height for n in row), default=0.0) for row in self._rows]
        above, below = [0] * len(heights), [0] * len(heights)
        arriving: set[tuple[bool, int]] = set()
        for index in sorted(self._beside):
            source, target = self._links[index].source, self._links[index].target
            below[self._cells[source].layer] += 1
            one = (index in self._back, target)
            above[self._cells[target].layer] += one[0] or one not in arriving
            arriving.add(one)
        tops, y = [], 0.0
        for layer, height in enumerate(heights):
            y += TURN * min(above[layer], 12)
            tops.append(y)
            y += height + GAP + TURN * min(below[layer], 12)
        return tops, heights, y - GAP

    def _way(self, index: int, tops: Sequence[float], heights: Sequence[float]) -> Routed:
        link = self._links[index]
        source, target = self._cells[link.source], self._cells[link.target]
        points = [Point(self._port(link.source, index), tops[source.layer] + _middle(source, heights))]
        for number in self._chains[index]:
            cell = self._cells[number]
            if not heights[cell.layer]:  # a layer without labels has nothing to go around
                continue
            points += (Point(cell.x, tops[cell.layer]), Point(cell.x, tops[cell.layer] + heights[cell.layer]))
        points.append(
            Point(self._inlet(link.target, index), tops[target.layer] + heights[target.layer] / 2 - target.height / 2)
        )
        first = self._cells[self._chains[index][0]]
        middle = Point(first.x, tops[first.layer] + heights[first.layer] / 2)
        return Routed(tuple(points), False, middle if link.label.width else None)

    def _port(self, box: int, index: int) -> float:
        """Where a line leaves a box: side by side in the order of what it leads to."""
        return self._spread(box, self._chains[index][0], self._cells[box].down)

    def _inlet(self, box: int, index: int) -> float:
        return self._spread(box, self._chains[index][-1], self._cells[box].up)

    def _spread(self, box: int, number: int, near: Sequence[int]) -> float:
        cell = self._cells[box]
        ordered = sorted(near, key=lambda n: (self._cells[n].x, n))
        room = min(24.0, cell.half * 1.2 / max(1, len(ordered) - 1))
        return cell.middle + (ordered.index(number) - (len(ordered) - 1) / 2) * room


def _middle(cell: _Cell, heights: Sequence[float]) -> float:
    """The lower edge of a box that stands in the middle of its layer, from the layer's top."""
    return heights[cell.layer] / 2 + cell.height / 2


class _Lanes:
    """The lines beside the boxes: those that lead back on the right, those that lead far on the left, where all with
    one target share a lane."""

    def __init__(self, cells: Sequence[_Cell], links: Sequence[Link], beside: set[int], back: set[int]) -> None:
        self._cells = cells
        self._links = links
        self._back = back
        self._right = max(cell.x + cell.width / 2 for cell in cells)
        self._extent = [0.0, self._right]
        self._lane: dict[int, float] = {}
        self._turns: dict[int, tuple[int, int]] = {}
        leaving: dict[int, int] = {}
        arriving: dict[int, int] = {}
        together: dict[int, int] = {}
        for index in sorted(beside):
            link = links[index]
            out, into = cells[link.source].layer, cells[link.target].layer
            turn = arriving.get(into, 0)
            if index not in back:  # those that come far to one step arrive as one
                turn = together.setdefault(link.target, turn)
            self._turns[index] = (leaving.get(out, 0), turn)
            leaving[out] = leaving.get(out, 0) + 1
            arriving[into] = max(arriving.get(into, 0), turn + 1)
        own = {i for i in back if links[i].source == links[i].target}
        self._assign([i for i in sorted(beside) if i in back - own], to_right=True)
        self._assign([i for i in sorted(beside) if i not in back], to_right=False)

    def _assign(self, indices: Sequence[int], *, to_right: bool) -> None:
        """A lane for each, the shortest nearest to the boxes; lanes that do not overlap are one."""
        spans = self._spans(indices, to_right=to_right)
        lanes: list[list[tuple[int, int]]] = []
        widths: list[float] = []
        chosen: dict[int, int] = {}
        for key, (low, high) in sorted(spans.items(), key=lambda s: (s[1][1] - s[1][0], s[0])):
            apart = (n for n, lane in enumerate(lanes) if all(high < a or b < low for a, b in lane))
            free = next(apart, len(lanes))
            if free == len(lanes):
                lanes.append([])
                widths.append(LANE)
            lanes[free].append((low, high))
            chosen[key] = free
            if to_right:
                widths[free] = max(widths[free], self._links[key].label.width + 12)
        places, x = [], self._right if to_right else 0.0
        for width in widths:
            places.append(x + width / 2 + 8 if to_right else x - width)
            x += width if to_right else -width
        self._extent[to_right] = x + 8 if widths and to_right else x
        for index in indices:
            key = index if to_right else -1 - self._links[index].target
            self._lane[index] = places[chosen[key]]

    def _spans(self, indices: Sequence[int], *, to_right: bool) -> dict[int, tuple[int, int]]:
        """The layers that each lane passes, by link or, on the left, by target (below zero)."""
        spans: dict[int, tuple[int, int]] = {}
        for index in indices:
            link = self._links[index]
            ends = sorted((self._cells[link.source].layer, self._cells[link.target].layer))
            key = index if to_right else -1 - link.target
            low, high = spans.get(key, (ends[0], ends[1]))
            spans[key] = (min(low, ends[0]), max(high, ends[1]))
        return spans

    def way(self, index: int, tops: Sequence[float], heights: Sequence[float]) -> Routed:
        """Out of the bottom of a box, along its lane, into the top of another or of the same one."""
        link = self._links[index]
        source, target = self._cells[link.source], self._cells[link.target]
        lane = self._lane.get(index, source.middle + source.half + LOOP / 3)
        side = 1 if index in self._back else -1
        out_turn, in_turn = (min(turn, 11) for turn in self._turns[index])
        out_x = source.middle + side * max(source.half / 4, source.half - 12 - 5 * (out_turn % 3))
        in_x = target.middle + side * max(target.half / 4, target.half - 12 - 5 * (in_turn % 3))
        low = tops[source.layer] + heights[source.layer] + TURN * (out_turn + 1)
        high = tops[target.layer] - TURN * (in_turn + 1)
        points = (
            Point(out_x, tops[source.layer] + _middle(source, heights)),
            Point(out_x, low),
            Point(lane, low),
            Point(lane, high),
            Point(in_x, high),
            Point(in_x, tops[target.layer] + heights[target.layer] / 2 - target.height / 2),
        )
        middle = Point(lane, (low + high) / 2)
        if link.source == link.target:
            middle = Point(lane + 6 + link.label.width / 2, middle.y)
        return Routed(points, True, middle if link.label.width and index in self._back else None)

    def shifted(self, boxes: Sequence[Point], routed: Sequence[Routed], height: float) -> Layout:
        """Everything moved so that nothing lies left of 0."""
        left = self._extent[0]

        def moved(point: Point) -> Point:
            return Point(round(point.x - left, 1), round(point.y, 1))

        ways = [
            Routed(tuple(moved(p) for p in way.points), way.beside, moved(way.label) if way.label else None)
            for way in routed
        ]
        return Layout(
            tuple(moved(p) for p in boxes), tuple(ways), Size(round(self._extent[1] - left, 1), round(height, 1))
        )


def _backward(count: int, links: Sequence[Link]) -> set[int]:
    """The links that close a cycle when the graph is walked from its first box on, each box's links in order."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    for index, link in enumerate(links):
        leaving[link.source].append(index)
    state = [0] * count  # 1: on the way that led here, 2: done
    back: set[int] = set()
    for root in range(count):
        if state[root]:
            continue
        state[root] = 1
        way = [(root, iter(leaving[root]))]
        while way:
            box, rest = way[-1]
            following = next(rest, None)
            if following is None:
                state[box] = 2
                way.pop()
            elif state[links[following].target] == 1:
                back.add(following)
            elif not state[target := links[following].target]:
                state[target] = 1
                way.append((target, iter(leaving[target])))
    return back


def _layers(count: int, links: Sequence[Link]) -> list[int]:
    """The layer of each box: one below the lowest that leads to it."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for link in links:
        leaving[link.source].append(link.target)
        missing[link.target] += 1
    layers = [0] * count
    ready = [box for box in range(count) if not missing[box]]
    for box in ready:
        for target in leaving[box]:
            layers[target] = max(layers[target], layers[box] + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    return layers
