"""A picture as SVG that needs nothing else: its style, light and dark, is inside; each step has a name and takes the
keyboard's focus."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from .layout import Layout, Link, Point, Routed, Size, layout
from .lettering import NAME_SIZE, SMALL_SIZE, cut, width
from .model import ROLES, Box, Line, Picture, Role

MARGIN: Final = 24.0
MOST_LABELS: Final = 2
"""Conditions that are shown beside a line; its title has all of them."""
_NAME: Final = 34
_DETAIL: Final = 40
_LABEL: Final = 32
_ROUND: Final = 7.0
_BAR: Final = 4.0
"""Room for the bar of a join or a fork."""
_STACK: Final = 5.0
"""How far the second sheet of a loop's box looks out, above and to the right."""
_LEGEND: Final = 30.0
_SIGNS: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold."""
STYLE: Final = """\
.noetl { --paper: #ffffff; --ink: #1c2733; --soft: #5b6b7b; --edge: #c3ccd5; --box: #f6f8fa; --mark: #e3eefc;
  --next: #66778a; --success: #19794a; --failure: #c0312b; --both: #7a4fbf; --default: #66778a; --focus: #1769d2;
  color-scheme: light dark; font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
@media (prefers-color-scheme: dark) { .noetl { --paper: #12171d; --ink: #e4eaf0; --soft: #9aa9b8; --edge: #3c4854;
  --box: #1c242d; --mark: #20344d; --next: #8fa1b3; --success: #4cc38a; --failure: #ff7b72; --both: #b897f0;
  --default: #8fa1b3; --focus: #6cb0ff; } }
.noetl .paper { fill: var(--paper); }
.noetl text { fill: var(--ink); font-size: 11px; }
.noetl .name { font-size: 14px; font-weight: 600; }
.noetl .soft, .noetl .legend text { fill: var(--soft); }
.noetl .box { fill: var(--box); stroke: var(--edge); stroke-width: 1.5; }
.noetl .step { cursor: pointer; outline: none; }
.noetl .step:hover .box { stroke: var(--soft); }
.noetl .step:focus .box, .noetl .step.chosen .box { stroke: var(--focus); stroke-width: 2.5; }
.noetl .start .front, .noetl .end .front { fill: var(--mark); }
.noetl .lost { opacity: 0.55; }
.noetl .lost .front { stroke-dasharray: 4 3; }
.noetl .bar, .noetl .diamond { fill: var(--soft); }
.noetl .line { fill: none; stroke-width: 1.6; }
.noetl .plate { fill: var(--paper); opacity: 0.9; }
.noetl .next { stroke: var(--next); } .noetl .next-head { fill: var(--next); }
.noetl .success { stroke: var(--success); } .noetl .success-head { fill: var(--success); }
.noetl .failure { stroke: var(--failure); stroke-dasharray: 7 4; } .noetl .failure-head { fill: var(--failure); }
.noetl .both { stroke: var(--both); stroke-dasharray: 10 3 2 3; } .noetl .both-head { fill: var(--both); }
.noetl .default { stroke: var(--default); stroke-dasharray: 2 4; } .noetl .default-head { fill: var(--default); }
.noetl .failure-text { fill: var(--failure); } .noetl .both-text { fill: var(--both); }
.noetl .success-text { fill: var(--success); } .noetl .default-text, .noetl .next-text { fill: var(--soft); }
"""


def draw_svg(picture: Picture) -> str:
    """The picture as one SVG document, the same for the same playbook."""
    boxes = [_size(box) for box in picture.boxes]
    shown = [_shown(line) for line in picture.lines]
    links = [Link(line.source, line.target, _label_size(text)) for line, text in zip(picture.lines, shown, strict=True)]
    plan = layout(boxes, links)
    roles = [role for role in ROLES if any(line.role == role for line in picture.lines)]
    legend = _legend_width(roles)
    size = Size(
        max(plan.size.width, legend) + 2 * MARGIN,
        plan.size.height + 2 * MARGIN + (_LEGEND if len(roles) > 1 else 0),
    )
    left = (size.width - plan.size.width) / 2
    body = [
        *(_line(line, way) for line, way in zip(picture.lines, plan.links, strict=True)),
        *(_label(line, way, text) for line, way, text in zip(picture.lines, plan.links, shown, strict=True) if text),
        *(_step(picture, box, plan, boxes) for box in picture.boxes),
    ]
    return "\n".join(
        (
            _opening(picture, size),
            f'<rect class="paper" width="{_n(size.width)}" height="{_n(size.height)}"/>',
            f'<g transform="translate({_n(left)} {_n(MARGIN)})">',
            *body,
            "</g>",
            *(_legend(roles, size) if len(roles) > 1 else ()),
            "</svg>\n",
        )
    )


def _opening(picture: Picture, size: Size) -> str:
    numbers = f"{len(picture.boxes)} steps, {len(picture.lines)} transitions"
    heads = "".join(
        f'<marker id="{role}-head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path class="{role}-head" d="M0 1 L10 5 L0 9 z"/></marker>'
        for role in ROLES
    )
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="noetl" role="group" aria-labelledby="title about" '
            f'width="{_n(size.width)}" height="{_n(size.height)}" viewBox="0 0 {_n(size.width)} {_n(size.height)}">',
            f'<title id="title">{_text(picture.title)}</title>',
            f'<desc id="about">{numbers}</desc>',
            f"<style>\n{STYLE}</style>",
            f"<defs>{heads}</defs>",
        )
    )


# -- steps -----------------------------------------------------------------------------------------------------------


def _lines_of(box: Box) -> list[str]:
    """What stands under the name."""
    return [box.kind, *(cut(detail, _DETAIL) for detail in box.details)]


def _size(box: Box) -> Size:
    name = width(cut(box.name, _NAME), NAME_SIZE)
    below = max(width(line, SMALL_SIZE) for line in _lines_of(box))
    stack = _STACK if box.step.loop is not None else 0.0
    return Size(
        round(max(name, below, 72.0) + 28 + stack, 1),
        32 + 15.0 * len(_lines_of(box)) + stack + _BAR * (box.joins + box.forks),
    )


def _step(picture: Picture, box: Box, plan: Layout, sizes: Sequence[Size]) -> str:
    spot, whole = plan.boxes[box.number], sizes[box.number]
    stack = _STACK if box.step.loop is not None else 0.0
    size = Size(whole.width - stack, whole.height - stack)
    x, y = spot.x - whole.width / 2, spot.y - whole.height / 2 + stack
    middle = x + size.width / 2
    first = y + _BAR * box.joins
    ends = [mark for mark in ("start", "end") if box.name == mark]
    classes = " ".join(("step", *ends, *(() if box.reached else ("lost",))))
    rect = f'width="{_n(size.width)}" height="{_n(size.height)}" rx="{_n(size.height / 2 if ends else 6)}"'
    spoken = _spoken(picture, box)
    parts = [
        f'<g class="{classes}" id="step-{box.number}" tabindex="0" role="img" aria-label={_attribute(spoken)}>',
        f"<title>{_text(spoken)}</title>",
        f'<rect class="box" x="{_n(x + stack)}" y="{_n(y - stack)}" {rect}/>' if stack else "",
        f'<rect class="box front" x="{_n(x)}" y="{_n(y)}" {rect}/>',
        *_marks(box, Point(middle, y), size),
        _written("name", Point(middle, first + 22), cut(box.name, _NAME)),
        *(_written("soft", Point(middle, first + 38 + 15 * n), line) for n, line in enumerate(_lines_of(box))),
    ]
    return "".join((*parts, "</g>"))


def _marks(box: Box, top: Point, size: Size) -> list[str]:
    """A bar where branches meet or part, a diamond where one of several ways is taken."""
    inset = size.height / 2 if box.name in ("start", "end") else 10
    bar = (
        f'class="bar" x="{_n(top.x - size.width / 2 + inset)}" width="{_n(size.width - 2 * inset)}" height="3" rx="1.5"'
    )
    bottom = top.y + size.height
    marks = [f'<rect {bar} y="{_n(top.y + 4)}"/>'] if box.joins else []
    if box.forks:
        marks.append(f'<rect {bar} y="{_n(bottom - 7)}"/>')
    if box.ways == "choice":
        marks.append(f'<path class="diamond" d="M{_n(top.x)} {_n(bottom - 6)} l7 6 l-7 6 l-7 -6 z"/>')
    return marks


def _written(style: str, at: Point, text: str) -> str:
    return f'<text class="{style}" x="{_n(at.x)}" y="{_n(at.y)}" text-anchor="middle">{_text(text)}</text>'


def _spoken(picture: Picture, box: Box) -> str:
    """A step in words: for its title, and for who hears the picture."""
    words = [f"step {box.name}", box.kind if box.step.tool is None else f"tool {box.kind}", *box.details]
    if box.step.tool is None and box.kind == "marker":
        words[1] = "no tool"
    if box.cyclic:
        words.append("part of a cycle")
    if not box.reached:
        words.append("never reached")
    leaving = picture.leaving(box)
    if leaving:
        words.append("leads to " + "; ".join(_destination(picture, line) for line in leaving))
    return ", ".join(words)


def _destination(picture: Picture, line: Line) -> str:
    when = f" when {' or '.join(line.conditions)}" if line.conditions else ""
    return f"{picture.boxes[line.target].name} ({ROLES[line.role]}{when})"


# -- lines -----------------------------------------------------------------------------------------------------------


def _shown(line: Line) -> list[str]:
    labels = [cut(label, _LABEL) for label in line.labels[:MOST_LABELS]]
    more = len(line.labels) - len(labels)
    return [*labels, *([f"and {more} more"] if more > 0 else [])]


def _label_size(texts: Sequence[str]) -> Size:
    if not texts:
        return Size(0, 0)
    return Size(max(width(text, SMALL_SIZE) for text in texts) + 8, 15.0 * len(texts) + 2)


def _line(line: Line, way: Routed) -> str:
    title = f"{ROLES[line.role]}: {' or '.join(line.conditions)}" if line.conditions else ROLES[line.role]
    path = _square(way.points) if way.beside else _curved(way.points)
    head = f'marker-end="url(#{line.role}-head)"'
    return f'<path class="line {line.role}" {head} d="{path}"><title>{_text(title)}</title></path>'


def _curved(points: Sequence[Point]) -> str:
    """From layer to layer as a curve, straight through what lies in a layer."""
    path = f"M{_at(points[0])}"
    for number in range(1, len(points)):
        before, point = points[number - 1], points[number]
        if number % 2 == 0:
            path += f" L{_at(point)}"
        else:
            middle = (before.y + point.y) / 2
            path += f" C{_n(before.x)} {_n(middle)} {_n(point.x)} {_n(middle)} {_at(point)}"
    return path


def _square(points: Sequence[Point]) -> str:
    """With square turns, their corners rounded."""
    path = f"M{_at(points[0])}"
    for before, point, after in zip(points, points[1:], points[2:], strict=False):
        into, out = _towards(point, before), _towards(point, after)
        path += f" L{_at(into)} Q{_at(point)} {_at(out)}"
    return f"{path} L{_at(points[-1])}"


def _towards(corner: Point, other: Point) -> Point:
    """A little way from a corner to another point, no further than half of it."""
    dx, dy = other.x - corner.x, other.y - corner.y
    length = abs(dx) + abs(dy)
    part = min(_ROUND, length / 2) / length if length else 0.0
    return Point(corner.x + dx * part, corner.y + dy * part)


def _label(line: Line, way: Routed, texts: Sequence[str]) -> str:
    if way.label is None:
        return ""
    size = _label_size(texts)
    x, y = way.label.x - size.width / 2, way.label.y - size.height / 2
    plate = f'<rect class="plate" x="{_n(x)}" y="{_n(y)}" width="{_n(size.width)}" height="{_n(size.height)}" rx="3"/>'
    middle = way.label.x
    shown = "".join(_written(f"{line.role}-text", Point(middle, y + 12 + 15 * n), t) for n, t in enumerate(texts))
    return f'<g aria-hidden="true">{plate}{shown}</g>'


# -- legend ----------------------------------------------------------------------------------------------------------


def _legend_width(roles: Iterable[Role]) -> float:
    return sum(width(ROLES[role], SMALL_SIZE) + 52 for role in roles)


def _legend(roles: Sequence[Role], size: Size) -> list[str]:
    x, y = (size.width - _legend_width(roles)) / 2, size.height - MARGIN
    parts = ['<g class="legend" aria-hidden="true">']
    for role in roles:
        parts.append(f'<path class="line {role}" marker-end="url(#{role}-head)" d="M{_n(x)} {_n(y)} h28"/>')
        parts.append(f'<text x="{_n(x + 34)}" y="{_n(y + 4)}">{ROLES[role]}</text>')
        x += width(ROLES[role], SMALL_SIZE) + 52
    return [*parts, "</g>"]


# -- text ------------------------------------------------------------------------------------------------------------


def _text(text: str) -> str:
    return escape(_SIGNS.sub("\ufffd", text))


def _attribute(text: str) -> str:
    return quoteattr(_SIGNS.sub("\ufffd", text))


def _at(point: Point) -> str:
    return f"{_n(point.x)} {_n(point.y)}"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
