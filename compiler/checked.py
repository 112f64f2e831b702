"""What a check looks at: one playbook, as far as it could be read, with everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from noetl.diagnostics import Diagnostic, Fix, Kind, Related, Span

from . import ir
from .document import Document, StepSpec
from .findings import listed, quoted
from .nodes import Map, Node, Scalar, Seq
from .passes.facts import Facts

_SHOWN = 20
"""Names that a message lists."""


@dataclass(frozen=True)
class Checked:
    """A playbook under check. Where its structure has errors, the parts that are wrong are missing from it."""

    path: str
    text: str
    root: Map
    """The canonical nodes with everything that was written, also what the structure refuses."""
    document: Document
    workflow: ir.Workflow
    facts: Facts
    sound: bool
    """Whether the structure has no error, so that nothing is missing."""

    def found(
        self,
        kind: Kind,
        message: str,
        span: Span,
        *,
        hint: str | None = None,
        related: tuple[Related, ...] = (),
        fix: Fix | None = None,
    ) -> Diagnostic:
        """A diagnostic of this playbook."""
        return Diagnostic(kind, message, span, self.path, related, hint, fix)

    def steps(self) -> Iterator[tuple[StepSpec, ir.Step]]:
        """The declared steps, as they are written and as they were lowered."""
        return zip(self.document.workflow, self.workflow.steps, strict=False)

    def may_be_missing(self, name: str) -> bool:
        """Whether a part that the structure refuses could have defined or used the name."""
        return not self.sound and name in self._words

    @cached_property
    def _words(self) -> frozenset[str]:
        """Every key and string of the playbook, but for the names of steps where they are defined."""
        defined = {id(spec.step) for spec in self.document.workflow}
        return frozenset(scalar.text for scalar in scalars(self.root) if id(scalar) not in defined)


def scalars(root: Node) -> Iterator[Scalar]:
    """Every scalar below a node, keys included; what an alias repeats once."""
    seen: set[int] = set()
    waiting: list[Node] = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        match node:
            case Scalar():
                yield node
            case Seq():
                waiting += node.items
            case Map():
                for key, value in node.entries:
                    waiting += (key, value)


def known(noun: str, names: frozenset[str] | set[str]) -> str:
    """The end of a message that lists what there is: `steps: a, b`."""
    if not names:
        return f"there are no {noun}"
    if len(names) <= _SHOWN:
        return f"{noun}: {listed(names)}"
    return f"{noun}: {', '.join(sorted(names)[:_SHOWN])} and {len(names) - _SHOWN} more"


def both(words: list[str]) -> str:
    """Words as a sentence lists them: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def of_step(step: ir.Step) -> str:
    """How messages name a step."""
    return f"step {quoted(step.name)}"
