"""Spellings that have a canonical form (DOC-11), rewritten by the fixes of their notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from noetl.compiler.findings import NORMALISED
from noetl.compiler.frontend import Compilation, compile_source
from noetl.compiler.linting import fixes
from noetl.diagnostics import Diagnostic, Fix, Severity

from .meaning import meaning

_ROUNDS: Final = 50
"""Fixes that meet are applied one after the other, each in a round of its own."""


def respell(text: str, compiled: Compilation) -> str:
    """The text with each spelling that has a fix rewritten; what would change its meaning is left."""
    path = compiled.path
    for _ in range(_ROUNDS):
        noted = [found for found in compiled.diagnostics if found.kind is NORMALISED]
        chosen = fixes.compatible(text, noted)
        if not chosen:
            break
        after = _tried(text, compiled, chosen, path)
        if after is None and len(chosen) > 1:
            after = next((made for one in chosen if (made := _tried(text, compiled, [one], path))), None)
        if after is None:
            break
        text, compiled = after
    return text


def _tried(text: str, before: Compilation, chosen: Sequence[Diagnostic], path: str) -> tuple[str, Compilation] | None:
    made = fixes.apply(text, [one.fix for one in chosen if isinstance(one.fix, Fix)])
    after = compile_source(made, path, check=False)
    if made == text or not same(before, after):
        return None
    return made, after


def same(before: Compilation, after: Compilation) -> bool:
    """Whether two readings mean the same, and have errors of the same kinds."""
    if _errors(before) != _errors(after):
        return False
    if before.workflow is not None and after.workflow is not None:
        return meaning(before.workflow) == meaning(after.workflow)
    return before.workflow is after.workflow


def _errors(compiled: Compilation) -> list[str]:
    return sorted(found.code for found in compiled.diagnostics if found.severity is Severity.ERROR)
