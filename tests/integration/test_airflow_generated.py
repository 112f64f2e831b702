"""Generated playbooks mean on real Airflow what they mean on the runtime: all of what is told of them (CAU-5)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from noetl.conformance.adapters import runtime
from noetl.conformance.adapters.airflow import AirflowCase
from noetl.conformance.adapters.airflow_cases import Airflow
from noetl.conformance.adapters.base import Observed
from noetl.conformance.case import Case
from noetl.conformance.drawn import case_of, drawn
from noetl.conformance.judge import differences
from noetl.conformance.observation import Observation

COUNT = int(os.environ.get("NOETL_AIRFLOW_CASES", "25"))
SEED = int(os.environ.get("NOETL_AIRFLOW_SEED", "1"))
SMALL = """

def small_values_by_reference():
    from noetl.targets.airflow import operators

    before = operators._values

    def values(context):
        found = before(context)
        if context["ti"].dag_id == dag.dag_id:
            found._limit = 30
        return found

    operators._values = values


small_values_by_reference()
"""


class EverySecondByReference(Airflow):
    """Airflow, where every second DAG passes on by reference what is small, too."""

    def made(self, number: int, case: Case, fault: str | None, probe: str, folder: Path) -> AirflowCase | Observed:
        found = super().made(number, case, fault, probe, folder)
        if number % 2 == 0 or not isinstance(found, AirflowCase):
            return found
        return replace(found, content=found.content + SMALL)


@pytest.mark.timeout(1000)
def test_generated_playbooks_agree() -> None:
    with EverySecondByReference() as airflow:
        made = [case_of(name, playbook, "airflow") for name, playbook in drawn(SEED, COUNT, airflow.table())]
        cases = [case for case in made if case is not None]
        assert len(cases) == COUNT
        for case, seen in zip(cases, airflow.observe(cases), strict=True):
            wanted = runtime.observe(case).summary
            assert isinstance(seen, Observation), f"{seen}\n{case.text()}"
            assert seen.problem is None, f"{seen.problem}\n{case.text()}"
            assert wanted is not None
            assert seen.summary is not None
            assert not (found := differences(wanted, seen.summary)), f"{found}\n{case.text()}"
