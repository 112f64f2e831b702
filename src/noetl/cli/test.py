"""`noetl test`: the cases that users keep beside their playbooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noetl.errors import UsageError

from . import FINDINGS, OK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noetl.conformance.conform import Judged
    from noetl.conformance.header import Header
    from noetl.conformance.suite import Placed
    from noetl.conformance.testing import Tests


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH...]", help="Cases, or folders with files *.case.yaml; default this folder."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write what happened into the cases that fail, as what they expect.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Run cases of your own playbooks with the outcomes that they give for tools.

    A case is a YAML file *.case.yaml with a playbook (`file: pipeline.yaml`), what its tools answer (`outcomes`) and
    what must come of it (`expect`); docs/case_format.md has all of it. For each playbook the rules that never fired
    are told.

    \b
    Exit codes: 0 all passed, 1 not all, 2 wrong usage.

    \b
    Examples:
      noetl test
      noetl test pipelines/ --junit junit.xml
      noetl test pipelines/load.case.yaml --update
    """
    from noetl.conformance.testing import cases_of

    cases = cases_of(paths or [Path()])
    if not cases:
        raise UsageError("there are no files *.case.yaml")
    raise typer.Exit(_run(cases, junit, update=update, quiet=quiet))


def _run(cases: Sequence[Placed], junit: Path | None, *, update: bool, quiet: bool) -> int:
    from noetl.conformance.header import Header
    from noetl.conformance.session import now
    from noetl.conformance.telling import failure
    from noetl.conformance.testing import Tests, unwritten, updated

    from .conforming.progress import Progress

    tests = Tests()
    header = Header("runtime", "", "", 0, "standard", began=now())
    progress = Progress(len(cases), shown=not quiet)
    records: list[Judged] = []
    changed: set[Path] = set()
    for one in tests.run(cases):
        progress.show(one)
        records.append(one)
        blank = unwritten(one.case)
        told = ""
        if update and (one.verdict != "passed" or blank) and updated(one):
            changed.add(one.path)
            told = f"updated {one.path}"
        elif one.verdict != "passed":
            told = "\n".join([*failure(one, header)[:-1], f"  again     noetl test {one.path}"])
        elif blank:
            told = f"{one.path} expects nothing: --update writes what happened"
        if told:
            progress.clear()
            print(told, flush=True)
    progress.clear()
    _tell(tests, records, changed, header, junit)
    return OK if all(one.verdict == "passed" or one.path in changed for one in records) else FINDINGS


def _tell(tests: Tests, records: list[Judged], changed: set[Path], header: Header, junit: Path | None) -> None:
    from noetl.conformance.reports.junit import junit as as_junit
    from noetl.conformance.results import Record, Results

    for playbook, branches in tests.branches():
        print(f"{playbook}: {branches}")
        for line in branches.missed():
            print(f"  {line}")
    if junit is not None:
        results = Results(header, tuple(Record.of(one, header) for one in records))
        try:
            junit.write_text(as_junit(results, "test"), encoding="utf-8")
        except OSError as error:
            raise UsageError(f'cannot write "{junit}": {error.strerror}') from error
    rest = [one for one in records if one.path not in changed]
    passed = sum(one.verdict == "passed" for one in rest)
    more = f", {len(changed)} updated" if changed else ""
    print(f"{len(records)} cases, {passed} passed, {len(rest) - passed} failed{more}")
