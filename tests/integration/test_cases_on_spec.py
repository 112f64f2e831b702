"""Every conformance case on the independent reading of the semantics, with the same expectation as on the runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from noetl.conformance.adapters.spec import observe
from noetl.conformance.case import Case, cases_in
from noetl.conformance.observation import unmet
from noetl.conformance.spec import Limits

ROOT: Final = Path(__file__).parents[2]
CASES: Final = list(cases_in(ROOT / "conformance" / "cases"))
FEW: Final = Limits(runs=300)
"""The spec keeps whole keys and whole lists of ancestors, so endless playbooks get the limit of a patient reader."""


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for _, case in CASES])
def test_case(case: Case) -> None:
    assert unmet(case, observe(case, FEW if "RUN-7" in case.clauses else None)) == []
