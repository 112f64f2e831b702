"""What lint finds in each sample playbook and why it is refused elsewhere, with a reason for each finding.

They are kept in `tests/golden/samples/<name>.json`: `diagnostics` of lint, `run` and `airflow` where `noetl run` or
`noetl compile --target airflow` refuses the playbook. `--update-golden` writes what is found now; reasons are kept,
new ones have to be written by hand.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from noetl.compiler.frontend import Compilation
from noetl.diagnostics import Diagnostic, as_json
from noetl.errors import UnsupportedByTarget
from noetl.runtime.capabilities import refusals
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source

from ..property.broken import answer

FOLDER: Final = Path(os.environ["NOETL_CORPUS"])
KEPT: Final = Path(__file__).parents[1] / "golden" / "samples"
NAMES: Final = sorted(path.stem for path in FOLDER.glob("*.yaml"))
PLACES: Final = ("diagnostics", "run", "airflow")
Findings = dict[str, list[dict[str, Any]]]


def findings(name: str) -> Findings:
    """As `noetl lint --format json` gives them and the others would; fixes are shown by their titles."""
    compiled = answer((FOLDER / f"{name}.yaml").read_bytes())
    found: Findings = {"diagnostics": shown(name, compiled.diagnostics)}
    if compiled.ok and compiled.workflow is not None:
        found["run"] = shown(name, refusals(compiled.workflow, compiled.path))
        found["airflow"] = shown(name, refused_by_airflow(compiled))
    return {place: told for place, told in found.items() if told or place == "diagnostics"}


def refused_by_airflow(compiled: Compilation) -> tuple[Diagnostic, ...]:
    """Why the target does not compile it, if it does not."""
    assert compiled.workflow is not None
    try:
        TARGET.compile(Source(compiled.path, compiled.text, compiled.workflow))
    except UnsupportedByTarget as refused:
        return refused.diagnostics
    return ()


def shown(name: str, diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Diagnostics as JSON, at the sample's own name."""
    made: list[dict[str, Any]] = [{**as_json(found), "path": f"{name}.yaml"} for found in diagnostics]
    return [{**found, "fix": found["fix"]["title"]} if "fix" in found else found for found in made]


def identity(place: str, found: dict[str, Any]) -> tuple[object, ...]:
    return place, found["code"], found["line"], found["column"]


def update(name: str, found: Findings) -> None:
    """Keep what is found now, with the reasons that were given before."""
    path = KEPT / f"{name}.json"
    before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"why": ""}
    reasons = {identity(place, kept): kept["why"] for place in PLACES for kept in before.get(place, [])}
    judged: dict[str, Any] = {"why": before["why"]}
    for place, told in found.items():
        judged[place] = [{**one, "why": reasons.get(identity(place, one), "")} for one in told]
    path.write_text(json.dumps(judged, indent=2) + "\n", encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_findings_are_those_that_were_judged(name: str, update_golden: bool) -> None:
    found = findings(name)
    path = KEPT / f"{name}.json"
    if update_golden:
        update(name, found)
    if not path.exists():
        return  # a playbook of another corpus: `answer` has checked that it has an answer
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept.pop("why"), "say what became of this sample"
    assert all(one["why"] for told in kept.values() for one in told), "say why each finding is right"
    assert {p: [{k: v for k, v in one.items() if k != "why"} for one in told] for p, told in kept.items()} == found


def test_every_judgement_is_about_a_sample() -> None:
    kept = {path.stem for path in KEPT.glob("*.json")}
    assert kept
    assert kept <= set(NAMES)
