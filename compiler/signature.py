"""What `main` of python code takes, read without running the code (TOO-3)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

MAIN: Final = "main"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of `main`."""

    name: str
    positional_only: bool
    required: bool
    line: int = field(default=0, compare=False)
    """Where it stands in the code, from 1; as Python counts, the column is in bytes from 0."""
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of `main`."""

    parameters: tuple[Parameter, ...]
    takes_any: bool
    """Whether it has `**kwargs`."""


def signature(tree: ast.Module) -> Signature | None:
    """The signature of the last `main` that the code defines, or None if it is bare code."""
    mains = [s for s in statements(tree) if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef) and s.name == MAIN]
    if not mains:
        return None
    arguments = max(mains, key=lambda main: main.lineno).args
    return Signature(tuple(_parameters(arguments)), arguments.kwarg is not None)


def statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """The statements that run with a module, a function or a class, in no order; not those of scopes inside it."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.stmt):
                yield node
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
                waiting.append(node)


def _parameters(arguments: ast.arguments) -> Iterator[Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    for index, argument in enumerate(positional):
        yield _parameter(argument, index < len(arguments.posonlyargs), index < first_default)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, False, default is None)


def _parameter(argument: ast.arg, positional_only: bool, required: bool) -> Parameter:
    return Parameter(argument.arg, positional_only, required, argument.lineno, argument.col_offset)
