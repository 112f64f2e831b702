"""Rewrites the AST of a template so that the code which Jinja generates from it has the meaning of our clauses."""

from __future__ import annotations

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from .sandbox import CALLED, SANDBOX


class Rewriter(NodeTransformer):
    """`x["a"]` reads like `x.a` (TPL-9); slices, `in`, a missing `else` and what is called go through the sandbox."""

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 (Jinja's name)
        """Constant strings as attributes, slices as a filter."""
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            limits = (node.arg.start, node.arg.stop, node.arg.step)
            given = [nodes.Const(None) if limit is None else limit for limit in limits]
            return nodes.Filter(node.node, "(slice)", given, [], None, None, lineno=node.lineno)
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return nodes.Getattr(node.node, node.arg.value, "load", lineno=node.lineno)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 (Jinja's name)
        """`in` as a test, which knows what undefined means; a chain with an `in` as its pairs, joined by `and`."""
        self.generic_visit(node)
        if not any(operand.op in ("in", "notin") for operand in node.ops):
            return node
        left = node.expr
        made: nodes.Expr | None = None
        for operand in node.ops:
            pair = _pair(left, operand)
            made = pair if made is None else nodes.And(made, pair, lineno=node.lineno)
            left = operand.expr
        return made or node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:  # noqa: N802 (Jinja's name)
        """Without an `else`, our undefined value instead of Jinja's."""
        self.generic_visit(node)
        if node.expr2 is None:
            node.expr2 = nodes.EnvironmentAttribute("absent")
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 (Jinja's name)
        """A known function by its name, whatever data has that name too; a method, which only a call can be given."""
        name = node.node.name if isinstance(node.node, nodes.Name) else None
        if name in SANDBOX.functions:
            node.node = nodes.Getitem(nodes.EnvironmentAttribute("functions"), nodes.Const(name), "load")
        self.generic_visit(node)
        if name == "now":
            return nodes.Filter(nodes.Const(None), "(now)", [], [], None, None, lineno=node.lineno)
        if isinstance(node.node, nodes.Getattr):
            node.node.ctx = CALLED
        return node


def _pair(left: nodes.Expr, operand: nodes.Operand) -> nodes.Expr:
    if operand.op not in ("in", "notin"):
        return nodes.Compare(left, [operand], lineno=left.lineno)
    test = nodes.Test(left, "in", [operand.expr], [], None, None, lineno=left.lineno)
    return test if operand.op == "in" else nodes.Not(test, lineno=left.lineno)
