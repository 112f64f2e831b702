"""What `--report DIR` leaves there beside `results.jsonl`, one module for each kind of reader."""

from __future__ import annotations

import json
from pathlib import Path

from ..case import Case
from ..results import Results
from .badges import badges
from .junit import junit
from .page import page
from .summary import summary


def write_report(folder: Path, results: Results, coverage: list[str]) -> None:
    """Write what people and CI read, beside `results.jsonl`; other files in the folder stay."""
    (folder / "junit.xml").write_text(junit(results), encoding="utf-8")
    (folder / "report.html").write_text(page(results, coverage), encoding="utf-8")
    (folder / "summary.md").write_text(summary(results, coverage), encoding="utf-8")
    (folder / "badge").mkdir(exist_ok=True)
    for name, badge in badges(results).items():
        (folder / "badge" / f"{name}.json").write_text(json.dumps(badge) + "\n", encoding="utf-8")


def write_case(folder: Path, case: Case) -> Path:
    """Write a case as a file that `--cases` reads, under its id."""
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import LiteralScalarString

    told = case.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if "playbook" in told:
        told["playbook"] = LiteralScalarString(told["playbook"])
    file = folder / f"{case.id}.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    writer = YAML()
    writer.width = 120
    with file.open("w", encoding="utf-8") as stream:
        writer.dump(told, stream)
    return file
