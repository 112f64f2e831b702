"""`noetl compile --target argo` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import noetl
from noetl.cli import main

PLAYBOOK = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: x, path: %s}
workflow:
  - step: start
    tool: {kind: python, code: "result = 1"}
    next: [end]
"""
CYCLE = PLAYBOOK.replace("next: [end]", "next: [again]\n  - step: again\n    next: [start]")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two playbooks."""
    monkeypatch.chdir(tmp_path)
    Path("flows/etl").mkdir(parents=True)
    Path("flows/a.yaml").write_text(PLAYBOOK % "a", "utf-8")
    Path("flows/etl/b.yaml").write_text(PLAYBOOK % "etl/b_c", "utf-8")
    return tmp_path


def compile_(*args: str) -> int:
    return main(["compile", *args, "--target", "argo"])


def test_a_folder_beside_its_playbooks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("flows", "-o", "flows") == 0
    assert "2 playbooks: 2 written" in capsys.readouterr().err
    written = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.argo.yaml"))
    assert written == ["flows/a.argo.yaml", "flows/etl/etl--b-c.argo.yaml"]
    # The manifests hold the texts of playbooks, and are none.
    assert compile_("flows", "-o", "flows", "--check") == 0
    assert "2 playbooks: 2 current" in capsys.readouterr().err
    Path("flows/a.yaml").unlink()
    assert compile_("flows", "-o", "flows", "--prune") == 0
    assert not Path("flows/a.argo.yaml").exists()


def test_standard_output_is_a_stream_of_documents(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("flows/a.yaml", "-o", "-") == 0
    out = capsys.readouterr().out
    kinds = [document["kind"] for document in YAML(typ="safe").load_all(out)]
    assert kinds == ["ConfigMap", "WorkflowTemplate"]


def test_the_story_and_what_is_needed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("flows/a.yaml", "-o", "out/", "--explain", "--requirements", "--format", "json") == 0
    (made,) = json.loads(capsys.readouterr().out)["playbooks"]
    assert (made["identity"], made["file"]) == ("a", "out/a.argo.yaml")
    assert [step["tasks"] for step in made["explanation"]["steps"]] == [["s-start"], ["s-end"]]
    assert made["requirements"]["packages"] == [f"noetl=={noetl.__version__}"]


def test_fallbacks_and_other_versions_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("flows/a.yaml").write_text(CYCLE % "a", "utf-8")
    assert compile_("flows/a.yaml", "--strict-native") == 1
    assert 'step "again" is not native on target "argo" [cycle]' in capsys.readouterr().err
    assert compile_("flows/a.yaml", "--target-version", "3.5") == 2
    assert 'target "argo" has no version "3.5"; versions: 4.1' in capsys.readouterr().err


def test_lint_knows_what_argo_does_not_carry(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("flows/a.yaml").write_text((PLAYBOOK % "a").replace("python", "snowflake").replace("code", "command"), "utf-8")
    main(["lint", "flows/a.yaml", "--target", "argo"])
    assert 'which target "argo" does not compile yet' in capsys.readouterr().out
