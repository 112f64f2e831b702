"""Values and expressions of a playbook, from nodes to the IR (VAL-1, TPL-1, DOC-8)."""

from __future__ import annotations

from dataclasses import replace

from noetl.compiler import ir
from noetl.compiler.document import holds_template
from noetl.compiler.expr import ExpressionError, TextAround, strip_braces
from noetl.compiler.findings import INVALID_TEMPLATE, TEXT_AROUND, Findings, quoted
from noetl.compiler.nodes import Map, Node, Scalar, Seq


class Literals:
    """Turns nodes into values; what cannot be one becomes a finding."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def value(self, node: Node) -> ir.Value:
        """The value of a node; one without any template in it is a single constant."""
        if isinstance(node, Scalar):
            if isinstance(node.value, str) and holds_template(node.value):
                return ir.Template(node.value, node.span, node)
            return ir.Const(node.value, node.span, node)
        if isinstance(node, Seq):
            items = tuple([self.value(item) for item in node.items])
            constants = [item.value for item in items if isinstance(item, ir.Const)]
            if len(constants) == len(items):
                return ir.Const(constants, node.span, node)
            return ir.ListValue(items, node.span)
        made = self.entries(node)
        fixed = {name: value.value for name, value in made.entries if isinstance(value, ir.Const)}
        return ir.Const(fixed, node.span, node) if len(fixed) == len(made.entries) else made

    def apart_from(self, node: Node, path: tuple[str, ...]) -> ir.Value:
        """The value of a node in which the part at `path`, if there is one, is taken as it stands."""
        if not path:
            return ir.Const(self.json(node), node.span, node)
        made = self.value(node)
        if not isinstance(made, ir.MapValue) or not isinstance(node, Map):
            return made
        pairs = zip(made.entries, node.entries, strict=True)
        entries = tuple([(n, self.apart_from(i, path[1:]) if n == path[0] else v) for (n, v), (_, i) in pairs])
        return replace(made, entries=entries)

    def entries(self, node: Map) -> ir.MapValue:
        """A mapping, entry by entry; a key is its text (DOC-12)."""
        return ir.MapValue(
            tuple([(key.text, self.value(inner)) for key, inner in node.entries]),
            node.span,
            tuple([key.span for key, _ in node.entries]),
        )

    def json(self, node: Node) -> ir.Json:
        """The value of a node as it stands: templates in it are text."""
        if isinstance(node, Scalar):
            return node.value
        if isinstance(node, Seq):
            return [self.json(item) for item in node.items]
        return {key.text: self.json(inner) for key, inner in node.entries}

    def expression(self, node: Scalar, label: str) -> ir.Expression | None:
        """The one expression of `when`, `loop.in` or `from`, in braces or bare; None if it is none (DOC-8)."""
        try:
            source, offset = strip_braces(node.text)
        except TextAround:
            message = f"{label} is one expression, in braces or bare, and {quoted(node.text)} has text around it"
            hint = "put all of it inside one pair of braces, or leave the braces away"
            self._findings.add(TEXT_AROUND, message, node.span, hint=hint)
            return None
        except ExpressionError as error:
            message = f"{label} is no expression: {error.message}"
            self._findings.add(INVALID_TEMPLATE, message, node.place(error.offset), hint=error.hint)
            return None
        return ir.Expression(source, node.place(offset, offset + len(source)), node, offset)
