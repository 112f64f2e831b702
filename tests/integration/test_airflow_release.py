"""The same seed on Airflow: the same cases, in the same order of ready tasks, and the same verdicts.

Another seed is another order, which changes nothing of the outcome.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from noetl.conformance.adapters.airflow_cases import Airflow
from noetl.conformance.case import Case, Expect
from noetl.conformance.conform import Judged
from noetl.conformance.judge import masked
from noetl.conformance.observation import Observation, unmet
from noetl.conformance.session import Session
from noetl.conformance.suite import fingerprint

SEED = 7
IDS = ("one", "two", "three", "one")
"""The seed of a case is that of the session, with the id of the case."""
BRANCHES = "abcd"
STEPS = "".join(
    f'  - step: {name}\n    tool: {{kind: http, url: "{{{{ workload.probe }}}}/{name}"}}\n    next: end\n'
    for name in BRANCHES
)
CASE = Case.model_validate(
    {
        "format": 1,
        "id": "branches",
        "clauses": ["CAU-4"],
        "title": "four branches that meet",
        "playbook": "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: case}\nworkflow:\n"
        f"  - step: start\n    next: [{', '.join(BRANCHES)}]\n{STEPS}"
        "  - step: end\n    case:\n      - when: \"{{ event.name == 'step.exit' }}\"\n"
        "        then: {result: {from: '[a.label, b.label, c.label, d.label]'}}\n",
        "expect": {"status": "completed", "output": list(BRANCHES)},
    }
)


@pytest.fixture(scope="module")
def place() -> Iterator[Airflow]:
    with Airflow(SEED) as airflow:
        yield airflow


@pytest.fixture(scope="module")
def orders(place: Airflow) -> list[str]:
    """In what order the requests of each case arrived."""
    cases = [CASE.model_copy(update={"id": name}) for name in IDS]
    seen = [*place.observe(cases)]
    found: list[str] = []
    for case, one in zip(cases, seen, strict=True):
        assert isinstance(one, Observation)
        assert unmet(case, one) == []
        found.append("".join(request.label for request in one.requests))
    return found


def test_another_seed_is_another_order(orders: list[str]) -> None:
    assert {"".join(sorted(order)) for order in orders} == {BRANCHES}
    assert len(set(orders)) > 1


def test_the_same_seed_is_the_same_order(orders: list[str]) -> None:
    assert orders[0] == orders[-1]


def told(one: Judged) -> tuple[str, str, str, tuple[str, ...], list[str], str]:
    """A case, what it came to, and all that was seen of it but addresses and times."""
    assert one.seen is not None
    seen = re.sub(r"127\.0\.0\.1:\d+", "probe", json.dumps(masked(dict(one.seen.summary or {}))))
    arrived = [f"{request.label}#{request.n}" for request in one.seen.requests]
    return one.case.id, fingerprint(one.case), one.verdict, one.said, arrived, seen


def test_the_same_seed_gives_the_same_cases_and_verdicts(place: Airflow, tmp_path: Path) -> None:
    wrong = CASE.model_copy(update={"id": "wrong", "expect": Expect(status="failed")})
    sessions = [Session(place, [(tmp_path, CASE), (tmp_path, wrong)], "", "standard", SEED) for _ in range(2)]
    first, again = ([told(one) for one in [*asked.run(), *asked.draw(3, tmp_path)]] for asked in sessions)
    assert first == again
    assert [verdict for _, _, verdict, *_ in first] == ["passed", "failed", "passed", "passed", "passed"]
    assert sessions[0].records[1].again.endswith(f"--tier inproc --cases {tmp_path} --seed {SEED}")
