"""`--fix` and `--diff`: the text of a file after all fixes of findings that are shown."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from noetl.compiler.linting import fixes
from noetl.diagnostics import Diagnostic, Fix, Severity, printable

from .analysis import Analysis, Question, analyse
from .review import Review

ROUNDS: Final = 50
"""Fixes that meet are applied one after the other, each in a round of its own; the rest stays for the next run."""
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Repaired:
    """A file after its fixes."""

    path: str
    before: bytes
    after: bytes
    fixed: int
    """How many findings were fixed."""
    analysis: Analysis
    """What is found in the new text."""

    @property
    def changed(self) -> bool:
        """Whether anything was fixed."""
        return self.before != self.after


def repair(data: bytes, found: Analysis, question: Question, review: Review) -> Repaired:
    """Apply fixes until none is left that can be applied."""

    def look(text: str) -> Analysis:
        return analyse(text.encode("utf-8"), found.path, question)

    text, analysis, fixed = mend(found, look, review.fixable)
    mark = _MARK if data.startswith(_MARK) else b""
    return Repaired(found.path, data, mark + text.encode("utf-8") if fixed else data, fixed, analysis)


def mend(
    found: Analysis, look: Callable[[str], Analysis], fixable: Callable[[Analysis], list[Diagnostic]]
) -> tuple[str, Analysis, int]:
    """The text after its fixes, what is found in it, and the number of fixes that made it."""
    text, analysis, fixed = found.text or "", found, 0
    for _ in range(ROUNDS):
        chosen = fixes.compatible(text, fixable(analysis))
        if not chosen:
            break
        step = _applied(text, analysis, chosen, look)
        if step is None:
            break
        text, analysis, number = step
        fixed += number
    return text, analysis, fixed


def _applied(
    text: str, analysis: Analysis, chosen: Sequence[Diagnostic], look: Callable[[str], Analysis]
) -> tuple[str, Analysis, int] | None:
    """All the fixes together or, where that breaks the text, those that do not break it; None if all do."""
    after = _tried(text, analysis, chosen, look)
    if after is not None:
        return (*after, len(chosen))
    for one in chosen if len(chosen) > 1 else ():
        after = _tried(text, analysis, [one], look)
        if after is not None:
            return (*after, 1)
    return None


def _tried(
    text: str, analysis: Analysis, chosen: Sequence[Diagnostic], look: Callable[[str], Analysis]
) -> tuple[str, Analysis] | None:
    """The text after the fixes, if it is no worse: as readable as before, and without the findings fixed."""
    made = fixes.apply(text, [one.fix for one in chosen if isinstance(one.fix, Fix)])
    if made == text:
        return None
    after = look(made)
    if analysis.whole and not after.whole:
        return None
    told = Counter((one.code, one.message) for one in after.diagnostics)
    before = Counter((one.code, one.message) for one in analysis.diagnostics)
    mended = Counter((one.code, one.message) for one in chosen)
    if any(what in before and told[what] > before[what] - number for what, number in mended.items()):
        return None
    if analysis.whole and _errors(after) - _errors(analysis):
        return None
    return made, after


def _errors(analysis: Analysis) -> Counter[str]:
    """The codes of the errors that the structure of a text has, each as often as it has them."""
    return Counter(one.code for one in analysis.diagnostics if one.severity is Severity.ERROR and one.code < "NTL2")


def diff(repaired: Repaired) -> str:
    """What the fixes change, as a unified diff."""
    return unified(repaired.path, repaired.before, repaired.after)


def unified(path: str, before: bytes, after: bytes) -> str:
    """A unified diff of two states of a file that are UTF-8."""
    name = printable(path)
    lines = difflib.unified_diff(_lines(before), _lines(after), name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(data: bytes) -> list[str]:
    parts = data.decode("utf-8").split("\n")
    return [*(f"{part}\n" for part in parts[:-1]), *([parts[-1]] if parts[-1] else [])]
