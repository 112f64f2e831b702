"""What commands answer programs has the shape of its schema: `noetl schema compile`, `diff` and `trace`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from noetl import schema
from noetl.cli import main

GOLDEN = Path(__file__).parents[1] / "golden" / "airflow"
REFUSED = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: refused}
workflow:
  - step: start
    tool: {kind: snowflake, command: "select 1"}
"""


def answer(name: str, capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> Any:
    """The object that a command prints; it fits the schema of that name, and with a key more it does not."""
    capsys.readouterr()
    assert main([*arguments, "--format", "json"]) == code
    found = json.loads(capsys.readouterr().out)
    shape: Any = schema.load(name)
    validator = Draft202012Validator(shape)
    validator.validate(found)
    assert not validator.is_valid({**found, "more": 1})
    for key in shape["required"]:
        assert not validator.is_valid({other: found[other] for other in found if other != key}), key
    return found


def test_compile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = tmp_path / "refused.yaml"
    refused.write_text(REFUSED, "utf-8")
    files = [str(GOLDEN / f"{name}.yaml") for name in ("choice", "copies", "regions")]
    told = ["-t", "airflow", "-o", f"{tmp_path}/dags/", "--explain", "--requirements"]
    good = answer("compile", capsys, 0, "compile", *files, *told)
    assert [one["state"] for one in good["playbooks"]] == ["written"] * 3
    assert any("remedy" in step for one in good["playbooks"] for step in one["explanation"]["steps"])
    bad = answer("compile", capsys, 1, "compile", files[0], str(refused), "-t", "airflow", "-o", f"{tmp_path}/new/")
    assert {one["state"] for one in bad["playbooks"]} == {"held", "refused"}
    assert "NTL504" in [found["code"] for found in bad["diagnostics"]]
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "choice.yaml").write_bytes((GOLDEN / "choice.yaml").read_bytes())
    orphans = answer(
        "compile", capsys, 1, "compile", str(folder), "-t", "airflow", "-o", f"{tmp_path}/dags/", "--check"
    )
    assert {one["state"] for one in orphans["orphans"]} == {"orphan"}


def test_diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = GOLDEN / "regions.yaml"
    after = tmp_path / "after.yaml"
    text = before.read_text("utf-8").replace("step: late", "step: later").replace("[page, late]", "[page, later]")
    after.write_text(text.replace("mode: extend", "mode: append").replace('url: "{{ workload.api }}/mails"', "url: x"))
    found = answer("diff", capsys, 1, "diff", str(before), str(after), "--target", "airflow")
    assert {one["what"] for one in found["differences"]} >= {"renamed", "changed"}
    assert found["target"]["file_changes"] is True
    same = answer("diff", capsys, 0, "diff", str(before), str(before))
    assert (same["same"], same["differences"]) == (True, [])


def test_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(GOLDEN / "regions.yaml"), "-t", "airflow", "-o", str(tmp_path)]) == 0
    for task in ("split.region", "page.next.0", "start", "verdict"):
        assert answer("trace", capsys, 0, "trace", task, str(tmp_path))["task"] == task
