"""`noetl conform`: whether a target means what the language means."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from noetl.errors import UsageError

from . import FINDINGS, INTERNAL, OK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noetl.conformance.conform import Judged
    from noetl.conformance.deviations import Deviation
    from noetl.conformance.results import Results
    from noetl.conformance.session import Session

KEPT: Final = Path(".noetl") / "conform"
"""Where failures of drawn playbooks are kept without --report."""
NOTHING: Final = 4
"""The exit code where no case was judged."""
_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|)")
_FACTOR: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


class LevelName(StrEnum):
    """How much is asked."""

    SMOKE = "smoke"
    STANDARD = "standard"
    DEEP = "deep"


def command(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PLAYBOOK | verify FILE | doctor]", help="A playbook to prove, a report to judge again, ..."
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", metavar="NAME|exec:CMD", help="What is judged: runtime, airflow, a command."),
    ] = None,
    tier: Annotated[
        str | None, typer.Option("--tier", metavar="inproc|scheduler", help="How airflow is run; default inproc.")
    ] = None,
    cases: Annotated[
        Path | None, typer.Option("--cases", metavar="PATH", help="Cases of your own instead of the suite's.")
    ] = None,
    case: Annotated[str | None, typer.Option("--case", metavar="GLOB", help="Only the cases whose ids match.")] = None,
    level: Annotated[
        LevelName | None,
        typer.Option("--level", help="How much of the suite; default smoke, with --cases or --case all that match."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="TIME", help="Start nothing more after 90s, 5m or 1h.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed draws the same cases.")] = 0,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Write results.jsonl, junit.xml, report.html, ...")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="OLD", help="Tell what changed since this results.jsonl.")
    ] = None,
    deviations: Annotated[
        Path | None, typer.Option("--deviations", metavar="FILE", help="In what the target is known to differ.")
    ] = None,
    outcomes: Annotated[
        list[Path] | None,
        typer.Option("--outcomes", metavar="FILE", help="With PLAYBOOK: recorded by noetl run --record; repeatable."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Run conformance cases on a target and judge what was observed.

    Everything that is not green is told on standard output: the clause, what is allowed and what was observed, and the
    command that runs it again; the total comes last. Progress goes to standard error.

    \b
    Exit codes: 0 conformant, 1 not, 2 wrong usage, 3 the harness broke, 4 nothing was judged.

    \b
    Examples:
      noetl conform --target runtime
      noetl conform --target airflow --level standard --report out
      noetl conform --target airflow --tier scheduler --case "RUN-*"
      noetl conform --target "exec:python examples/conform_target.py" --case "LOP-*"
      noetl conform --target runtime --cases my_cases
      noetl conform my_playbook.yaml --target airflow
      noetl conform verify out/results.jsonl
      noetl conform doctor --target "exec:./my_target"
    """
    from noetl.conformance.adapters.base import adapter
    from noetl.conformance.conform import CASES
    from noetl.conformance.deviations import read_deviations
    from noetl.conformance.session import Session, now
    from noetl.conformance.suite import DRAWN, at_level, chosen, digest

    if what and what[0] == "verify":
        raise typer.Exit(_verify(what[1:], CASES if cases is None else cases))
    if target is None:
        raise UsageError("--target says what is judged, such as --target runtime")
    if what == ["doctor"]:
        raise typer.Exit(_doctor(target))
    if what and (len(what) > 1 or not Path(what[0]).is_file()):
        raise UsageError(f'"{what[0]}" is nothing to judge; see --help')
    if report is not None and report.exists() and not report.is_dir():
        raise UsageError(f'"{report}" is no folder')
    folder = CASES if cases is None else cases
    known = [] if deviations is None else read_deviations(deviations)
    limit = None if budget is None else seconds(budget)
    every = chosen(folder)
    picked = chosen(folder, case) if case is not None else every
    taken = level or (LevelName.SMOKE if cases is None and case is None else LevelName.STANDARD)
    if cases is None:
        picked = at_level(picked, taken.value)
    if what:
        raise typer.Exit(prove(what[0], target, outcomes or [], seed, limit, known, report, tier=tier, quiet=quiet))
    began = now()
    with adapter(target, tier=tier, seed=seed) as place:
        whole = cases is None and len(picked) == len(every)
        suite = digest(one for _, one in every)
        session = Session(place, picked, suite, taken.value, seed, limit, known, whole)
        count = DRAWN[taken.value] if cases is None and case is None else 0
        _run(session, folder if cases is None else None, count, report or KEPT, quiet=quiet)
        results = session.results(began)
        coverage = session.cover() if report is not None else []
    _tell(results, coverage, report, compare)
    raise typer.Exit(_code(results))


def prove(
    file: str,
    target: str,
    outcomes: list[Path],
    seed: int,
    budget: float | None,
    known: Sequence[Deviation],
    report: Path | None,
    *,
    tier: str | None = None,
    quiet: bool,
) -> int:
    """Whether one playbook means the same on a target, for outcomes that reach its rules; the exit code."""
    from noetl.conformance.adapters.base import adapter
    from noetl.conformance.proving import cases_of
    from noetl.conformance.reports import write_case
    from noetl.conformance.session import Session, now
    from noetl.conformance.suite import digest

    from .run import compiled, runnable

    workflow = runnable(compiled(file))
    cases, lines = cases_of(Path(file), workflow, outcomes, seed)
    for line in lines:
        print(line)
    folder = (report or KEPT) / "cases"
    placed = [(write_case(folder, case), case) for case in cases]
    began = now()
    with adapter(target, tier=tier, seed=seed) as place:
        session = Session(place, placed, digest(cases), "standard", seed, budget, known)
        _run(session, None, 0, folder, quiet=quiet)
        results = session.results(began)
    _tell(results, lines, report, None)
    return _code(results)


def seconds(text: str) -> float:
    """A time such as `90s`, `5m`, `1h` or `90` in seconds; UsageError for anything else."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise UsageError(f'--budget takes a time such as 90s, 5m or 1h, not "{text}"')
    return float(match[1]) * _FACTOR[match[2]]


def _run(session: Session, suite: Path | None, drawn: int, kept: Path, *, quiet: bool) -> None:
    from noetl.conformance.telling import failure

    progress = Progress(len(session.cases) + drawn, shown=not quiet and sys.stderr.isatty())
    for one in chain(session.run(), session.draw(drawn, kept / "cases") if drawn else ()):
        progress.show(one)
        if one.verdict in ("failed", "stale", "broken"):
            progress.clear()
            place = None if suite is not None and one.path.is_relative_to(suite) else str(one.path)
            print("\n".join(failure(one, session.adapter.name, place, tier=session.adapter.tier)), flush=True)
    progress.clear()


def _tell(results: Results, coverage: list[str], report: Path | None, compare: Path | None) -> None:
    from noetl.conformance.reports import write_report
    from noetl.conformance.results import changes

    for note in results.notes:
        print(f"CLAIM {note}")
    for line in changes(compare, results) if compare is not None else ():
        print(f"CHANGED {line}")
    if report is not None:
        try:
            write_report(report, results, coverage)
        except OSError as error:
            raise UsageError(f'cannot write the report into "{report}": {error.strerror}') from error
        for line in coverage:
            print(f"coverage: {line}")
        print(f"report: {report / 'report.html'}")
    counts = ", ".join(f"{n} {verdict}" for verdict, n in results.counts().items() if n or verdict in _ALWAYS)
    print(f"{results.header.place()}: {len(results.records)} cases, {counts}")


_ALWAYS: Final = ("passed", "failed", "broken", "not run")
"""The counts that the last line has even where they are 0."""


def _code(results: Results) -> int:
    counts = results.counts()
    if counts["broken"]:
        return INTERNAL
    if not results.ok():
        return FINDINGS
    return OK if counts["passed"] or counts["declared"] or counts["known"] else NOTHING


def _verify(files: list[str], folder: Path) -> int:
    from noetl.conformance.conform import Claims
    from noetl.conformance.deviations import kept_for
    from noetl.conformance.results import read_results, verified
    from noetl.conformance.suite import chosen, digest

    if len(files) != 1:
        raise UsageError("verify takes one results.jsonl")
    file = Path(files[0])
    header, records = read_results(file)
    suite = {case.id: (path, case) for path, case in chosen(folder)}
    claims = Claims(frozenset(header.refuses), kept_for(header.target))
    wrong = verified(file, suite, digest(case for _, case in suite.values()), claims)
    for line in wrong:
        print(f"WRONG {line}")
    print(f"{file}: {len(records)} records, {len(wrong)} wrong")
    return FINDINGS if wrong else OK if records else NOTHING


def _doctor(target: str) -> int:
    from noetl.conformance.doctor import examine

    bad = 0
    for finding in examine(target):
        print(f"{'ok  ' if finding.ok else 'BAD '} {finding.what}")
        for line in finding.advice:
            print(f"       {line}")
        bad += not finding.ok
    return FINDINGS if bad else OK


class Progress:
    """One line on standard error that says how far it is, where that is a terminal."""

    def __init__(self, total: int, *, shown: bool) -> None:
        self._total = total
        self._shown = shown
        self._done = 0
        self._red = 0

    def show(self, one: Judged) -> None:
        """One more is done."""
        self._done += 1
        self._red += one.verdict in ("failed", "stale", "broken")
        if self._shown:
            red = f", {self._red} not green" if self._red else ""
            print(f"\r\x1b[K{self._done}/{self._total}{red} {one.case.id}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Give the line back."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
