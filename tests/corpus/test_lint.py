"""What lint finds in each sample playbook, with a reason per finding: `tests/golden/samples/<name>.json`.

`--update-golden` writes what is found now; reasons are kept, new ones have to be written by hand.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from noetl.compiler.frontend import compile_source
from noetl.diagnostics import as_json

FOLDER: Final = Path(os.environ["NOETL_CORPUS"])
KEPT: Final = Path(__file__).parents[1] / "golden" / "samples"
NAMES: Final = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def findings(name: str) -> list[dict[str, Any]]:
    """As `noetl lint --format json` gives them; fixes are shown by their titles."""
    compiled = compile_source((FOLDER / f"{name}.yaml").read_bytes(), f"{name}.yaml")
    shown: list[dict[str, Any]] = []
    for diagnostic in compiled.diagnostics:
        found = as_json(diagnostic)
        if diagnostic.fix is not None:
            found["fix"] = diagnostic.fix.title
        shown.append(found)
    return shown


def identity(found: dict[str, Any]) -> tuple[object, ...]:
    return found["code"], found["line"], found["column"]


def update(name: str, found: list[dict[str, Any]]) -> None:
    path = KEPT / f"{name}.json"
    before: dict[str, Any] = {"why": "", "diagnostics": []}
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
    reasons = {identity(kept): kept["why"] for kept in before["diagnostics"]}
    told = [{**d, "why": reasons.get(identity(d), "")} for d in found]
    text = json.dumps({"why": before["why"], "diagnostics": told}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_findings_are_those_that_were_judged(name: str, update_golden: bool) -> None:
    found = findings(name)
    path = KEPT / f"{name}.json"
    if update_golden:
        update(name, found)
    if not path.exists():
        return  # a playbook of another corpus: it was answered
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["why"], "say what became of this sample"
    assert all(d["why"] for d in kept["diagnostics"]), "say why each finding is right"
    assert [{k: v for k, v in d.items() if k != "why"} for d in kept["diagnostics"]] == found


def test_there_are_samples_and_judgements() -> None:
    assert NAMES
    assert list(KEPT.glob("*.json"))
