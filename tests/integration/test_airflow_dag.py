"""What Airflow's own parser makes of emitted files: the plan; and what it says of files that do not fit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import noetl
from noetl.compiler.frontend import compile_source
from noetl.targets.airflow import TARGET
from noetl.targets.airflow.layout import lay_out
from noetl.targets.base import Source
from noetl.targets.plan import plan

GOLDEN = Path(__file__).parents[1] / "golden" / "airflow"
JOIN = "none_failed_min_one_success"
DAGS = {"choice": "golden.choice", "copies": "two..20tokens", "regions": "golden.regions"}


def source(name: str) -> Source:
    found = compile_source((GOLDEN / f"{name}.yaml").read_bytes(), f"{name}.yaml")
    assert found.workflow is not None
    return Source(found.path, found.text, found.workflow)


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("dags")
    for name in DAGS:
        (folder / f"{name}.py").write_text(TARGET.compile(source(name)).content, "utf-8")
    good = TARGET.compile(source("choice")).content
    (folder / "edited.py").write_text(good.replace("sorry", "not sorry"), "utf-8")
    (folder / "newer.py").write_text(good.replace(f'made_by="{noetl.__version__}"', 'made_by="99.0.0"'), "utf-8")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("home")), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [sys.executable, str(Path(__file__).with_name("airflow_dump.py")), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("name", "dag"), DAGS.items())
def test_tasks_and_arrows_are_the_plans(parsed: dict[str, Any], name: str, dag: str) -> None:
    tasks = parsed["dags"][dag]["tasks"]
    layout = lay_out(source(name).workflow, plan(source(name).workflow))
    upstream: dict[str, set[str]] = {task.task_id: set() for task in layout.steps}
    for one, arrow, other in layout.arrows():
        between = one.edge_task(arrow.edge)
        if one.unit.chooses:
            upstream[between] = {one.task_id}
        upstream[other.task_id].add(between if one.unit.chooses else one.task_id)
    branches = {task.task_id for task in layout.steps if task.unit.chooses}
    upstream["verdict"] = set(upstream) - branches
    assert {id_: set(task["upstream"]) for id_, task in tasks.items()} == upstream
    steps = {task.task_id: task.unit for task in layout.steps}
    for id_, task in tasks.items():
        gathers = id_ == "verdict" or (id_ in steps and steps[id_].gathers)
        waits = id_ in steps and upstream[id_]
        assert task["rule"] == ("all_done" if gathers else JOIN if waits else "all_success")
        expected = "Verdict" if id_ == "verdict" else "EmptyOperator"
        if id_ in steps:
            region = steps[id_].kind == "region"
            expected = f"{'Branch' if id_ in branches else 'Plain'}{'Region' if region else 'Step'}"
        assert task["class"] == expected
        retries = 2 if id_ in steps and steps[id_].kind == "region" else 0
        assert (task["retries"], task["templates"], task["result"]) == (retries, [], id_ == "verdict")


def test_what_the_pages_of_airflow_show(parsed: dict[str, Any]) -> None:
    dag = parsed["dags"]["golden.choice"]
    assert dag["params"] == {"limit": 10}
    assert (dag["schedule"], dag["catchup"], dag["tags"]) == (None, False, ["a", "b", "noetl"])
    assert dag["doc"].startswith("A choice, a handled error and a join\n\nA NoETL playbook")
    assert "| `excuse` | 23 | `excuse` |\n" in dag["doc"]
    assert dag["tasks"]["many"]["doc"] == (
        "Step `many`, line 21 of the playbook:\n\n```yaml\n- step: many\n  next: end\n```\n"
    )


def test_a_parse_loads_neither_compiler_nor_runtime(parsed: dict[str, Any]) -> None:
    stages = {name.split(".")[1] for name in parsed["modules"] if "." in name}
    assert stages <= {"errors", "targets"}
    assert "noetl.targets.airflow.operators" in parsed["modules"]


def test_files_that_do_not_fit_are_import_errors_that_say_what_to_do(parsed: dict[str, Any]) -> None:
    errors = {Path(file).stem: text for file, text in parsed["errors"].items()}
    assert set(errors) == {"edited", "newer"}
    assert "edit the playbook and compile it again" in errors["edited"]
    assert f"made by noetl 99.0.0, and noetl {noetl.__version__} is installed here: compile" in errors["newer"]


@pytest.mark.parametrize("name", DAGS)
def test_ruff_has_nothing_to_say_of_an_emitted_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "dag.py"
    file.write_text(TARGET.compile(source(name)).content, "utf-8")
    rules = "AIR,E,F,I,W,UP,B,SIM,RUF,PIE"
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--preview",
        "--line-length",
        "120",
        "--select",
        rules,
    ]
    done = subprocess.run([*command, str(file)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
