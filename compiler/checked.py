"""What a check looks at: one playbook, as far as it could be read, with everything that is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from noetl.diagnostics import Diagnostic, Fix, Kind, Related, Span

from . import ir
from .document import Document, StepSpec
from .findings import is_null, listed, quoted
from .nodes import Map, Node, Scalar, Seq
from .passes.facts import Facts
from .python import Code, codes
from .rules import controls

_SHOWN = 20
"""Names that a message lists."""


@dataclass(frozen=True)
class Checked:
    """A playbook under check. Where its structure has errors, the parts that are wrong are missing from it."""

    path: str
    text: str
    root: Node
    """Everything that was written, also what the structure refuses."""
    document: Document
    workflow: ir.Workflow
    facts: Facts
    refused: bool
    """Whether the structure has errors."""

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

    def section(self, name: str) -> tuple[Scalar, Node] | None:
        """A key of the top level with its value, as written."""
        entries = self.root.entries if isinstance(self.root, Map) else []
        return next(((key, value) for key, value in entries if key.text == name), None)

    def lost(self, section: str, kept: int) -> bool:
        """Whether the structure refuses a list at the top level or an entry of it; `kept` are left."""
        found = self.section(section)
        if self.sound or found is None or is_null(found[1]):
            return False
        return not isinstance(found[1], Seq) or len(found[1].items) != kept

    def written(self, key: Scalar) -> Node | None:
        """What was written after a key of the playbook."""
        return self._values.get(id(key))

    def lost_work(self, step: ir.Step) -> bool:
        """Whether a step was written with a tool or a loop that the structure refuses, so that its events are not
        known."""
        if self.sound:
            return False
        lost_tool = step.tool is None and step.name in self._with_tool
        return lost_tool or (step.loop is None and step.name in self._with_loop)

    def broken(self, *rules: ir.Rule) -> bool:
        """Whether the structure may have refused the `when` of one of the rules, or what its block does."""
        return not self.sound and any(isinstance(rule.when, bool) or rule.control is None for rule in rules)

    def may_be_missing(self, name: str) -> bool:
        """Whether a part that the structure refuses could have defined or used the name."""
        return not self.sound and name in self._words

    @cached_property
    def sound(self) -> bool:
        """Whether nothing is missing: no part with an error, and no second control action of a block."""
        rules = [rule for spec in self.document.workflow for rule in spec.case or ()]
        return not self.refused and all(len(controls(rule)) < 2 for rule in rules)

    @cached_property
    def flows(self) -> bool:
        """Whether the control graph is the one that is meant: nothing is missing, and each name is one step."""
        steps = self.facts.graph.steps
        known = all(edge.target in steps for step in self.workflow.steps for edge in step.edges())
        return self.sound and known and len(steps) == len(self.workflow.steps) and ir.START in steps

    @cached_property
    def names(self) -> frozenset[str]:
        """The roots, steps and store names of the playbook."""
        return ir.RESERVED | self.facts.graph.steps.keys() | self.facts.names.stored

    @cached_property
    def python(self) -> tuple[tuple[Scalar, Code], ...]:
        """Every piece of python code with the scalar that holds it."""
        return tuple((scalar, Code(scalar.text)) for scalar in codes(self.workflow))

    @cached_property
    def _maps(self) -> tuple[Map, ...]:
        return tuple(node for node in nodes(self.root) if isinstance(node, Map))

    @cached_property
    def _values(self) -> dict[int, Node]:
        return {id(key): value for owner in self._maps for key, value in owner.entries}

    @cached_property
    def _with_tool(self) -> frozenset[str]:
        """The names of steps that were written with a tool, in v2 or v1."""
        return self._steps_with("tool", "type")

    @cached_property
    def _with_loop(self) -> frozenset[str]:
        return self._steps_with("loop", "iterator")

    def _steps_with(self, *keys: str) -> frozenset[str]:
        names = [owner.get("step") for owner in self._maps if any(owner.key(key) for key in keys)]
        return frozenset(name.text for name in names if isinstance(name, Scalar))

    @cached_property
    def _words(self) -> frozenset[str]:
        """Every key and string of the playbook, but for the names of steps where they are defined."""
        defined = {id(spec.step) for spec in self.document.workflow}
        return frozenset(n.text for n in nodes(self.root) if isinstance(n, Scalar) and id(n) not in defined)


def nodes(root: Node) -> Iterator[Node]:
    """A node and every node below it, keys included; what an alias repeats once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, Seq):
            waiting += node.items
        elif isinstance(node, Map):
            for key, value in node.entries:
                waiting += (key, value)


def known(noun: str, names: frozenset[str] | set[str]) -> str:
    """The end of a message that lists what there is: `steps: a, b`."""
    if not names:
        return f"there are no {noun}"
    if len(names) <= _SHOWN:
        return f"{noun}: {listed(names)}"
    return f"{noun}: {listed(sorted(names)[:_SHOWN])} and {len(names) - _SHOWN} more"


def both(words: list[str]) -> str:
    """Words as a sentence lists them: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def of_step(step: ir.Step) -> str:
    """How messages name a step."""
    return f"step {quoted(step.name)}"
