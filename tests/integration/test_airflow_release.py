"""The order in which ready tasks run in process is drawn from the seed, and changes nothing of the outcome."""

from __future__ import annotations

import pytest

from noetl.conformance.adapters.airflow_cases import Airflow
from noetl.conformance.case import Case
from noetl.conformance.observation import Observation, unmet

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
def orders() -> list[str]:
    """In what order the requests of each case arrived."""
    cases = [CASE.model_copy(update={"id": name}) for name in IDS]
    with Airflow(seed=7) as place:
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
