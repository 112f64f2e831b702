"""NTL302: a template in python code, which is not rendered (TPL-8)."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from noetl.compiler import analysis, ir
from noetl.compiler.checked import Checked
from noetl.compiler.findings import quoted
from noetl.compiler.nodes import Scalar
from noetl.compiler.parts import overrides_of_step, tools_of_step, tools_of_task
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind("NTL302", "template-in-code", Severity.WARNING, "a template in python code, which is not rendered")
_TEMPLATE: Final = re.compile(r"\{\{(.+?)\}\}")
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
"""The lines of Python's parser."""
_F_STRING: Final = re.compile(r"""(?<!\w)(?:[rR][fF]|[fF][rR]?)["']""")


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the template. Only what reads a name of the playbook counts: doubled braces have other uses in python."""
    facts = playbook.facts
    names = ir.RESERVED | facts.graph.steps.keys() | facts.names.stored
    for code in _codes(playbook.workflow):
        for start, end in _templates(code.text, names):
            message = f"{quoted(code.text[start:end])} in python code is not rendered; the code sees the braces"
            hint = 'pass the value through "args"'
            yield playbook.found(KIND, message, code.place(start, end), hint=hint)


def _codes(workflow: ir.Workflow) -> Iterator[Scalar]:
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


def _templates(code: str, names: frozenset[str]) -> Iterator[tuple[int, int]]:
    if "{{" not in code:
        return
    found = [m.span() for m in _TEMPLATE.finditer(code) if _reads(m[1].strip(), names)]
    escaped = _f_strings(code) if found else []
    for start, end in found:
        if not any(first <= start < last for first, last in escaped):
            yield start, end


def _reads(source: str, names: frozenset[str]) -> bool:
    if not source or analysis.problems(source, False):
        return False
    return source.startswith("now()") or not names.isdisjoint(analysis.names(source, False))


def _f_strings(code: str) -> list[tuple[int, int]]:
    """Where f-strings stand, in which doubled braces are plain ones. Of code that does not parse, the rest of each line
    from its first f-string on."""
    lines = _LINE.findall(code)
    starts = [0, *accumulate(map(len, lines))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the code, such as an unknown escape
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [(starts[i] + m.start(), starts[i + 1]) for i, line in enumerate(lines) if (m := _F_STRING.search(line))]
    return [
        (_offset(lines, starts, node.lineno, node.col_offset), _offset(lines, starts, *_end(node)))
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
    ]


def _end(node: ast.JoinedStr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _offset(lines: list[str], starts: list[int], line: int, column: int) -> int:
    """A place of Python's parser, which counts bytes in a line, as an offset in the text."""
    return starts[line - 1] + len(lines[line - 1].encode()[:column].decode(errors="ignore"))
