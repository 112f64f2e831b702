"""Reports judged again, and adapters that are looked at."""

from __future__ import annotations

from pathlib import Path

from noetl.conformance.conform import CASES
from noetl.conformance.doctor import examine
from noetl.conformance.results import read_results, verified
from noetl.conformance.suite import chosen, digest
from noetl.errors import UsageError

from .. import FINDINGS, OK
from .judging import NOTHING
from .orders import Orders


def verify(files: list[str], orders: Orders) -> int:
    """Judge the observations of a report again; the exit code."""
    if len(files) != 1:
        raise UsageError("verify takes one results.jsonl")
    report = read_results(Path(files[0]))
    own = orders.cases is not None
    cases = [] if report.carried and not own else chosen(orders.cases or CASES)
    suite = {case.id: (path, case) for path, case in cases}
    wrong = verified(report, suite, digest(case for _, case in cases), own=own)
    for line in wrong:
        print(f"WRONG {line}")
    if missing := suite.keys() - {str(record.get("id")) for record in report.records}:
        print(f"{len(missing)} of {len(suite)} cases have no record")
    print(f"{files[0]}: {len(report.records)} records, {len(wrong)} wrong")
    return FINDINGS if wrong else OK if report.records else NOTHING


def doctor(orders: Orders) -> int:
    """Tell what is wrong with an adapter; the exit code."""
    bad = 0
    for finding in examine(orders.asked(), orders.tier):
        print(f"{'ok  ' if finding.ok else 'BAD '} {finding.what}", flush=True)
        for line in finding.advice:
            print(f"       {line}")
        bad += not finding.ok
    return FINDINGS if bad else OK
