"""Distilled cases tell each faulty lowering to Argo from the right one, on the model tier with real pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from noetl.conformance.adapters.argo import Argo
from noetl.conformance.adapters.base import Broken
from noetl.conformance.argo_mutants import ARGO_MUTANTS, FILE
from noetl.conformance.conform import CASES
from noetl.conformance.mutants import applied
from noetl.conformance.observation import unmet
from noetl.conformance.suite import chosen, distilled

SEEN_BY: Final[Mapping[str, str]] = {
    "children-left-out": "SKP-1-skipped-run-in-a-child",
    "children-not-found": "SKP-1-skipped-run-in-a-child",
    "choices-forgotten": "FAI-1-after-a-next",
    "conditions-forgotten": "FAI-1-after-a-next",
    "conditions-of-one-source": "LOP-7-empty-fan-out-at-a-join",
    "credentials-withheld": "TOO-11-credential",
    "dead-ends-fail": "RUN-3-error-of-the-smallest-key",
    "edges-not-written": "LOP-3-next-at-the-last-exit",
    "edges-of-rules-merged": "RUL-4-error-in-a-router",
    "edges-shared": "LOP-3-next-at-the-last-exit",
    "environment-withheld": "TPL-6-env",
    "failure-swallowed": "RUN-6-cycle-beside-a-failed-branch",
    "failures-untold": "RUN-6-poison-below-a-poisoned-join",
    "files-elsewhere": "TOO-5-file",
    "first-edge-taken": "RUL-4-error-in-a-router",
    "joins-despite-failures": "RUN-6-cycle-beside-a-failed-branch",
    "joins-need-all": "DOC-7-undeclared-end",
    "joins-need-every-source": "STP-1-join-all-with-one-token",
    "no-packets": "CAU-2-loop-in-a-branch",
    "one-source-of-a-join": "LOP-7-empty-fan-out-at-a-join",
    "one-token-of-an-edge": "CAU-2-forks-of-iterations",
    "packet-of-another-token": "CAU-2-cycle-that-forks",
    "payload-ignored": "RUN-1-deep-merge",
    "poison-of-regions-forgotten": "RUN-6-poison-below-a-poisoned-join",
    "records-of-one-run": "CAU-2-cycle-that-forks",
    "regions-fail-unseen": "RUN-6-cycle-beside-a-failed-branch",
    "regions-fail-where-they-do-not": "RUN-6-cycle-beside-a-failed-branch",
    "regions-not-asked": "RUN-6-poison-below-a-poisoned-join",
    "skipped-is-failed": "RUN-3-error-of-the-smallest-key",
    "tokens-of-every-edge": "STP-1-same-rule-of-two-sources",
    "verdict-forgets-tasks": "RUN-3-error-of-the-smallest-key",
}
"""For each fault a case that is red with it."""
REFUTED: Final = {
    *("choices-forgotten", "conditions-forgotten", "conditions-of-one-source", "joins-despite-failures"),
    *("joins-need-all", "regions-fail-unseen", "regions-fail-where-they-do-not", "regions-not-asked"),
    *("skipped-is-failed", "verdict-forgets-tasks"),
}
"""The faults whose manifests do not fit the plan, so that none is written."""
NAMES: Final = [mutant.name for mutant in ARGO_MUTANTS]


@pytest.fixture(scope="module")
def said() -> dict[str, list[str]]:
    """For each fault what its case said."""
    cases = {case.id: case for _, case in chosen(CASES)}
    pairs = [(cases[SEEN_BY[name]], name) for name in NAMES]
    with Argo() as argo:
        seen = list(argo.observe_faulty(pairs))
    assert not [one for one in seen if isinstance(one, Broken)]
    return {
        name: unmet(case, one) for (case, name), one in zip(pairs, seen, strict=True) if not isinstance(one, Broken)
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_distilled_case_is_red(name: str, said: dict[str, list[str]]) -> None:
    assert said[name]
    assert ("the lowering is refuted" in said[name][0]) is (name in REFUTED)


def test_every_fault_can_be_put_in() -> None:
    for mutant in ARGO_MUTANTS:
        if mutant.where != FILE:
            with applied(mutant):  # in a pod nobody would hear of one whose place is gone
                pass


def test_there_are_thirty_and_each_is_kept_for() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 30
    assert SEEN_BY.keys() == set(NAMES)
    assert set(SEEN_BY.values()) <= distilled(3)
