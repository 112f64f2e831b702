"""Reads python code without running it: whether it has a `main`, what that takes, and which names it needs (TOO-3)."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from noetl.compiler.signature import Parameter, Signature, signatures, statements

__all__ = ["RESULT", "Form", "Parameter", "Program", "Signature", "read_program"]

Form: TypeAlias = Literal["main", "bare", "returns"]
"""`main(...)` is called, or the code itself is the tool; `returns` is bare code with a `return` of its own."""
RESULT: Final = "result"


@dataclass(frozen=True, slots=True)
class Program:
    """What the parent process knows of some code."""

    form: Form
    mains: tuple[Signature, ...] = ()
    """The definitions of `main` of which the one that counts is known when the code has run; mostly one."""
    reads: frozenset[str] = frozenset()
    """Names that bare code may read; among them names of its own and builtins."""
    assigns_result: bool = False
    """Whether bare code assigns `result`; if it never does its response is null."""


@lru_cache(maxsize=256)
def read_program(code: str) -> Program:
    """Understand some code. Code that does not compile is `bare`: the worker reports what is wrong with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape is the author's affair
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Program("bare")
    mains = signatures(tree)
    if mains:
        return Program("main", mains)
    returns = any(isinstance(statement, ast.Return) for statement in statements(tree))
    return Program(
        "returns" if returns else "bare", reads=frozenset(_reads(tree)), assigns_result=_assigns(tree, RESULT)
    )


def _reads(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load() | ast.Del()) | ast.AugAssign(target=ast.Name(id=name)):
                yield name


_SCOPE: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def _assigns(tree: ast.Module, name: str) -> bool:
    """Whether the module, or a function that declares it global, assigns `name`.

    The standard library's symbol tables would tell, but from Python 3.12 on they take a comprehension for a part of
    the scope around it.
    """
    waiting: list[tuple[ast.AST, bool]] = [(tree, True)]
    while waiting:
        node, counts = waiting.pop()
        if counts and _binds(node) == name:
            return True
        if isinstance(node, _SCOPE):
            counts = any(isinstance(s, ast.Global) and name in s.names for s in statements(node))
        own = [node.target] if isinstance(node, ast.comprehension) else []
        waiting += [(child, counts and child not in own) for child in ast.iter_child_nodes(node)]
    return False


def _binds(node: ast.AST) -> str | None:
    """The name that a node itself gives a value in the scope around it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case ast.ClassDef(name=name) | ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
            return name
        case ast.MatchMapping(rest=name):
            return name
        case ast.alias(name=name, asname=other):
            return other or name.partition(".")[0]
        case _:
            return None
