"""The parts of a rule's `when`: what has to be true together for it to be true."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple, cast

from jinja2 import nodes

from .expr import ExpressionError, examine
from .expr.fold import Folded, Folder, Known
from .expr.scan import Path
from .values import Undefined

_TRUE_OR_FALSE: Final = (nodes.Compare, nodes.Test, nodes.Not)
"""Their value is a boolean, so that their truth as an operand is their truth as a whole `when` (TPL-5)."""


class Conjunct(NamedTuple):
    """One of the expressions that `and` joins."""

    node: nodes.Expr
    shown: str
    """Equal for equal expressions, wherever they stand."""
    boolean: bool
    """Whether it can only be true, be false, or raise."""


@lru_cache(4096)
def conjuncts(source: str) -> tuple[Conjunct, ...]:
    """The operands of the `and`s of an expression, in order; none where its syntax is bad."""
    try:
        parsed = examine(source, False)
    except ExpressionError:
        return ()
    if parsed.found.problems:
        return ()
    return tuple(
        Conjunct(node, repr(node), isinstance(node, _TRUE_OR_FALSE))
        for node in _operands(cast(nodes.Output, parsed.root.body[0]).nodes[0])
    )


def _operands(node: nodes.Expr) -> Iterator[nodes.Expr]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.And):
            waiting += (node.right, node.left)
        else:
            yield node


def implies(stronger: str, weaker: str) -> bool:
    """Whether the first expression can only be true where the second is, in the same scope."""
    needed = conjuncts(weaker)
    if stronger == weaker:
        return bool(needed)
    given = {part.shown for part in conjuncts(stronger)}
    return bool(needed) and all(part.boolean and part.shown in given for part in needed)


def path_of(node: nodes.Node) -> tuple[str, Path] | None:
    """The name and the constant path that an expression reads, if it does nothing else."""
    path: list[str | int] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getattr):
            path.append(node.attr)
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, int):
            path.append(node.arg.value)
        else:
            return None
        node = node.node
    return (node.name, tuple(reversed(path))) if isinstance(node, nodes.Name) else None


def mentions_event(node: nodes.Node) -> bool:
    """Whether an expression reads `event`."""
    return any(isinstance(part, nodes.Name) and part.name == "event" for part in (node, *node.find_all(nodes.Name)))


def named_event(node: nodes.Expr) -> str | None:
    """The text with which an expression compares `event.name`, if that is all that it does."""
    return _compared(node, ("event", ("name",)))


def whole_event(node: nodes.Expr) -> str | None:
    """The text with which an expression compares `event` itself: a map, which equals no text (RUL-5)."""
    return _compared(node, ("event", ()))


def _compared(node: nodes.Expr, path: tuple[str, Path]) -> str | None:
    if not isinstance(node, nodes.Compare) or len(node.ops) != 1 or node.ops[0].op != "eq":
        return None
    sides = node.expr, node.ops[0].expr
    texts = [side.value for side in sides if isinstance(side, nodes.Const) and isinstance(side.value, str)]
    return texts[0] if texts and any(path_of(side) == path for side in sides) else None


class Without(Folder):
    """Folds for a response in which one path is missing."""

    def __init__(self, missing: tuple[str, Path]) -> None:
        super().__init__("call.done", {"response": True, "result": True, "this": True, "error": False})
        self._missing = missing

    def fold(self, node: nodes.Expr) -> Folded:
        """The value of any expression, the missing path being undefined."""
        if isinstance(node, nodes.Getattr | nodes.Getitem) and path_of(node) == self._missing:
            return Known(Undefined())
        return super().fold(node)

    def verdict_of(self, source: str) -> bool | None:
        """The truth of a `when` without the path; None where it depends on other data."""
        try:
            return self.verdict(examine(source, False).root)
        except ExpressionError:
            return None
