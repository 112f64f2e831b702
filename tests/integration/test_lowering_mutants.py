"""The distilled cases alone tell each faulty lowering from the right one, on real Airflow."""

from __future__ import annotations

import pytest

from noetl.conformance.adapters.airflow_cases import Airflow
from noetl.conformance.adapters.base import Broken
from noetl.conformance.conform import CASES
from noetl.conformance.lowering_mutants import LOWERING_MUTANTS
from noetl.conformance.observation import unmet
from noetl.conformance.suite import chosen, distilled, killers

REFUTED = {
    *("all-sources-exclude", "copies-shared", "cycle-cut", "entries-of-one-next-exclude", "join-in-copies"),
    *("region-without-its-exit", "second-target-dropped"),
}
"""The faults whose plans `targets.verify` refutes, so that nothing is emitted."""
NAMES = [mutant.name for mutant in LOWERING_MUTANTS]


@pytest.fixture(scope="module")
def said() -> dict[str, list[str]]:
    """For each fault what the first case said that failed: all are asked one case, those that pass it another one."""
    cases = {case.id: case for _, case in chosen(CASES)}
    left = {name: list(killers().get(name, ())) for name in NAMES}
    found: dict[str, list[str]] = {}
    with Airflow() as airflow:
        while pairs := [(cases[left[name].pop(0)], name) for name in NAMES if name not in found and left[name]]:
            for (case, name), seen in zip(pairs, airflow.observe_faulty(pairs), strict=True):
                assert not isinstance(seen, Broken), (case.id, seen)
                if lines := unmet(case, seen):
                    found[name] = lines
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
def test_a_distilled_case_is_red(name: str, said: dict[str, list[str]]) -> None:
    assert name in said
    assert ("the lowering is refuted" in said[name][0]) is (name in REFUTED)


def test_there_are_forty_and_each_is_kept_for() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 40
    kept = killers()
    assert {name for name in NAMES if not kept.get(name)} == set()
    assert {case for name in NAMES for case in kept[name]} <= distilled(3)
