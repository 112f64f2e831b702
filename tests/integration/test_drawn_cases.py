"""Drawn playbooks as cases: always the same, right on the runtime, and small where a fault of the engine shows."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from noetl.compiler.frontend import compile_source
from noetl.conformance.adapters.base import adapter
from noetl.conformance.claims import unproven
from noetl.conformance.conform import Claims, judge
from noetl.conformance.drawn import case_of, drawn
from noetl.conformance.mutants import MUTANTS, applied
from noetl.conformance.observation import Observation
from noetl.conformance.session import Session
from noetl.conformance.shrink import candidates
from noetl.conformance.suite import chosen, fingerprint
from noetl.targets.airflow import TARGET
from noetl.targets.features import used

SOME = 12
MANY = 300
"""Of so many one at least shows the fault; none is judged after the first that does."""


def session(place: str) -> Session:
    return Session(adapter(place), [], "none", "standard", 0)


def test_the_same_seed_gives_the_same_cases() -> None:
    first = [case_of(name, playbook, "runtime") for name, playbook in drawn(3, 5)]
    more = [case_of(name, playbook, "runtime") for name, playbook in drawn(3, SOME)]
    assert [fingerprint(case) for case in first if case] == [fingerprint(case) for case in more[:5] if case]
    assert None not in more


def test_the_runtime_comes_to_what_the_spec_says(tmp_path: Path) -> None:
    found = list(session("runtime").draw(SOME, tmp_path))
    assert [(one.case.id, one.verdict, one.said) for one in found] == [
        (f"drawn-0-{n}", "passed", ()) for n in range(SOME)
    ]
    assert list(tmp_path.iterdir()) == []


def observations() -> int:
    gc.collect()
    return sum(isinstance(one, Observation) for one in gc.get_objects())


def test_nothing_that_was_observed_is_kept(tmp_path: Path) -> None:
    asked, before = session("runtime"), observations()
    assert sum(1 for _ in asked.draw(3, tmp_path)) == 3
    assert (observations(), len(asked.records)) == (before, 3)


def test_what_the_budget_leaves_out_is_told(tmp_path: Path) -> None:
    asked = Session(adapter("airflow"), [], "none", "standard", 0, budget=0.0)
    assert list(asked.draw(SOME, tmp_path)) == []
    told = asked.results().left
    assert told == ("12 of 12 drawn playbooks: the budget was used up", "tier scheduler: --tier scheduler asks it")


def test_a_tier_that_needs_more_says_what() -> None:
    told = Session(adapter("argo"), [], "none", "standard", 0).results().left
    assert told == ("tier live: it needs a cluster, which --kubeconfig names",)


def test_what_a_table_refuses_is_not_drawn() -> None:
    refused = {row.feature for row in TARGET.capabilities() if row.code is not None} - {"many-copies"}
    for _, playbook in drawn(1, SOME, TARGET.capabilities()):
        workflow = compile_source(playbook.text, "drawn.yaml").workflow
        assert workflow is not None
        assert not refused & {use.feature for use in used(workflow)}


def test_a_fault_is_found_and_made_small(tmp_path: Path) -> None:
    fault = next(mutant for mutant in MUTANTS if mutant.name == "unhandled-error-passes")
    asked = session("runtime")
    with applied(fault):
        failed = next(one for one in asked.draw(MANY, tmp_path) if one.verdict == "failed")
        (again,) = judge(adapter("runtime"), chosen(failed.path), Claims())
    assert again.said == failed.said
    workflow = compile_source(failed.case.text(), "drawn.yaml").workflow
    assert workflow is not None
    assert len(workflow.steps) <= 2
    (healed,) = judge(adapter("runtime"), chosen(failed.path), Claims())
    assert healed.verdict == "passed"


def test_every_candidate_is_smaller() -> None:
    playbook = next(playbook for _, playbook in drawn(0, 1))
    found = list(candidates(playbook))
    assert found
    assert all(len(one.text) <= len(playbook.text) for one in found)


@pytest.mark.parametrize("place", ["runtime", "spec"])
def test_a_place_that_carries_all_claims_nothing_wrong(place: str) -> None:
    assert unproven(adapter(place), []) == []
