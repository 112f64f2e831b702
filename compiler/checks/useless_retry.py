"""NTL415: a retry that cannot help, or is exhausted before it begins (RET-1, RET-2, RET-4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from noetl.compiler import ir
from noetl.compiler.checked import Checked, both, of_step
from noetl.compiler.conditions import conjuncts, path_of
from noetl.compiler.passes.facts import Firing, Moment
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL415", "useless-retry", Severity.WARNING, "a retry that cannot help")
_HOPELESS: Final = frozenset((400, 405, 406, 410, 411, 414, 415, 422, 431))
"""Statuses that blame the request itself, which a retry repeats as it was."""
_WORKED: Final[Moment] = ("call.done", "worked")
_STATUS: Final = frozenset(
    (root, (key,)) for root in ("error", "response", "this") for key in ("status", "status_code")
)


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the `retry`; where the number of attempts is to blame, at that."""
    for step in playbook.workflow.steps:
        for firing in playbook.facts.firings[step.span]:
            retry = firing.rule.control
            if not isinstance(retry, ir.Retry) or not firing.may or firing.behind or playbook.broken(firing.rule):
                continue
            attempts = retry.max_attempts
            if isinstance(attempts, ir.Const) and attempts.value == 1:
                message = f"this retry of {of_step(step)} is always exhausted: the first attempt is one of max_attempts"
                hint = '"max_attempts: 2" repeats a call once'
                yield playbook.found(KIND, message, attempts.span, hint=hint)
                continue
            why = _hopeless(firing)
            if why is not None:
                yield playbook.found(KIND, f"this retry of {of_step(step)} cannot help: {why}", retry.span)


def _hopeless(firing: Firing) -> str | None:
    if firing.may == {_WORKED} and firing.sure:
        return "it repeats every call that worked, whatever it answered, until it is exhausted"
    if isinstance(firing.rule.when, bool):
        return None
    for part in conjuncts(firing.rule.when.source):
        statuses = _statuses(part.node)
        if statuses and _HOPELESS.issuperset(statuses):
            plural = "es" if len(statuses) > 1 else ""
            shown = both([str(status) for status in sorted(statuses)])
            return f"status{plural} {shown} blame{'' if plural else 's'} the request, which is repeated as it was"
    return None


def _statuses(node: nodes.Expr) -> set[int]:
    """The constants of which one has to be the status; none where it can be another."""
    if isinstance(node, nodes.Compare) and len(node.ops) == 1 and node.ops[0].op == "eq":
        sides = node.expr, node.ops[0].expr
        if any(path_of(side) in _STATUS for side in sides):
            return {side.value for side in sides if isinstance(side, nodes.Const) and type(side.value) is int}
    if isinstance(node, nodes.Test) and node.name == "in" and path_of(node.node) in _STATUS and len(node.args) == 1:
        listed = node.args[0]
        if isinstance(listed, nodes.List | nodes.Tuple):
            values = [item.value for item in listed.items if isinstance(item, nodes.Const)]
            if len(values) == len(listed.items) and all(type(value) is int for value in values):
                return set(values)
    return set()
