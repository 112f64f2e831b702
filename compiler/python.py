"""Python code of a playbook, looked at without running it (TOO-3, TPL-8)."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from typing import Final, cast

from . import ir
from .expr import analysis
from .nodes import Scalar
from .parts import overrides_of_step, tools_of_step, tools_of_task
from .signature import Signature, signatures, statements

_TEMPLATE: Final = re.compile(r"\{\{(.+?)\}\}")
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
"""The lines of Python's parser."""
_F_STRING: Final = re.compile(r"""(?<!\w)(?:[rR][fF]|[fF][rR]?)["']""")


def codes(workflow: ir.Workflow) -> Iterator[Scalar]:
    """Every piece of python code."""
    fields = [tool.fields for task in workflow.tasks for tool in tools_of_task(task) if tool.kind == "python"]
    for step in workflow.steps:
        fields += (tool.fields for tool in tools_of_step(step) if tool.kind == "python")
        if step.tool is not None and step.tool.kind == "python":
            fields += overrides_of_step(step)
    for given in fields:
        code = given.get("code")
        if isinstance(code, ir.Const) and isinstance(code.origin, Scalar):
            yield code.origin


class Code:
    """One piece of code and its syntax tree, or why it has none."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = _LINE.findall(text)
        self._starts = [0, *accumulate(map(len, self._lines))]
        self.tree: ast.Module | None = None
        self.problem: tuple[str, int] | None = None
        """Why it does not compile, and the offset where; None also where Python gives no place."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about the code, such as an unknown escape
                self.tree = ast.parse(text)
                compile(_as_run(self.tree), "<code>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except SyntaxError as error:
            if error.lineno is not None and 1 <= error.lineno <= len(self._lines):
                offset = self._starts[error.lineno - 1] + max(0, (error.offset or 1) - 1)
                self.problem = " ".join((error.msg or "invalid syntax").split()), min(offset, len(text))
        except (ValueError, RecursionError, MemoryError):
            return

    @property
    def verb(self) -> str:
        """What code with a problem does not do."""
        return "parse" if self.tree is None else "compile"

    def templates(self, names: frozenset[str]) -> Iterator[tuple[int, int]]:
        """Where templates stand that read one of the names, or the time."""
        if "{{" not in self.text:
            return
        found = [m.span() for m in _TEMPLATE.finditer(self.text) if _reads(m[1].strip(), names)]
        escaped = list(self._f_strings()) if found else []
        for start, end in found:
            if not any(first <= start < last for first, last in escaped):
                yield start, end

    def _f_strings(self) -> Iterator[tuple[int, int]]:
        """Where f-strings stand, in which doubled braces are plain ones. Of code that does not parse, the rest of each
        line from its first f-string on."""
        if self.tree is None:
            for i, line in enumerate(self._lines):
                if found := _F_STRING.search(line):
                    yield self._starts[i] + found.start(), self._starts[i] + len(line)
            return
        for node in ast.walk(self.tree):
            if isinstance(node, ast.JoinedStr):
                end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
                yield self._offset(node.lineno, node.col_offset), self._offset(end_line, end_column)

    @cached_property
    def main(self) -> Signature | None:
        """The signature of `main`; None of bare code, of code that does not compile, and where which `main` counts is
        known only when the code has run."""
        found = () if self.tree is None or self.problem is not None else signatures(self.tree)
        return found[0] if len(found) == 1 else None

    def place(self, main: Signature, parameter: str) -> tuple[int, int]:
        """Where a parameter of `main` stands in the text."""
        start = self._offset(*main.places[parameter])
        return start, start + len(parameter)

    def _offset(self, line: int, column: int) -> int:
        """A place of the syntax tree, which counts bytes in a line, as an offset in the text."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode(errors="ignore"))


def _as_run(tree: ast.Module) -> ast.Module:
    """The module as it is compiled: bare code with a `return` of its own as the body of a function (TOO-3).

    Whether bare code may wait is not said there, so that it is not refused here.
    """
    if signatures(tree) or not any(isinstance(statement, ast.Return) for statement in statements(tree)):
        return tree
    body = list(tree.body)
    first: list[ast.stmt] = []
    while body and isinstance(body[0], ast.ImportFrom) and body[0].module == "__future__":
        first.append(body.pop(0))
    function = cast("ast.AsyncFunctionDef", ast.parse("async def body(): pass").body[0])
    function.body = body
    return ast.Module([*first, function], [])


def _reads(source: str, names: frozenset[str]) -> bool:
    if not source or analysis.problems(source, False):
        return False
    return source.startswith("now()") or not names.isdisjoint(analysis.names(source, False))
