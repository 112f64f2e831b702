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
    """The parameters of `main`."""

    parameters: tuple[Parameter, ...]
    places: Mapping[str, tuple[int, int]]
    """Where each name stands in the code: its line from 1, and as Python counts its column, in bytes from 0."""
    takes_any: bool
    """Whether it has `**kwargs`."""


def signature(tree: ast.Module) -> Signature | None:
    """The signature of the last `main` that the code defines, or None if it is bare code."""
    mains = [s for s in statements(tree) if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef) and s.name == MAIN]
    if not mains:
        return None
    arguments = max(mains, key=lambda main: main.lineno).args
    places = {found.arg: (found.lineno, found.col_offset) for found in _all(arguments)}
    return Signature(tuple(_parameters(arguments)), places, arguments.kwarg is not None)


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
