"""Cases of the suite on a real server, with one worker and with eight."""

from __future__ import annotations

import pytest

from noetl.conformance.adapters.base import adapter
from noetl.conformance.conform import CASES, Claims, judge
from noetl.conformance.suite import chosen

WANTED = {
    "CAU-2-join-concatenates-in-branch-order",
    "LOP-4-token-per-iteration",
    "RET-2-waits",
    "RUN-8-cancelled-child",
    "TOO-4-failed-child-is-handled",
    "TOO-6-secret-in-iterations",
    "TPL-6-env",
    "VAL-1-payload",
}


@pytest.mark.parametrize("tier", ["one", "eight"])
def test_cases_come_to_the_outcome_that_the_law_says(tier: str) -> None:
    cases = [(path, case) for path, case in chosen(CASES) if case.id in WANTED]
    assert {case.id for _, case in cases} == WANTED
    with adapter("server", tier=tier) as place:
        judged = list(judge(place, cases, Claims.of(place)))
    assert {one.case.id: (one.verdict, one.said) for one in judged} == dict.fromkeys(WANTED, ("passed", ()))
