"""A picture as text for other programs: Mermaid and DOT."""

from __future__ import annotations

from typing import Final

from .lettering import cut
from .model import ROLES, Box, Line, Picture, Role

_ARROWS: Final[dict[Role, str]] = {"next": "-->", "success": "-->", "failure": "-.->", "both": "==>", "default": "-->"}
_STYLES: Final[dict[Role, str]] = {
    "next": "color=gray40",
    "success": "color=darkgreen",
    "failure": "color=firebrick style=dashed",
    "both": "color=purple style=bold",
    "default": "color=gray40 style=dotted",
}
_LABEL: Final = 40
_MERMAID: Final = {ord(char): f"#{ord(char)};" for char in '"#;<>&`{}[]()|\\'}


def draw_mermaid(picture: Picture) -> str:
    """A Mermaid flow chart; steps are named s0, s1, ... in the order of the document."""
    out = ["---", f"title: {_quoted(picture.title)}", "---", "flowchart TD"]
    for box in picture.boxes:
        left, right = _mermaid_shape(box)
        text = "<br>".join(_mermaid(line) for line in (box.name, box.kind, *box.details))
        out.append(f'    s{box.number}{left}"{text}"{right}')
    for line in picture.lines:
        label = _label_of(line)
        shown = f'|"{_mermaid(label)}"|' if label else ""
        out.append(f"    s{line.source} {_ARROWS[line.role]}{shown} s{line.target}")
    failing = [str(n) for n, line in enumerate(picture.lines) if line.role == "failure"]
    if failing:
        out.append(f"    linkStyle {','.join(failing)} stroke:#c0312b")
    lost = [f"s{box.number}" for box in picture.boxes if not box.reached]
    if lost:
        out += ["    classDef lost stroke-dasharray:4 3", f"    class {','.join(lost)} lost"]
    return "\n".join(out) + "\n"


def _mermaid_shape(box: Box) -> tuple[str, str]:
    if box.name in ("start", "end"):
        return "([", "])"
    if box.step.loop is not None:
        return "[[", "]]"
    return "[", "]"


def _mermaid(text: str) -> str:
    return cut(text, _LABEL).translate(_MERMAID)


def _label_of(line: Line) -> str:
    """The first condition; without one what the line means, where that is not plain."""
    if line.labels:
        return line.labels[0] if len(line.labels) == 1 else f"{cut(line.labels[0], _LABEL - 12)} and more"
    return "" if line.role in ("next", "success") else "otherwise" if line.role == "default" else ROLES[line.role]


def _quoted(text: str) -> str:
    """In double quotes, on one line, as both YAML and DOT read it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'


def draw_dot(picture: Picture) -> str:
    """A digraph for Graphviz."""
    out = [
        f"digraph {_quoted(picture.title)} {{",
        "  rankdir=TB;",
        '  node [shape=box style=rounded fontname="monospace"];',
    ]
    out.append('  edge [fontname="monospace" fontsize=10];')
    for box in picture.boxes:
        text = "\\n".join(_quoted(cut(line, _LABEL))[1:-1] for line in (box.name, box.kind, *box.details))
        looks = "" if box.step.loop is None else " peripheries=2"
        looks += "" if box.reached else ' style="rounded,dashed"'
        out.append(f'  s{box.number} [label="{text}"{looks}];')
    for line in picture.lines:
        label = _label_of(line)
        shown = f" label={_quoted(cut(label, _LABEL))}" if label else ""
        out.append(f"  s{line.source} -> s{line.target} [{_STYLES[line.role]}{shown}];")
    return "\n".join((*out, "}")) + "\n"
