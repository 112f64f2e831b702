"""What a template reads and uses, found in its AST without running it: names, paths, filters, functions, problems.

The walk knows Jinja's scopes (`for`, `set`, `with`, `macro`, `call`), so that a name the template binds itself is not
taken for one of the playbook.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from jinja2 import nodes

from noetl.compiler.findings import quoted
from noetl.errors import NoetlError

from .lexer import TOO_DEEP
from .methods import KNOWN as METHODS
from .sandbox import REFUSED, SANDBOX

MAX_DEPTH: Final = 100
"""Levels of an expression's tree; generated code of more would not compile."""
MAX_BLOCKS: Final = 16
"""Levels of nested statements; Python allows 20 nested loops."""

Path: TypeAlias = tuple[str | int, ...]
Guard: TypeAlias = Literal["defined", "default"]


class ExpressionError(NoetlError):
    """An expression or template is invalid: `length` characters from `offset` on of its source."""

    def __init__(self, message: str, offset: int, hint: str | None = None, length: int = 1) -> None:
        self.message = message
        self.offset = offset
        self.hint = hint
        self.length = length
        super().__init__(message)


class RefusedFunction(ExpressionError):
    """A filter or function whose value is left to chance (TPL-3)."""


class TextAround(ExpressionError):
    """There is text around the braces where one expression is expected (DOC-8)."""


@dataclass(frozen=True, slots=True)
class Read:
    """One place that reads a name of the playbook."""

    name: str
    path: Path
    """The constant attributes and items that follow the name, up to a computed item or a method."""
    offset: int
    """Where the name stands in the source."""
    guard: Guard | None
    """`defined`: it is what `is defined` or `is undefined` asks about; `default`: a default stands in for it."""
    whole: bool
    """Whether the value at `path` is used as it is: no computed item of it is taken and no method of it is called."""

    @property
    def bare(self) -> bool:
        """Whether the name's whole value is read."""
        return not self.path and self.whole


@dataclass(slots=True)
class Scan:
    """The result of `scan`. Everything is in the order of the source."""

    reads: list[Read] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    """The constant strings."""
    problems: list[ExpressionError] = field(default_factory=list)


def scan(root: nodes.Node) -> Scan:
    """Walk an AST as the parser made it."""
    walker = _Walker()
    if not _too_deep(root, walker.found.problems):
        walker.visit(root, set())
    found = walker.found
    found.reads.sort(key=lambda read: read.offset)
    found.problems.sort(key=lambda problem: problem.offset)
    return found


def _too_deep(root: nodes.Node, problems: list[ExpressionError]) -> bool:
    level: list[tuple[nodes.Node, int]] = [(root, 0)]
    depth = 0
    while level:
        inner: list[tuple[nodes.Node, int]] = []
        for node, blocks in level:
            nested = blocks + isinstance(node, nodes.Stmt)
            chain = len(
                node.ops if isinstance(node, nodes.Compare) else node.elif_ if isinstance(node, nodes.If) else ()
            )
            if nested > MAX_BLOCKS or depth + chain > MAX_DEPTH:
                problems.append(ExpressionError(TOO_DEEP, node.lineno))
                return True
            inner += ((child, nested) for child in node.iter_child_nodes())
        level, depth = inner, depth + 1
    return False


_STATEMENTS: Final[dict[type[nodes.Node], str]] = {
    nodes.Block: "block",
    nodes.Extends: "extends",
    nodes.FromImport: "from",
    nodes.Import: "import",
    nodes.Include: "include",
    nodes.ScopedEvalContextModifier: "autoescape",
}
_BY_NAME: Final = {"map": "filter", "reject": "test", "select": "test"}


class _Walker:
    """Visits a node with the names that the template itself has bound there."""

    def __init__(self) -> None:
        self.found = Scan()

    def visit(self, node: nodes.Node, bound: set[str]) -> None:
        """Visit any node; statements may add to `bound`."""
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is not None:
            handler(node, bound)
        elif type(node) in _STATEMENTS:
            self._problem(f'"{_STATEMENTS[type(node)]}" cannot be used in a playbook', node.lineno)
        else:
            self._all(node.iter_child_nodes(), bound)

    def _all(self, children: Iterable[nodes.Node | None], bound: set[str]) -> None:
        for child in children:
            if child is not None:
                self.visit(child, bound)

    def _problem(self, message: str, offset: int, hint: str | None = None, length: int = 1) -> None:
        self.found.problems.append(ExpressionError(message, offset, hint, length))

    # -- names and paths

    def _name(self, node: nodes.Name, bound: set[str]) -> None:
        if node.ctx != "load":
            bound.add(node.name)
        else:
            self._read(node, bound, None)

    def _getattr(self, node: nodes.Getattr, bound: set[str]) -> None:
        self._read(node, bound, None)

    def _getitem(self, node: nodes.Getitem, bound: set[str]) -> None:
        self._read(node, bound, None)

    def _read(self, node: nodes.Expr, bound: set[str], guard: Guard | None, *, whole: bool = True) -> None:
        """Record a name with its path, or visit what is no path."""
        path: list[str | int] = []
        while isinstance(node, nodes.Getattr | nodes.Getitem):
            if isinstance(node, nodes.Getattr):
                path.append(node.attr)
            elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str | int):
                path.append(node.arg.value)
            else:
                self._index(node.arg, bound)
                path, whole = [], False
            node = node.node
        if not isinstance(node, nodes.Name):
            self.visit(node, bound)
        elif node.name == "self" and "self" not in bound:
            self._problem('"self" cannot be used in a playbook', node.lineno, length=4)
        elif node.name not in bound:
            self.found.reads.append(Read(node.name, tuple(reversed(path)), node.lineno, guard, whole))

    def _index(self, index: nodes.Expr, bound: set[str]) -> None:
        if isinstance(index, nodes.Tuple) and any(isinstance(item, nodes.Slice) for item in index.items):
            self._problem("a slice cannot be one of several indexes", index.lineno)
        self.visit(index, bound)

    def _const(self, node: nodes.Const, _bound: set[str]) -> None:
        if isinstance(node.value, str):
            self.found.texts.append(node.value)

    # -- filters, tests, calls

    def _filter(self, node: nodes.Filter, bound: set[str]) -> None:
        self._known(node.name, node.lineno, "filter", len(node.name))
        self._by_name(node)
        if node.node is not None:
            if node.name in ("d", "default"):
                self._read(node.node, bound, "default")
            else:
                self.visit(node.node, bound)
        self._arguments(node, bound)

    def _test(self, node: nodes.Test, bound: set[str]) -> None:
        self._known(node.name, node.lineno, "test", len("is"))
        if node.name in ("defined", "undefined"):
            self._read(node.node, bound, "defined")
        else:
            self.visit(node.node, bound)
        self._arguments(node, bound)

    def _call(self, node: nodes.Call, bound: set[str]) -> None:
        target = node.node
        if isinstance(target, nodes.Name) and target.name not in bound:
            self._known(target.name, target.lineno, "function", len(target.name))
            if target.name == "now" and (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs):
                self._problem("now() takes no arguments", node.lineno)
        elif isinstance(target, nodes.Getattr):
            root = _root(target)
            if target.attr not in METHODS and root not in bound:
                self._unknown(target.attr, target.lineno, "method", METHODS, 1 + len(target.attr))
            self._read(target.node, bound, None, whole=False)
        else:
            self.visit(target, bound)
        self._arguments(node, bound)

    def _arguments(self, node: nodes.Filter | nodes.Test | nodes.Call, bound: set[str]) -> None:
        named = keywords(node)
        names = [argument.key for argument in named]
        for argument in named:
            if names.count(argument.key) > 1 or argument.key.startswith("_"):
                self._problem(f'argument "{argument.key}" cannot be given here', argument.lineno)
        self._all((*node.args, *(argument.value for argument in named), node.dyn_args, node.dyn_kwargs), bound)

    def _by_name(self, node: nodes.Filter) -> None:
        """The filter or test that `map`, `select` and the like are given by name."""
        kind = _BY_NAME.get(node.name.removesuffix("attr"))
        place = 1 if node.name.endswith("attr") else 0
        if kind is not None and len(node.args) > place:
            name = node.args[place]
            if isinstance(name, nodes.Const) and isinstance(name.value, str):
                self._known(name.value, name.lineno, kind, len(name.value) + len("''"))

    def _known(self, name: str, offset: int, kind: str, length: int) -> None:
        if name in REFUSED:
            message = f'{kind} "{name}" is refused: its value is left to chance'
            self.found.problems.append(RefusedFunction(message, offset, length=length))
            return
        known = {
            "filter": SANDBOX.filters.keys(),
            "test": SANDBOX.tests.keys(),
            "function": SANDBOX.functions.keys() | {"now"},
        }[kind]
        if name not in known or name.startswith("("):
            self._unknown(name, offset, kind, known, length)

    def _unknown(self, name: str, offset: int, kind: str, known: Iterable[str], length: int) -> None:
        import difflib  # only on the way to an error

        names = sorted(k for k in known if k.isidentifier())
        close = difflib.get_close_matches(name, names, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"expected one of {', '.join(names)}"
        self._problem(f"unknown {kind} {quoted(name)}", offset, hint, length)

    # -- statements that bind names

    def _assign(self, node: nodes.Assign, bound: set[str]) -> None:
        self.visit(node.node, bound)
        self.visit(node.target, bound)

    def _assignblock(self, node: nodes.AssignBlock, bound: set[str]) -> None:
        self._all(node.body, set(bound))
        if node.filter is not None:
            self.visit(node.filter, bound)
        self.visit(node.target, bound)

    def _nsref(self, node: nodes.NSRef, bound: set[str]) -> None:
        if node.name not in bound:
            self._problem(f'"{node.name}" is no namespace of this template', node.lineno)

    def _for(self, node: nodes.For, bound: set[str]) -> None:
        self.visit(node.iter, bound)
        inner = set(bound)
        self.visit(node.target, inner)
        if node.test is not None:
            self.visit(node.test, inner)
        self._all(node.body, inner | {"loop"})
        self._all(node.else_, set(bound))

    def _if(self, node: nodes.If, bound: set[str]) -> None:
        self.visit(node.test, bound)
        ends: list[set[str]] = []
        for alternative in node.elif_:
            self.visit(alternative.test, bound)
        for body in (node.body, *(alternative.body for alternative in node.elif_), node.else_):
            ends.append(set(bound))
            self._all(body, ends[-1])
        bound |= set.intersection(*ends)

    def _with(self, node: nodes.With, bound: set[str]) -> None:
        self._all(node.values, bound)
        inner = set(bound)
        self._all(node.targets, inner)
        self._all(node.body, inner)

    def _macro(self, node: nodes.Macro, bound: set[str]) -> None:
        bound.add(node.name)
        self._body(node, bound)

    def _callblock(self, node: nodes.CallBlock, bound: set[str]) -> None:
        self.visit(node.call, bound)
        self._body(node, bound)

    def _body(self, node: nodes.Macro | nodes.CallBlock, bound: set[str]) -> None:
        names = [argument.name for argument in node.args]
        for argument in node.args:
            if names.count(argument.name) > 1:
                self._problem(f'argument "{argument.name}" is given twice', argument.lineno)
        inner = bound | {*names, "caller", "kwargs", "varargs"}
        self._all(node.defaults, inner)
        self._all(node.body, inner)

    def _filterblock(self, node: nodes.FilterBlock, bound: set[str]) -> None:
        self._all(node.body, set(bound))
        self.visit(node.filter, bound)


def keywords(node: nodes.Filter | nodes.Test | nodes.Call) -> list[nodes.Keyword]:
    """The named arguments; Jinja's type for those of filters and tests is not what its parser puts there."""
    return [argument for argument in node.kwargs if isinstance(argument, nodes.Keyword)]


def _root(node: nodes.Node) -> str | None:
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else None
