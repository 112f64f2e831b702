"""Targets that are wrong on purpose fail wherever the suite says anything of what they do wrong, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import pytest

from noetl.conformance.adapters.base import InProcess
from noetl.conformance.adapters.runtime import observe
from noetl.conformance.bogus import BOGUS, WRONG, distorted, table
from noetl.conformance.case import AnyOrder, Case
from noetl.conformance.claims import unproven
from noetl.conformance.conform import CASES, Claims, judged
from noetl.conformance.observation import Observation, unmet
from noetl.conformance.suite import TIMES, chosen, distilled
from noetl.diagnostics import Kind, Severity
from noetl.targets.base import Capability

Passes = Callable[[Case], bool]
ROOT: Final = Path(__file__).parents[2]


@lru_cache(1)
def observed() -> tuple[tuple[Case, Observation], ...]:
    """One run of the suite on the reference runtime."""
    return tuple((case, observe(case)) for _, case in chosen(CASES))


def wanted_requests(case: Case) -> int:
    entries = [one for found in (case.expect.requests or {}).values() for one in found]
    return sum(not isinstance(one, AnyOrder) for one in entries)


def says_nothing_of_requests(case: Case) -> bool:
    return not wanted_requests(case)


def says_nothing_of_attempts(case: Case) -> bool:
    found = [run.attempts or [] for run in case.expect.runs or ()]
    return not any(attempts > 1 for listed in found for attempts in listed)


MUST_FAIL: Final[dict[str, Passes]] = {
    "exit-1": lambda case: False,
    "refuse-all": lambda case: False,
    "succeed-without-running": lambda case: False,
    "drop-last-effect": says_nothing_of_requests,
    "duplicate-effect": says_nothing_of_requests,
    "ignore-retry": says_nothing_of_attempts,
    "leak-secret": lambda case: not case.credentials or case.expect.refused is not None,
}
"""Which cases each may pass."""


@pytest.mark.parametrize("name", MUST_FAIL)
def test_what_may_not_pass_does_not(name: str) -> None:
    passed = [case for case, seen in distorted(name, observed()) if not unmet(case, seen)]
    assert [case.id for case in passed if not MUST_FAIL[name](case)] == []


@pytest.mark.parametrize("name", sorted(BOGUS.keys() - {"sequential-only"}))
def test_each_is_seen_by_at_least_ten_cases(name: str) -> None:
    assert sum(bool(unmet(case, seen)) for case, seen in distorted(name, observed())) >= 10


def test_a_sequential_target_passes_what_the_runtime_passes() -> None:
    failed = {case.id for case, seen in observed() if unmet(case, seen)}
    assert {case.id for case, seen in distorted("sequential-only", observed()) if unmet(case, seen)} <= failed


def test_the_scores_are_those_of_the_docs() -> None:
    """The exact number of distilled cases that each passes; `python scripts/bogus.py` writes it."""
    wanted = distilled(TIMES)
    lines = table([(case, seen) for case, seen in observed() if case.id in wanted])
    assert "\n".join(lines) in (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert lines[2:5] == [f"| `{name}` | {WRONG[name]} | 0 |" for name in list(WRONG)[:3]]
    assert set(WRONG) == set(BOGUS)


class Lying(InProcess):
    """The runtime, with a table that refuses loops."""

    def table(self) -> Sequence[Capability]:
        code = Kind("NTL999", "refused", Severity.ERROR, "a loop")
        return [Capability("loop", "refused", "it has none", code, "never")]


def test_a_table_that_lies_is_seen() -> None:
    lying = Lying("lying", "noetl.conformance.adapters.runtime")
    records = [judged(case, CASES, seen, Claims.of(lying)) for case, seen in observed()]
    lines = unproven(lying, records)
    looped = [case.id for case, seen in observed() if case.id.startswith("LOP-2-") and seen.summary is not None]
    assert looped
    assert set(lines) >= {f"the table refuses loop, and {name}, which uses it, was run" for name in looped}
