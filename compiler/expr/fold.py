"""Folds the expression of a rule with its event's name fixed: true, false, or it depends (RUL-2, RUL-3).

What is known is computed by the same sandbox that evaluates templates. What is not known is the set of ways in which it
may come out, so that `false and x` is false whatever `x` is, and also when `x` raises.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from jinja2 import nodes

from noetl.compiler.ir import EventName
from noetl.compiler.values import MISSING, Missing, Undefined, is_undefined, truth

from .sandbox import CALLED, SANDBOX, ScopeContext, joined
from .scan import keywords

Way: TypeAlias = Literal["true", "text", "false", "raises"]
"""How a value comes out; `text` is a true value that may be a string which TPL-5 takes for false."""
Ways: TypeAlias = frozenset[Way]

VALUE: Final[Ways] = frozenset(("text", "false"))
BOOLEAN: Final[Ways] = frozenset(("true", "false"))
TRUE: Final[Ways] = frozenset(("true",))
RAISES: Final[Ways] = frozenset(("raises",))

_COMPARE: Final[Mapping[str, Callable[..., object]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
_UNARY: Final[Mapping[type[nodes.Node], Callable[..., object]]] = {nodes.Neg: operator.neg, nodes.Pos: operator.pos}
_CANNOT_RAISE: Final[Mapping[str, int]] = {
    **dict.fromkeys(("boolean", "defined", "false", "float", "integer", "iterable", "mapping", "none", "number"), 0),
    **dict.fromkeys(("sequence", "string", "true", "undefined"), 0),
    **dict.fromkeys(("==", "!=", "eq", "equalto", "ne", "sameas"), 1),
}
"""Tests that give an answer for any value, with the number of their arguments."""
_SINGLE: Final = (None, True, False)


@dataclass(frozen=True, slots=True)
class Known:
    """A value that does not depend on data."""

    value: object


@dataclass(frozen=True, slots=True)
class Open:
    """A value that depends on data, by the ways in which it may come out."""

    ways: Ways


Folded: TypeAlias = Known | Open


class _NoNames:
    def lookup(self, _name: str) -> Missing:
        return MISSING


class Folder:
    """Folds rewritten expressions for one event. `defined` says which roots are known to be bound, or not to be."""

    def __init__(self, event: EventName, defined: Mapping[str, bool | None]) -> None:
        self.event = event
        self.defined = {"event": True, **defined}
        self.context = ScopeContext(SANDBOX, _NoNames())

    def verdict(self, root: nodes.Template) -> bool | None:
        """The truth of a `when` (TPL-5), one that raises being false (TPL-4); None where it depends on data."""
        folded = self.fold(cast(nodes.Output, root.body[0]).nodes[0])
        if isinstance(folded, Known):
            return truth(folded.value)
        if folded.ways <= TRUE:
            return True
        return False if folded.ways <= {"false", "raises"} else None

    def fold(self, node: nodes.Expr) -> Folded:
        """The value of any expression."""
        handler: Callable[[nodes.Expr], Folded] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is not None:
            return handler(node)
        if isinstance(node, nodes.BinExpr):
            return self._arithmetic(node)
        unary = _UNARY.get(type(node))
        if unary is not None and isinstance(node, nodes.UnaryExpr):
            return _strict([self.fold(node.node)], unary, VALUE | RAISES)
        return Open(VALUE | RAISES)

    # -- names and parts

    def _const(self, node: nodes.Const) -> Folded:
        return Known(node.value)

    def _environmentattribute(self, node: nodes.EnvironmentAttribute) -> Folded:
        return Known(getattr(SANDBOX, node.name))

    def _name(self, node: nodes.Name) -> Folded:
        defined = self.defined.get(node.name)
        if defined is False:
            return Known(Undefined(name=node.name))
        if node.name in ("keychain", "secret"):  # nearly all that can be done with one raises
            return Open(VALUE | RAISES)
        return Open(TRUE if defined and node.name in ("error", "event") else VALUE)

    def _getattr(self, node: nodes.Getattr) -> Folded:
        if isinstance(node.node, nodes.Name) and node.node.name == "event" and node.attr == "name":
            return Known(self.event)
        read = SANDBOX.callee if node.ctx == CALLED else SANDBOX.getattr
        return _strict([self.fold(node.node)], lambda value: read(value, node.attr), VALUE)

    def _getitem(self, node: nodes.Getitem) -> Folded:
        return _strict([self.fold(node.node), self.fold(node.arg)], SANDBOX.getitem, VALUE)

    # -- logic

    def _and(self, node: nodes.And) -> Folded:
        return self._branch(self.fold(node.left), node.right, None)

    def _or(self, node: nodes.Or) -> Folded:
        return self._branch(self.fold(node.left), None, node.right)

    def _condexpr(self, node: nodes.CondExpr) -> Folded:
        return self._branch(self.fold(node.test), node.expr1, node.expr2)

    def _branch(self, test: Folded, then: nodes.Expr | None, otherwise: nodes.Expr | None) -> Folded:
        """`then` where the test is true, `otherwise` where it is false; None stands for the test's own value."""
        if isinstance(test, Known):
            chosen = then if test.value else otherwise
            return test if chosen is None else self.fold(chosen)
        ways: set[Way] = set(test.ways & RAISES)
        for possible, chosen in ((test.ways & {"true", "text"}, then), (test.ways & {"false"}, otherwise)):
            if possible:
                ways |= possible if chosen is None else _ways(self.fold(chosen))
        return Open(frozenset(ways))

    def _not(self, node: nodes.Not) -> Folded:
        inner = self.fold(node.node)
        if isinstance(inner, Known):
            return Known(not inner.value)
        turned: dict[Way, Way] = {"true": "false", "text": "false", "false": "true", "raises": "raises"}
        return Open(frozenset(turned[way] for way in inner.ways))

    def _compare(self, node: nodes.Compare) -> Folded:
        left = self.fold(node.expr)
        result: Folded = Known(True)
        for operand in node.ops:
            right = self.fold(operand.expr)
            pair = _compared(operand.op, left, right)
            if isinstance(pair, Known) and isinstance(result, Known):
                if not pair.value:
                    return pair
                result = pair
            elif isinstance(result, Known):
                result = pair
            else:
                result = Open(result.ways | BOOLEAN | _ways(pair))
            left = right
        return result

    def _test(self, node: nodes.Test) -> Folded:
        if node.name in ("defined", "undefined") and isinstance(node.node, nodes.Name) and not node.args:
            defined = self.defined.get(node.node.name)
            return Open(BOOLEAN) if defined is None else Known(defined is (node.name == "defined"))
        folded = self._operands(node)
        if node.name == "in" and folded is not None and len(folded) == 2 and _in_nothing(folded[0], folded[1]):
            return Known(False)
        if node.name == "sameas" and folded and not all(isinstance(f, Known) and f.value in _SINGLE for f in folded):
            return Open(BOOLEAN | RAISES)  # whether two equal texts or numbers are one object is Python's affair
        sure = folded is not None and _CANNOT_RAISE.get(node.name) == len(folded) - 1 and not node.kwargs
        ways = BOOLEAN if sure else BOOLEAN | RAISES
        return self._applied(node, folded, SANDBOX.call_test, ways)

    # -- operations

    def _filter(self, node: nodes.Filter) -> Folded:
        if node.name == "(now)":
            return Open(TRUE)
        return self._applied(node, self._operands(node), SANDBOX.call_filter, VALUE | RAISES)

    def _call(self, node: nodes.Call) -> Folded:
        def call(function: object, *rest: object) -> object:
            return SANDBOX.call(self.context, function, *rest[: len(node.args)], **_named(node, rest))

        folded = self._operands(node)
        return Open(VALUE | RAISES) if folded is None else _strict(folded, call, VALUE | RAISES)

    def _operands(self, node: nodes.Filter | nodes.Test | nodes.Call) -> list[Folded] | None:
        """What the node works on, its arguments, then its named ones; None where their number depends on data."""
        if node.dyn_args is not None or node.dyn_kwargs is not None or node.node is None:
            return None
        return [self.fold(part) for part in (node.node, *node.args, *(named.value for named in keywords(node)))]

    def _applied(
        self,
        node: nodes.Filter | nodes.Test,
        folded: list[Folded] | None,
        apply: Callable[..., object],
        ways: Ways,
    ) -> Folded:
        def run(value: object, *rest: object) -> object:
            return apply(node.name, value, rest[: len(node.args)], _named(node, rest), context=self.context)

        return Open(ways | RAISES) if folded is None else _strict(folded, run, ways)

    def _concat(self, node: nodes.Concat) -> Folded:
        return _strict([self.fold(part) for part in node.nodes], lambda *parts: joined(parts), VALUE | RAISES)

    def _arithmetic(self, node: nodes.BinExpr) -> Folded:
        def run(left: object, right: object) -> object:
            return SANDBOX.call_binop(self.context, node.operator, left, right)

        left, right = self.fold(node.left), self.fold(node.right)
        if _undefined(left) and isinstance(right, Open):
            return Open(RAISES)
        return _strict([left, right], run, VALUE | RAISES)

    def _tuple(self, node: nodes.Tuple) -> Folded:
        return _strict([self.fold(item) for item in node.items], lambda *items: items, TRUE)

    def _list(self, node: nodes.List) -> Folded:
        return _strict([self.fold(item) for item in node.items], lambda *items: list(items), TRUE)

    def _dict(self, node: nodes.Dict) -> Folded:
        keys = [self.fold(pair.key) for pair in node.items]
        values = [self.fold(pair.value) for pair in node.items]
        ways = TRUE if all(isinstance(key, Known) and isinstance(key.value, str) for key in keys) else TRUE | RAISES
        return _strict(keys + values, lambda *both: dict(zip(both, both[len(keys) :], strict=False)), ways)


def _named(node: nodes.Filter | nodes.Test | nodes.Call, rest: tuple[object, ...]) -> dict[str, object]:
    return {named.key: value for named, value in zip(keywords(node), rest[len(node.args) :], strict=True)}


def _ways(folded: Folded) -> Ways:
    if isinstance(folded, Open):
        return folded.ways
    if not folded.value:
        return frozenset(("false",))
    return TRUE if truth(folded.value) else VALUE


def _undefined(folded: Folded) -> bool:
    return isinstance(folded, Known) and is_undefined(folded.value)


def _in_nothing(value: Folded, container: Folded) -> bool:
    """Whether one of the two is undefined, so that `in` is false, and the other does not raise (TPL-4)."""
    return (_undefined(value) or _undefined(container)) and "raises" not in _ways(value) | _ways(container)


def _compared(name: str, left: Folded, right: Folded) -> Folded:
    if name in ("eq", "ne"):
        return _strict([left, right], _COMPARE[name], BOOLEAN)
    if _undefined(left) or _undefined(right):
        return Open(RAISES)
    return _strict([left, right], _COMPARE[name], BOOLEAN | RAISES)


def _strict(parts: Iterable[Folded], run: Callable[..., object], ways: Ways) -> Folded:
    """The result of an operation that needs all its parts; `ways` are those of its result where a part is open."""
    values: list[object] = []
    opened: set[Way] = set()
    for part in parts:
        if isinstance(part, Open):
            if part.ways <= RAISES:
                return part
            opened |= ways | (part.ways & RAISES)
        else:
            values.append(part.value)
    if opened:
        return Open(frozenset(opened))
    try:
        return Known(run(*values))
    except Exception:  # as it would when the template runs, whatever it is
        return Open(RAISES)
