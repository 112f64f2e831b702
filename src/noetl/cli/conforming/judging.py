"""Cases of the suite, of a folder, or of one playbook, judged on a target."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Plan:
    """The cases that are to be judged."""

    cases: Sequence[Placed]
    suite: str
    """The digest of all that they are taken from."""
    level: Level = "standard"
    whole: bool = False
    """Whether they are all of the suite's own."""
    drawn: int | None = 0
    """How many are drawn besides; None for as many as there is time for."""
    left: Sequence[str] = ()
    """What is not asked, and why."""
    reached: Sequence[str] | None = None
    """What the cases reach of a playbook; None where the coverage of the language is to be told."""


def judge(orders: Orders) -> int:
    """Judge the suite, or cases of the user's own; the exit code."""
    orders.refuse("without a playbook", "outcomes")
    own = orders.cases is not None or orders.case is not None
    level = next(name for name in LEVELS if name == (orders.level or ("standard" if own else "smoke")))
    every = chosen(orders.cases or CASES)
    picked = every if orders.case is None else chosen(orders.cases or CASES, orders.case)
    if orders.cases is None:
        picked = at_level(picked, level)
    why = f"level {level}" if orders.case is None else f'--case "{orders.case}"'
    left = [f"{len(every) - len(picked)} of {len(every)} cases: {why}"] if len(picked) < len(every) else []
    count: int | None = 0 if own else DRAWN[level]
    if count and level == "deep" and orders.budget is not None:
        count = None
    whole = orders.cases is None and len(picked) == len(every)
    return _judged(orders, _Plan(picked, digest(one for _, one in every), level, whole, count, left))


def prove(file: str, orders: Orders) -> int:
    """Whether one playbook means the same on a target, for outcomes that reach its rules; the exit code."""
    orders.refuse("with a playbook", "cases", "case", "level")
    workflow = runnable(compiled(file))
    cases, reached = cases_of(Path(file), workflow, orders.outcomes, orders.seed)
    for line in reached:
        print(line, flush=True)
    folder = (orders.folder() or KEPT) / "cases"
    return _judged(orders, _Plan([(write_case(folder, case), case) for case in cases], digest(cases), reached=reached))


def _judged(orders: Orders, plan: _Plan) -> int:
    target, report, budget = orders.asked(), orders.folder(), orders.seconds()
    known = [] if orders.deviations is None else read_deviations(orders.deviations)
    before = None if orders.compare is None else older(orders.compare, plan.suite)
    coverage = Coverage() if report is not None and plan.reached is None else None
    with ExitStack() as stack:
        place = stack.enter_context(adapter(target, tier=orders.tier, seed=orders.seed, cluster=orders.cluster))
        session = Session(place, plan.cases, plan.suite, plan.level, orders.seed, budget, known, plan.whole, coverage)
        session.left += plan.left
        if report is not None:
            stack.enter_context(session.write(report / "results.jsonl"))
        _run(session, plan.drawn, (report or KEPT) / "cases", quiet=orders.quiet)
        results = session.results()
    for line in () if before is None else changes(before, results):
        print(f"CHANGED {line}")
    if report is not None:
        _report(report, results, coverage, plan.reached or ())
    _tell(results)
    return _code(results)


def _report(folder: Path, results: Results, coverage: Coverage | None, reached: Sequence[str]) -> None:
    lines = list(reached) if coverage is None else coverage.lines()
    try:
        write_report(folder, results, lines)
    except OSError as error:
        raise UsageError(f'cannot write the report into "{folder}": {error.strerror}') from error
    for line in () if coverage is None else lines:
        print(f"coverage: {line}")
    print(f"report: {folder / 'report.html'}")


def _run(session: Session, drawn: int | None, kept: Path, *, quiet: bool) -> None:
    """Judge all of it; what is not green is told at once."""
    progress = Progress(None if drawn is None else len(session.cases) + drawn, shown=not quiet)
    for one in chain(session.run(), session.draw(drawn, kept) if drawn != 0 else ()):
        progress.show(one)
        if one.verdict in ("failed", "stale", "broken"):
            progress.clear()
            print("\n".join(session.records[-1].told), flush=True)
    progress.clear()


def _tell(results: Results) -> None:
    for note in results.notes:
        print(f"CLAIM {note}")
    for line in results.left:
        print(f"not asked: {line}")
    counts = ", ".join(f"{n} {verdict}" for verdict, n in results.counts().items() if n or verdict in _ALWAYS)
    print(f"{results.header.place()}: {len(results.records)} cases, {counts}")


def _code(results: Results) -> int:
    if results.counts()["broken"]:
        return INTERNAL
    if not results.ok():
        return FINDINGS
    return OK if results.judged() else NOTHING
