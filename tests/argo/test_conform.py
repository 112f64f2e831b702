"""`noetl conform --target argo`: the smoke level and drawn playbooks, through manifests, the model and real pods."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from noetl.conformance.adapters.argo import Argo
from noetl.conformance.adapters.base import adapter
from noetl.conformance.conform import CASES, Claims, judge
from noetl.conformance.drawn import case_of, drawn
from noetl.conformance.session import Session
from noetl.conformance.suite import at_level, chosen, digest

DRAWN: Final = int(os.environ.get("NOETL_ARGO_CASES", "12"))
SEED: Final = int(os.environ.get("NOETL_ARGO_SEED", "1"))


def test_the_smoke_level_is_green_and_its_header_says_what_no_cluster_has_seen() -> None:
    every = chosen(CASES)
    picked = at_level(every, "smoke")
    with adapter("argo") as argo:
        assert argo.tier == "model"
        session = Session(argo, picked, digest(case for _, case in every), "smoke", 0)
        red = [(one.case.id, one.said) for one in session.run() if one.verdict not in ("passed", "declared", "not run")]
        results = session.results()
    assert red == []
    assert results.counts()["passed"] >= 45
    assert results.header.place() == "argo (model)"
    assert results.header.versions["live tier"] == "NOT_RUN"
    assert [line.partition(":")[0] for line in results.left] == ["tier live"]


def test_drawn_playbooks_agree_with_the_runtime() -> None:
    with Argo() as argo:
        cases = [case_of(name, playbook, "argo") for name, playbook in drawn(SEED, DRAWN, argo.table())]
        placed = [(Path(f"{case.id}.yaml"), case) for case in cases if case is not None]
        red = [(one.case.text(), one.said) for one in judge(argo, placed, Claims.of(argo)) if one.verdict != "passed"]
    assert len(placed) > DRAWN // 2
    assert red == []
