"""`noetl conform`: whether a target means what the language means."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from . import FINDINGS, INTERNAL, OK

if TYPE_CHECKING:
    from noetl.conformance.conform import Judged, Verdict

NOTHING: Final = 4
"""The exit code where no case was judged."""
VERDICTS: Final[tuple[Verdict, ...]] = ("passed", "failed", "broken", "not run")


def command(
    target: Annotated[str, typer.Option("--target", metavar="NAME", help="What is judged, such as runtime.")],
    cases: Annotated[
        Path | None, typer.Option("--cases", metavar="DIR", help="Cases of your own instead of the suite's.")
    ] = None,
    case: Annotated[str, typer.Option("--case", metavar="GLOB", help="Only the cases whose ids match.")] = "*",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Run conformance cases on a target and judge what was observed.

    Every failure is one line on standard output: the case, what was unmet, and the clauses of the semantics that it is
    about; the total comes last. Progress goes to standard error.

    \b
    Exit codes: 0 conformant, 1 not, 2 wrong usage, 3 the harness broke, 4 nothing was judged.

    \b
    Examples:
      noetl conform --target runtime
      noetl conform --target runtime --case "LOP-*"
      noetl conform --target runtime --cases my_cases
    """
    from noetl.conformance.conform import CASES, adapter, chosen, judge

    observe = adapter(target)
    found = chosen(CASES if cases is None else cases, case)
    counts: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
    progress = _Progress(len(found), shown=not quiet and sys.stderr.isatty())
    for judged in judge(target, observe, found):
        counts[judged.verdict] += 1
        progress.show(judged)
        if judged.said:
            progress.clear()
            print(_line(judged), flush=True)
    progress.clear()
    print(f"{target}: {len(found)} cases, {', '.join(f'{n} {verdict}' for verdict, n in counts.items())}")
    raise typer.Exit(_code(counts))


def _line(judged: Judged) -> str:
    said = "; ".join(" ".join(line.split()) for line in judged.said)
    return f"{judged.verdict.upper()} {judged.case.id}: {said} [{', '.join(judged.case.clauses)}]"


def _code(counts: dict[Verdict, int]) -> int:
    if counts["broken"]:
        return INTERNAL
    if counts["failed"]:
        return FINDINGS
    return OK if counts["passed"] else NOTHING


class _Progress:
    """One line on standard error that says how far it is, where that is a terminal."""

    def __init__(self, total: int, *, shown: bool) -> None:
        self._total = total
        self._shown = shown
        self._done = 0

    def show(self, judged: Judged) -> None:
        self._done += 1
        if self._shown:
            print(f"\r\x1b[K{self._done}/{self._total} {judged.case.id}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
