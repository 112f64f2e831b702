"""`noetl trace` as people call it: a task id, what names one, and a log."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from noetl.cli import main
from noetl.compiler.frontend import load
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source

GOLDEN = Path(__file__).parents[1] / "golden" / "airflow"
LONG = "x" * 260
NAMES = f"""\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {{name: names}}
workflow:
  - step: start
    next: [load/users, verdict, "{LONG}"]
  - step: load/users
    next: end
  - step: verdict
    next: end
  - step: "{LONG}"
    next: [end, end]
  - step: end
    join: each
"""


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dags")
    for name in ("choice", "regions"):
        text = (GOLDEN / f"{name}.yaml").read_text("utf-8")
        made = TARGET.compile(Source(f"somewhere/{name}.yaml", text, load(text, name)))
        (folder / made.file).write_text(made.content, "utf-8")
    made = TARGET.compile(Source("names.yaml", NAMES, load(NAMES, "names.yaml")))
    (folder / made.file).write_text(made.content, "utf-8")
    (folder / "by_hand.py").write_text("with DAG('x') as dag: pass\n", "utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG\xff")
    return folder


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (
            "split.region",
            ["golden.regions split.region: region", "regions.yaml:16-22 step", "[fan-out]", "leads to end"],
        ),
        ("golden.regions/any/page", ["golden.regions page: region", 'regions.yaml:8-15 step "page"', "[cycle]"]),
        ("wait.region.wait.next.0", ['edge wait.next.0 of step "wait" to end\n', "  regions.yaml:34\n"]),
        ("start.rule1.1", ['golden.choice start.rule1.1: edge rule1.1 of step "start" to end\n  choice.yaml:19\n']),
        ("dag_id=golden.choice/run_id=r/task_id=many/attempt=1.log", ["golden.choice many: step", "choice.yaml:21-22"]),
        ("http://x/dags/golden.choice/runs/r/tasks/excuse?try=1", ["golden.choice excuse: step", "choice.yaml:23-27"]),
        ("names/r/verdict", ["names verdict: the status and the outcome of the whole execution of names.yaml\n"]),
        ("load.2fusers", ['names.yaml:7-8 step "load/users"']),
        (".76erdict", ['names.yaml:9-10 step "verdict"']),
        ("end.copy4", ["names.yaml:13-14"]),
    ],
)
def test_a_task_leads_to_the_playbook(
    task: str, expected: list[str], dags: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", task, str(dags)]) == 0
    told = capsys.readouterr().out
    assert all(part in told for part in expected), told


def test_an_id_that_was_cut_leads_to_its_step(dags: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = next(id_ for id_ in (dags / "names.py").read_text("utf-8").split() if id_.startswith("xxx") and ".h" in id_)
    assert main(["trace", cut, str(dags / "names.py"), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "in": "names",
        "task": cut,
        "is": "step",
        "playbook": "names.yaml",
        "parts": [{"step": LONG, "lines": [11, 12], "reason": "one-edge", "why": "one edge leads here"}],
        "edge": None,
        "leads_to": ["end.copy3", "end.copy4"],
    }


def test_a_log_is_passed_on_with_what_its_tasks_stand_for(
    dags: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = (
        "nothing\n"
        "x <TaskInstance: golden.choice.many manual__2026-01-01T00:00:00+00:00 [running]> y\n"
        '{"event": "Done", "dag_id": "golden.regions", "task_id": "late"}\n'
        "again <TaskInstance: golden.choice.many manual__2026-01-01T00:00:00+00:00 [success]>\n"
        "of another <TaskInstance: by_hand.many r [success]>"
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO(log))
    assert main(["trace", "-", str(dags)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if line in log.splitlines()] == log.splitlines()
    assert told[2:4] == ["golden.choice many: step", '  choice.yaml:21-22 step "many": one edge leads here [one-edge]']
    assert told.count("golden.choice many: step") == 1
    assert "golden.regions late: step" in told
    assert len(told) == 5 + 3 + 3


def test_what_is_not_there(dags: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "nothing", str(dags)]) == 1
    assert "no task of golden.choice, golden.regions, names is named there" in capsys.readouterr().err
    assert main(["trace", "end", str(dags)]) == 2
    assert 'several have a task "end": golden.choice, golden.regions; say which' in capsys.readouterr().err
    assert main(["trace", "end", str(dags / "by_hand.py")]) == 2
    assert "holds no file that noetl compiled" in capsys.readouterr().err
    assert main(["trace", "end", str(tmp_path / "none.py")]) == 2
    assert 'none.py" cannot be read: no such file' in capsys.readouterr().err


def test_a_file_that_this_noetl_would_lay_out_otherwise_keeps_its_places(
    dags: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.py"
    other.write_text(
        (dags / "golden.choice.py").read_text("utf-8").replace("\nmany 21-22\n", "\nmany 20-22\n"), "utf-8"
    )
    assert main(["trace", "many", str(other)]) == 0
    assert capsys.readouterr().out == 'golden.choice many: step\n  choice.yaml:20-22 step "many"\n  leads to end\n'
