"""Cases of the suite, of a folder, or of one playbook, judged on a target."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Final

from noetl.conformance.adapters.base import adapter
from noetl.conformance.conform import CASES
from noetl.conformance.coverage import Coverage
from noetl.conformance.deviations import read_deviations
from noetl.conformance.proving import cases_of
from noetl.conformance.reports import write_case, write_report
from noetl.conformance.results import Results, changes, older
from noetl.conformance.session import Session
from noetl.conformance.suite import DRAWN, LEVELS, Level, Placed, at_level, chosen, digest
from noetl.errors import UsageError

from .. import FINDINGS, INTERNAL, OK
from ..run import compiled, runnable
from .orders import Orders
from .progress import Progress

KEPT: Final = Path(".noetl") / "conform"
"""Where failures of drawn playbooks are kept without --report."""
NOTHING: Final = 4
"""The exit code where no case was judged."""
_ALWAYS: Final = ("passed", "failed", "broken", "not run")
"""The counts that the last line has even where they are 0."""


def judge(orders: Orders) -> int:
    """Judge the suite, or cases of the user's own; the exit code."""
    orders.refuse("without a playbook", "outcomes")
    own = orders.cases is not None or orders.case is not None
    level = _level(orders.level or ("standard" if own else "smoke"))
    every = chosen(orders.cases or CASES)
    picked = every if orders.case is None else chosen(orders.cases or CASES, orders.case)
    if orders.cases is None:
        picked = at_level(picked, level)
    left = []
    if len(picked) < len(every):
        why = f"level {level}" if orders.case is None else f'--case "{orders.case}"'
        left.append(f"{len(every) - len(picked)} of {len(every)} cases: {why}")
    count: int | None = 0 if own else DRAWN[level]
    if count and level == "deep" and orders.budget is not None:
        count = None
    whole = orders.cases is None and len(picked) == len(every)
    return _judged(orders, picked, digest(one for _, one in every), level, whole=whole, drawn=count, left=left)


def prove(file: str, orders: Orders) -> int:
    """Whether one playbook means the same on a target, for outcomes that reach its rules; the exit code."""
    orders.refuse("with a playbook", "cases", "case", "level")
    workflow = runnable(compiled(file))
    cases, lines = cases_of(Path(file), workflow, orders.outcomes, orders.seed)
    for line in lines:
        print(line)
    folder = (orders.folder() or KEPT) / "cases"
    placed = [(write_case(folder, case), case) for case in cases]
    return _judged(orders, placed, digest(cases), "standard", whole=False, drawn=0, left=lines)


def _level(name: str) -> Level:
    return next(level for level in LEVELS if level == name)


def _judged(
    orders: Orders,
    picked: list[Placed],
    suite: str,
    level: Level,
    *,
    whole: bool,
    drawn: int | None,
    left: list[str],
) -> int:
    target, report, budget = orders.asked(), orders.folder(), orders.seconds()
    known = [] if orders.deviations is None else read_deviations(orders.deviations)
    before = None if orders.compare is None else older(orders.compare, suite)
    coverage = None if report is None else Coverage()
    with ExitStack() as stack:
        place = stack.enter_context(adapter(target, tier=orders.tier, seed=orders.seed, cluster=orders.cluster))
        session = Session(place, picked, suite, level, orders.seed, budget, known, whole, coverage, left)
        if report is not None:
            stack.enter_context(session.write(report / "results.jsonl"))
        _run(session, drawn, (report or KEPT) / "cases", quiet=orders.quiet)
        results = session.results()
    lines = [] if coverage is None else coverage.lines()
    if report is not None:
        try:
            write_report(report, results, lines)
        except OSError as error:
            raise UsageError(f'cannot write the report into "{report}": {error.strerror}') from error
    _tell(results, [] if before is None else changes(before, results), lines, report)
    return _code(results)


def _run(session: Session, drawn: int | None, kept: Path, *, quiet: bool) -> None:
    """Judge all of it; what is not green is told at once."""
    progress = Progress(None if drawn is None else len(session.cases) + drawn, shown=not quiet)
    for one in chain(session.run(), session.draw(drawn, kept) if drawn != 0 else ()):
        progress.show(one)
        if one.verdict in ("failed", "stale", "broken"):
            progress.clear()
            print("\n".join(session.records[-1].told), flush=True)
    progress.clear()


def _tell(results: Results, changed: list[str], coverage: list[str], report: Path | None) -> None:
    for note in results.notes:
        print(f"CLAIM {note}")
    for line in changed:
        print(f"CHANGED {line}")
    for line in results.left:
        print(f"not asked: {line}")
    for line in coverage:
        print(f"coverage: {line}")
    if report is not None:
        print(f"report: {report / 'report.html'}")
    counts = ", ".join(f"{n} {verdict}" for verdict, n in results.counts().items() if n or verdict in _ALWAYS)
    print(f"{results.header.place()}: {len(results.records)} cases, {counts}")


def _code(results: Results) -> int:
    if results.counts()["broken"]:
        return INTERNAL
    if not results.ok():
        return FINDINGS
    return OK if results.judged() else NOTHING
