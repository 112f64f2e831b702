"""The conformance cases on real Airflow: the expectations are the same as for the runtime (CAU-4)."""

from __future__ import annotations

import os

import pytest

from noetl.conformance.adapters.airflow_cases import Airflow
from noetl.conformance.adapters.base import Broken, Observed
from noetl.conformance.case import Case
from noetl.conformance.conform import CASES as FOLDER
from noetl.conformance.observation import unmet
from noetl.conformance.suite import chosen

EVERY = int(os.environ.get("NOETL_AIRFLOW_EVERY", "1"))
"""Only every n-th case is run."""


def asked() -> dict[str, Case]:
    """The cases that an emitted DAG can be asked: no refusals. A case says itself where it makes no sense."""
    found = {
        case.id: case
        for _, case in chosen(FOLDER)
        if case.expect.refused is None and case.asked_of("airflow", "inproc")
    }
    return {name: case for n, (name, case) in enumerate(sorted(found.items())) if n % EVERY == 0}


CASES = asked()


@pytest.fixture(scope="module")
def observed() -> dict[str, Observed]:
    with Airflow() as airflow:
        return dict(zip(CASES, airflow.observe([*CASES.values()]), strict=True))


@pytest.mark.timeout(2000)
@pytest.mark.parametrize("name", CASES)
def test_case(name: str, observed: dict[str, Observed]) -> None:
    seen = observed[name]
    assert not isinstance(seen, Broken), seen
    assert unmet(CASES[name], seen) == []
