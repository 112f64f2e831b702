"""A picture as a page: the SVG, and beside it the text of the step that is chosen. It asks for nothing from outside."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Final
from xml.sax.saxutils import escape

from .model import Picture
from .svg import STYLE, draw_svg

_BREAK: Final = re.compile(r"\r\n|\r|\n")
_PLACES: Final = ("{{title}}", "{{style}}", "{{drawing}}", "{{steps}}")


def draw_page(picture: Picture, text: str) -> str:
    """The page of a playbook whose text is `text`."""
    template = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    drawing = draw_svg(picture).replace(f"<style>\n{STYLE}</style>\n", "")
    parts = dict(zip(_PLACES, (escape(picture.title), STYLE, drawing, _steps(picture, text)), strict=True))
    return re.sub("|".join(map(re.escape, _PLACES)), lambda found: parts[found[0]], template)


def _steps(picture: Picture, text: str) -> str:
    """The steps as JSON that can stand inside a script element: their names, lines, and where they lead."""
    lines = _BREAK.split(text)
    steps = []
    for box in picture.boxes:
        extent = box.step.extent
        shown = lines[extent.line - 1 : extent.end_line] if box.step.declared else []
        steps.append(
            {
                "name": box.name,
                "first": extent.line,
                "source": _dedented(shown),
                "to": [line.target for line in picture.leaving(box)],
                "from": [line.source for line in picture.lines if line.target == box.number],
            }
        )
    return json.dumps(steps, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _dedented(lines: list[str]) -> list[str]:
    """Without the indentation that all lines have; the dash of the item counts as one."""
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[depth:] for line in lines]
