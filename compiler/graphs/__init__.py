"""Pictures of playbooks: steps and transitions as Mermaid, DOT, SVG or a page."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from noetl.compiler import ir, passes

from .model import picture

Format: TypeAlias = Literal["mermaid", "dot", "svg", "html"]
FORMATS: Final[tuple[Format, ...]] = ("mermaid", "dot", "svg", "html")


def draw(workflow: ir.Workflow, text: str, format: Format) -> str:
    """The picture of a workflow that was read from `text`: the same text for the same playbook."""
    shown = picture(workflow, passes.analyse(workflow))
    match format:
        case "mermaid":
            from .texts import draw_mermaid

            return draw_mermaid(shown)
        case "dot":
            from .texts import draw_dot

            return draw_dot(shown)
        case "svg":
            from .svg import draw_svg

            return draw_svg(shown)
        case "html":
            from .page import draw_page

            return draw_page(shown, text)
