"""NTL409: `is not none` on a cursor that may be absent, which is true then (TPL-4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from noetl.compiler import ir
from noetl.compiler.checked import Checked, of_step
from noetl.compiler.conditions import Without, conjuncts, path_of
from noetl.compiler.expr.scan import Path
from noetl.compiler.findings import quoted
from noetl.diagnostics import Diagnostic, Severity, Span, kind

KIND = kind("NTL409", "endless-paging", Severity.WARNING, '"is not none" on a cursor, which is true where it is absent')
_OUTCOME: Final = frozenset(("response", "result", "this"))


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the cursor, in a rule that calls again and is sure to do so where the response has no such key."""
    for step in playbook.workflow.steps:
        for rule in step.rules:
            if not isinstance(rule.control, ir.Call | ir.Page) or isinstance(rule.when, bool):
                continue
            for part in conjuncts(rule.when.source):
                cursor = _asked(part.node)
                if cursor is None or Without(cursor).verdict_of(rule.when.source) is not True:
                    continue
                shown = ".".join(map(str, (cursor[0], *cursor[1])))
                ends = "until max_attempts" if isinstance(rule.control, ir.Page) else "without end"
                message = (
                    f"{quoted(f'{shown} is not none')} is true where the response has no {quoted(str(cursor[1][-1]))}: "
                    f"{of_step(step)} then calls again {ends}"
                )
                hint = f"write {quoted(shown)} alone, which is false where it is null, empty or absent"
                yield playbook.found(KIND, message, _place(rule.when, part.node, shown), hint=hint)


def _asked(node: nodes.Expr) -> tuple[str, Path] | None:
    """The part of the response that is asked not to be null."""
    target: nodes.Node | None = None
    if isinstance(node, nodes.Not) and isinstance(node.node, nodes.Test) and node.node.name == "none":
        target = node.node.node
    elif isinstance(node, nodes.Compare) and len(node.ops) == 1 and node.ops[0].op == "ne":
        right = node.ops[0].expr
        target = node.expr if isinstance(right, nodes.Const) and right.value is None else None
    path = None if target is None else path_of(target)
    return path if path is not None and path[0] in _OUTCOME and path[1] else None


def _place(when: ir.Expression, node: nodes.Expr, shown: str) -> Span:
    name = next(node.find_all(nodes.Name))
    length = len(shown) if when.source.startswith(shown, name.lineno) else len(name.name)
    return when.place(name.lineno, name.lineno + length)
