"""`noetl compile` as people call it: what is written where, what is refused, what is told."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

import noetl
from noetl.cli import main

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a few playbooks; `same` has the path of `good`."""
    texts = {
        "good": "metadata: {name: good, path: a/good}\nworkflow: [{step: start, next: [end]}]\n",
        "other": "metadata: {name: other}\nworkflow: [{step: start}]\n",
        "same": "metadata: {name: same, path: a/good}\nworkflow: [{step: start}]\n",
        "odd_kind": "metadata: {name: o}\nworkflow: [{step: start, tool: {kind: container, image: x}}]\n",
        "broken": "metadata: {name: b}\nworkflow: [{step: start, next: [nowhere]}]\n",
        "odd": "metadata: {name: odd}\nworkflow: [{step: start, tool: {kind: python, code: 'x = 1', colour: red}}]\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(HEAD + text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml"
    )


def compile_(*args: str) -> int:
    return main(["compile", *args, "--target", "airflow"])


def test_a_dag_file_in_the_current_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("good.yaml") == 0
    assert written(folder) == ["a.good.py"]
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "wrote a.good.py\n")


def test_several_into_a_folder_that_is_made(folder: Path) -> None:
    assert compile_("good.yaml", "other.yaml", "-o", "x/dags/") == 0
    assert written(folder) == ["x/dags/a.good.py", "x/dags/other.py"]


def test_a_playbook_is_never_overwritten_by_its_dag(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "good.yaml").read_text("utf-8")
    assert compile_("./good.yaml", "-o", "good.yaml") == 2
    assert (folder / "good.yaml").read_text("utf-8") == before
    assert capsys.readouterr().err == 'noetl: error: "good.yaml" is a playbook that is compiled; nothing is written\n'


def test_one_into_a_file(folder: Path) -> None:
    assert compile_("good.yaml", "-o", "some.py") == 0
    assert written(folder) == ["some.py"]


def test_standard_output_with_the_story_on_standard_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("good.yaml", "-o", "-", "--explain") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith('"""Playbook good as an Airflow DAG.')
    assert shown.err.startswith("good.yaml -> DAG a.good: 2 steps, 3 tasks\n")
    assert written(folder) == []


def test_the_story_on_standard_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("good.yaml", "other.yaml", "--explain") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("good.yaml -> DAG a.good: 2 steps, 3 tasks\n\nstart (line 4)\n")
    assert "\n\nother.yaml -> DAG other: 1 step, 2 tasks\n" in shown.out
    assert "wrote other.py\n" in shown.err


def test_from_standard_input(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = (folder / "good.yaml").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert compile_("-", "-o", "-") == 0
    assert 'dag_id="a.good"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("files", "code", "place"),
    [
        (["good.yaml", "odd_kind.yaml"], "NTL504", "odd_kind.yaml:4:"),
        (["good.yaml", "broken.yaml"], "NTL203", "broken.yaml:4:"),
        (["good.yaml", "same.yaml"], "NTL506", "same.yaml:1:1:"),
        (["good.yaml", "same.yaml"], "NTL506", "good.yaml:1:1:"),
        (["odd_kind.yaml", "other.yaml", "broken.yaml"], "NTL504", "odd_kind.yaml:4:"),
        (["odd_kind.yaml", "other.yaml", "broken.yaml"], "NTL203", "broken.yaml:4:"),
    ],
)
def test_nothing_is_written_when_anything_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], files: list[str], code: str, place: str
) -> None:
    assert compile_(*files, "-o", "dags/") == 1
    assert written(folder) == []
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"error[{code}]" in shown.err
    assert any(line.startswith(place) for line in shown.err.splitlines())


def test_warnings_are_shown_and_do_not_refuse(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("odd.yaml") == 0
    assert "warning[NTL108]" in capsys.readouterr().err
    assert written(folder) == ["odd.py"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["good.yaml", "other.yaml", "-o", "one.py"], 'do not fit into "one.py"'),
        (["good.yaml", "other.yaml", "-o", "-"], 'do not fit into "-"'),
        (["good.yaml", "good.yaml"], "named twice"),
        (["missing.yaml"], '"missing.yaml" cannot be read'),
        (["good.yaml", "-o", "good.yaml/x.py"], 'cannot write "good.yaml/x.py"'),
    ],
)
def test_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str], args: list[str], message: str) -> None:
    assert compile_(*args) == 2
    assert message in capsys.readouterr().err
    assert written(folder) == []


def test_an_unknown_target(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "good.yaml", "--target", "cron"]) == 2
    assert 'there is no target "cron"; installed: airflow, argo' in capsys.readouterr().err


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--help"]) == 0
    assert "noetl compile playbook.yaml --target airflow" in capsys.readouterr().out


CALLS = HEAD + "metadata: {name: main}\nworkflow: [{step: start, tool: {kind: playbook, path: %s}}]\n"


def test_playbooks_of_its_own_folder_are_shipped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "main.yaml").write_text(CALLS % "other", "utf-8")
    assert compile_("main.yaml", "-o", "-") == 0
    shown = capsys.readouterr()
    assert '\nPLAYBOOKS = {\n    "other.yaml": """apiVersion: noetl.io/v2\n' in shown.out
    assert shown.err == ""


def test_a_playbook_that_is_not_there_is_a_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "main.yaml").write_text(CALLS % "lib/nowhere", "utf-8")
    assert compile_("main.yaml", "-o", "-") == 0
    assert 'main.yaml:4:55: warning[NTL508] no playbook has the path "lib/nowhere"' in capsys.readouterr().err


def test_a_path_by_a_template_needs_folders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "main.yaml").write_text(CALLS % '"{{ workload.x }}"', "utf-8")
    (folder / "lib").mkdir()
    (folder / "lib" / "child.yaml").write_text((folder / "other.yaml").read_text("utf-8"), "utf-8")
    assert compile_("main.yaml", "-o", "-") == 1
    assert "error[NTL507]" in capsys.readouterr().err
    assert compile_("main.yaml", "-o", "-", "--playbooks", "lib") == 0
    assert '    "child.yaml": """apiVersion' in (shown := capsys.readouterr().out)
    assert '    "main.yaml": PLAYBOOK,\n' in shown
    assert compile_("main.yaml", "-o", "-", "--playbooks", "nowhere") == 2
    assert capsys.readouterr().err == 'noetl: error: --playbooks names "nowhere", which is no folder\n'


def test_what_several_playbooks_need_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lake.yaml").write_text(
        HEAD + "metadata: {name: lake}\nworkflow: [{step: start, tool: {kind: duckdb, command: select 1}}]\n", "utf-8"
    )
    assert compile_("lake.yaml", "other.yaml", "-o", "dags/", "--requirements") == 0
    packages = [f"package noetl[{extras}]=={noetl.__version__}\n" for extras in ("airflow,duckdb", "airflow")]
    assert capsys.readouterr().out == "".join([*packages, "kind duckdb\n"])


def test_a_profile_says_how_tasks_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ops.yml").write_text("profile: 1\nsteps: {start: {airflow: {pool: db}}}\n", "utf-8")
    assert compile_("good.yaml", "other.yaml", "--profile", "ops.yml", "-o", "dags/") == 0
    assert 'pool="db"' in (folder / "dags" / "a.good.py").read_text("utf-8")
    assert 'pool="db"' in (folder / "dags" / "other.py").read_text("utf-8")
    assert compile_("good.yaml", "other.yaml", "--profile", "ops.yml", "-o", "dags/", "--check") == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("profile: 1\nsteps: {strt: {}}\n", 'ops.yml:2:9: error[NTL510] "strt" is no step of the playbooks'),
        ("profile: 1\nstep: {}\n", 'ops.yml:2:1: error[NTL101] unexpected key "step" in the profile'),
        (None, 'ops.yml:1:1: error[NTL010] "ops.yml" cannot be read'),
    ],
)
def test_a_profile_with_an_error_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str | None, told: str
) -> None:
    if text is not None:
        (folder / "ops.yml").write_text(text, "utf-8")
    assert compile_("good.yaml", "--profile", "ops.yml") == 1
    assert told in capsys.readouterr().err
    assert [name for name in written(folder) if name.endswith(".py")] == []
