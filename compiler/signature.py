"""What `main` of python code takes, read without running the code (TOO-3)."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

MAIN: Final = "main"


class Parameter(NamedTuple):
    """One parameter of `main`."""

    name: str
    positional_only: bool
    required: bool


class Signature(NamedTuple):
    """The parameters of one `main`."""

    line: int
    """Where its definition starts in the code, decorators included, from 1."""
    parameters: tuple[Parameter, ...]
    places: Mapping[str, tuple[int, int]]
    """Where each name stands in the code: its line from 1, and as Python counts its column, in bytes from 0."""
    takes_any: bool
    """Whether it has `**kwargs`."""


def signatures(tree: ast.Module) -> tuple[Signature, ...]:
    """Of every `main` that may be the one that counts, in the order of the code; none of bare code.

    What counts is what `main` is when the code has run. A definition that is sure to be replaced is left out: one that
    stands before another that runs whatever the data.
    """
    mains = [s for s in statements(tree) if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef) and s.name == MAIN]
    last_sure = max((main.lineno for main in mains if main in tree.body), default=0)
    return tuple(_signature(main) for main in sorted(mains, key=_line) if main.lineno >= last_sure)


def _signature(main: ast.FunctionDef | ast.AsyncFunctionDef) -> Signature:
    places = {found.arg: (found.lineno, found.col_offset) for found in _all(main.args)}
    line = min((_line(main), *map(_line, main.decorator_list)))
    return Signature(line, tuple(_parameters(main.args)), places, main.args.kwarg is not None)


def _line(node: ast.stmt | ast.expr) -> int:
    return node.lineno


def statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """The statements that run with a module, a function or a class, in no order; not those of scopes inside it."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.stmt):
                yield node
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
                waiting.append(node)


def _all(arguments: ast.arguments) -> list[ast.arg]:
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def _parameters(arguments: ast.arguments) -> Iterator[Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    for index, argument in enumerate(positional):
        yield Parameter(argument.arg, index < len(arguments.posonlyargs), index < first_default)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield Parameter(argument.arg, positional_only=False, required=default is None)
