"""`noetl init`: its playbook lints, runs and compiles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from noetl.cli import OK, USAGE, main
from noetl.compiler.frontend import compile_source


def test_the_playbook_lints_runs_and_compiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "hello.yaml"
    assert main(["init", str(tmp_path / "new")]) == OK
    assert capsys.readouterr().out.startswith(f"wrote {path}\n")
    assert compile_source(path.read_bytes(), "hello.yaml").diagnostics == ()
    assert main(["lint", "--strict", str(path)]) == OK
    for name, greeting in (("Ada", "Hello, Ada!"), ("Rumpelstiltskin", "Hello, Rumpels...")):
        capsys.readouterr()
        assert main(["run", str(path), "--set", f"name={name}", "--quiet", "--no-log"]) == OK
        assert json.loads(capsys.readouterr().out)["greeting"] == greeting
    assert main(["compile", str(path), "--target", "airflow", "-o", str(tmp_path / "dags") + "/"]) == OK
    assert [file.name for file in (tmp_path / "dags").iterdir()] == ["hello.py"]


@pytest.mark.parametrize(
    ("file", "name"), [("Load Users-2.yml", "load_users_2"), ("7.yaml", "playbook_7"), ("été.yaml", "t")]
)
def test_the_name_comes_from_the_file(file: str, name: str, tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / file)]) == OK
    compiled = compile_source((tmp_path / file).read_bytes(), file)
    assert compiled.workflow is not None
    assert compiled.workflow.name == name


def test_a_file_that_exists_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hello.yaml"
    path.write_text("mine", "utf-8")
    assert main(["init", str(tmp_path)]) == USAGE
    assert "exists already" in capsys.readouterr().err
    assert path.read_text("utf-8") == "mine"


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    assert main(["init", str(tmp_path / "file" / "x.yaml")]) == USAGE
    assert "cannot write" in capsys.readouterr().err
