"""Edits of the text that rewrite one spelling into another and move nothing else.

Each function gives None where the text is not what the edit expects (comments between, flow and block mixed, aliases):
then the finding stands without a fix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.diagnostics import Edit, Fix, Span

_BREAK: Final = re.compile(r"\r\n|\r|\n")
_ANCHOR_OR_ALIAS: Final = re.compile(r"(?<=[\s\[{,])([&*])([^\s,\[\]{}]+)")
_DASH: Final = re.compile(r"[ ]*-[ ]+")
_COLON: Final = re.compile(r"[ ]*:[ ]+")


class Text:
    """The text of a file by lines and columns from 1."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _lines(self) -> list[str]:
        return _BREAK.split(self._text)

    @cached_property
    def shared(self) -> bool:
        """Whether something of the text is used in several places by an alias, so that an edit may change more."""
        if "&" not in self._text or "*" not in self._text:
            return False
        found = _ANCHOR_OR_ALIAS.findall(self._text)
        return not {name for sign, name in found if sign == "&"}.isdisjoint(name for sign, name in found if sign == "*")

    def line(self, number: int) -> str:
        """One line without its end; empty outside of the text."""
        return self._lines[number - 1] if self.has(number) else ""

    def has(self, number: int) -> bool:
        """Whether there is such a line."""
        return 1 <= number <= len(self._lines)

    def before(self, span: Span) -> str:
        """What stands on the line before the start of `span`."""
        return self.line(span.line)[: span.column - 1]

    def between(self, left: Span, right: Span) -> str | None:
        """What stands between two spans on one line, else None."""
        if left.end_line != right.line:
            return None
        return self.line(right.line)[left.end_column - 1 : right.column - 1]

    def on_one_line(self, span: Span) -> str | None:
        """The text of a span that does not leave its line, else None."""
        if span.line != span.end_line:
            return None
        return self.line(span.line)[span.column - 1 : span.end_column - 1]

    def opens(self, node: Map | Seq, bracket: str) -> bool:
        """Whether the node is in flow style: it starts with `bracket` and ends with the closing one."""
        span = node.span
        closing = {"{": "}", "[": "]"}[bracket]
        last = self.line(span.end_line)[span.end_column - 2 : span.end_column - 1] if span.end_column > 1 else ""
        return self.line(span.line)[span.column - 1 : span.column] == bracket and last == closing


def renamed(text: Text, scalar: Scalar, name: str) -> Edit | None:
    """Write `name` where the scalar stands, in its quotes: `"data":1` is a key because of them."""
    raw = text.on_one_line(scalar.span)
    if raw is None or raw not in (scalar.text, f'"{scalar.text}"', f"'{scalar.text}'"):
        return None
    quote = raw[:1] if raw != scalar.text else ""
    return Edit(scalar.span, f"{quote}{name}{quote}")


def rename(text: Text, scalar: Scalar, name: str) -> Fix | None:
    """A fix that writes `name` where the scalar stands."""
    edit = renamed(text, scalar, name)
    return Fix(f'write "{name}"', (edit,)) if edit else None


def listed_mapping(text: Text, node: Map) -> Fix | None:
    """A mapping becomes the only entry of a list."""
    title = "write a list"
    if text.opens(node, "{"):
        return Fix(title, (Edit(_start(node.span), "["), Edit(_end(node.span), "]")))
    if text.before(node.span).strip() or not node.entries:
        return None
    return Fix(title, (Edit(_start(node.span), "- "), *_indented(text, node.span.line + 1, node.span.end_line)))


def nested_tool(text: Text, owner: Map, key: Scalar, tool: Scalar, *, last: bool) -> Fix | None:
    """`tool: kind` with its fields beside it becomes `tool: {kind, fields}`; `last`: only fields follow `tool`."""
    raw = text.on_one_line(tool.span)
    if not last or not raw:
        return None
    title = 'write "tool" as a mapping with "kind"'
    if text.opens(owner, "{"):
        closing = _point(owner.span.end_line, owner.span.end_column - 1)
        return Fix(title, (Edit(tool.span, f"{{kind: {raw}"), Edit(closing, "}")))
    gap = text.between(key.span, tool.span)
    if gap is None or not _COLON.fullmatch(gap):
        return None
    indent = " " * (key.span.column + 1)
    whole = Span(key.span.end_line, key.span.end_column, tool.span.end_line, tool.span.end_column)
    lines = _indented(text, tool.span.end_line + 1, owner.span.end_line)
    return Fix(title, (Edit(whole, f":\n{indent}kind: {raw}"), *lines))


def wrapped(text: Text, node: Map, name: str, more: Iterable[Edit]) -> Fix | None:
    """A mapping becomes the value of `name` in a mapping."""
    title = f'write it under "{name}"'
    start = _start(node.span)
    if text.opens(node, "{"):
        return Fix(title, (Edit(start, f"{{{name}: "), *more, Edit(_end(node.span), "}")))
    if text.before(node.span).strip() or not node.entries:
        return None
    indent = " " * (node.span.column + 1)
    lines = _indented(text, node.span.line + 1, node.span.end_line)
    return Fix(title, (Edit(start, f"{name}:\n{indent}"), *more, *lines))


def named_entries(text: Text, node: Seq) -> Fix | None:
    """A list of `{name, value}` becomes a mapping."""
    edits: list[Edit] = []
    for item in node.items:
        if not isinstance(item, Map) or [k.text for k, _ in item.entries] != ["name", "value"]:
            return None
        (first, name), (second, value) = item.entries
        if not isinstance(name, Scalar) or renamed(text, name, name.text) is None:
            return None
        raw = text.on_one_line(name.span)
        dash = text.before(first.span)
        gap = text.between(second.span, value.span)
        lines_between = second.span.line == name.span.line + 1 and not text.before(second.span).strip()
        alone = not text.line(name.span.line)[name.span.end_column - 1 :].strip()
        if not _DASH.fullmatch(dash) or gap is None or not _COLON.fullmatch(gap) or not lines_between or not alone:
            return None
        if first.span.column != node.items[0].span.column:  # the keys of a mapping stand below each other
            return None
        # The entries keep the column of the keys, so that values over several lines stay deeper than their key.
        start = Span(first.span.line, dash.index("-") + 1, value.span.line, value.span.column)
        edits.append(Edit(start, f"{' ' * (len(dash) - dash.index('-'))}{raw}: "))
    return Fix("write a mapping", tuple(edits)) if edits else None


def braced(text: Text, scalar: Scalar) -> Edit | None:
    """A bare expression becomes a template: `response.data` is written as `"{{ response.data }}"`."""
    raw = text.on_one_line(scalar.span)
    if raw is None or scalar.style != "plain" or raw != scalar.text or "\\" in raw:
        return None
    quote = next((q for q in ('"', "'") if q not in raw), None)
    return Edit(scalar.span, f"{quote}{{{{ {raw} }}}}{quote}") if quote else None


def appended_step(text: Text, steps: Seq, name: str) -> Fix | None:
    """One more step without a tool at the end of the workflow."""
    if not steps.items or text.opens(steps, "["):
        return None
    dash = text.before(steps.items[-1].span)
    if not _DASH.fullmatch(dash):
        return None
    kept = _kept_lines(text, steps)
    if kept is None:
        return None
    line = steps.span.end_line + kept
    at = _point(line, len(text.line(line)) + 1)
    return Fix(f'declare the step "{name}"', (Edit(at, f"\n{dash[: dash.index('-')]}- step: {name}"),))


def _kept_lines(text: Text, steps: Seq) -> int | None:
    """The empty lines after the workflow that belong to its last scalar: `|+` keeps them.

    None where the scalar ends with the file, without a line break that one more step would add to it.
    """
    last: Node = steps
    while not isinstance(last, Scalar):
        inner = last.items if isinstance(last, Seq) else [value for _, value in last.entries]
        if not inner:
            return 0
        last = inner[-1]
    if last.style not in ("literal", "folded") or last.span.end_line != steps.span.end_line:
        return 0
    if not text.has(last.span.end_line + 1):
        return None
    bare = last.text.rstrip("\n")
    kept = len(last.text) - len(bare) - bool(bare)
    blank = 0
    while blank < kept and not text.line(steps.span.end_line + blank + 1).strip():
        blank += 1
    return blank


def _indented(text: Text, first: int, last: int) -> list[Edit]:
    return [Edit(Span(n, 1, n, 1), "  ") for n in range(first, last + 1) if text.line(n)]


def _point(line: int, column: int) -> Span:
    return Span(line, column, line, column)


def _start(span: Span) -> Span:
    return _point(span.line, span.column)


def _end(span: Span) -> Span:
    return _point(span.end_line, span.end_column)
