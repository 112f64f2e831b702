"""One version of a playbook's text, with what noetl knows of it; each part is found out when it is first asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from noetl.compiler import frontend, ir, source
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.tools import SINK_KIND_SYNONYMS
from noetl.diagnostics import Span

from .positions import Text

_MARKS: Final = re.compile(
    r"""^[ \t{]*["']?(?:kind["']?[ \t]*:[ \t]*["']?Playbook\b|apiVersion["']?[ \t]*:[ \t]*["']?noetl)""", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Spot:
    """What stands at a place: the way to it, its node, and whether it is a key."""

    path: tuple[str | int, ...]
    node: Node
    is_key: bool
    owners: tuple[Map, ...]
    """The mappings around it, the outermost first."""

    @property
    def kind(self) -> str | None:
        """The kind of the tool that it belongs to; of what rules say about a call, that of the step's tool."""
        for owner in reversed(self.owners):
            for holder in (owner, owner.get("tool")):
                found = holder if isinstance(holder, Scalar) else None
                if isinstance(holder, Map):
                    value = holder.get("kind") or holder.get("backend")
                    found = value if isinstance(value, Scalar) else None
                if found is not None and isinstance(found.value, str) and found.value != "Playbook":
                    return SINK_KIND_SYNONYMS.get(found.value, found.value)
        return None


class Playbook:
    """A version of a document."""

    def __init__(self, text: Text, path: str) -> None:
        self.text = text
        self.path = path

    @cached_property
    def is_playbook(self) -> bool:
        """Whether the text says that it is a playbook; nothing is said about other YAML."""
        return _MARKS.search(self.text.text) is not None

    @cached_property
    def compilation(self) -> frontend.Compilation:
        """With every check."""
        return frontend.compile_parsed(self._parsed, self.path)

    @property
    def root(self) -> Node | None:
        """What was written; None where it is no YAML."""
        return self._parsed.root

    @cached_property
    def _parsed(self) -> source.Parsed:
        return source.parse(self.text.text, self.path)

    @property
    def workflow(self) -> ir.Workflow | None:
        """What the playbook means, as far as it could be read."""
        return self.compilation.workflow

    def spot(self, line: int, column: int) -> Spot | None:
        """What stands at a place, if anything does."""
        if self.root is None:
            return None
        return _spot(self.root, (line, column), (), ())


def covers(span: Span, place: tuple[int, int]) -> bool:
    """Whether a place is in a span or at its end, where a cursor still touches it."""
    return (span.line, span.column) <= place <= (span.end_line, span.end_column)


def _spot(node: Node, place: tuple[int, int], path: tuple[str | int, ...], owners: tuple[Map, ...]) -> Spot | None:
    """Goes down, without recursion: YAML may be deep."""
    while True:
        if isinstance(node, Map):
            owners = (*owners, node)
            for key, value in node.entries:
                if covers(key.span, place):
                    return Spot((*path, key.text), key, True, owners)
                if covers(value.span, place):
                    node, path = value, (*path, key.text)
                    break
            else:
                return Spot(path, node, False, owners)
        elif isinstance(node, Seq):
            found = next(((i, item) for i, item in enumerate(node.items) if covers(item.span, place)), None)
            if found is None:
                return Spot(path, node, False, owners)
            path, node = (*path, found[0]), found[1]
        else:
            return Spot(path, node, False, owners) if covers(node.span, place) else None


@dataclass(frozen=True, slots=True)
class Mention:
    """A place that names a step or a workbook task."""

    what: str
    """`step` or `task`."""
    name: str
    span: Span
    defines: bool


def mentions(playbook: Playbook) -> Iterator[Mention]:
    """Every place of the playbook that defines or names a step or a task."""
    workflow = playbook.workflow
    if workflow is None:
        return
    for task in workflow.tasks:
        yield Mention("task", task.name, task.span, True)
    names = {step.name for step in workflow.steps}
    for step in workflow.steps:
        if step.declared:
            yield Mention("step", step.name, step.span, True)
        for edge in step.edges():
            yield Mention("step", edge.target, edge.span, False)
        if step.tool is not None and step.tool.kind == "workbook":
            name = step.tool.fields.get("name")
            if isinstance(name, ir.Const) and isinstance(name.value, str):
                yield Mention("task", name.value, name.span, False)
    facts = playbook.compilation.facts
    for site in facts.sites if facts is not None else ():
        for read in site.reads:
            if read.name in names:
                yield Mention("step", read.name, site.value.place(read.offset, read.offset + len(read.name)), False)
            elif read.name == "steps" and read.path and read.path[0] in names:
                span = site.value.place(read.offset, read.offset + len(read.name))
                yield Mention("step", str(read.path[0]), span, False)


def mentioned(playbook: Playbook, line: int, column: int) -> Mention | None:
    """The step or task that a place names."""
    return next((found for found in mentions(playbook) if covers(found.span, (line, column))), None)
