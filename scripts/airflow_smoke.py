"""Runs compiled DAGs on versions of Airflow, each in an environment of its own, beside the reference runtime.

    python scripts/airflow_smoke.py [VERSION...]
    python scripts/airflow_smoke.py VERSION --python PYTHON

The environments are made in build/ with the packages of the time when that Airflow came out, as its constraints have
them, and are kept. PYTHON is the interpreter of another one, with apache-airflow VERSION.*, its standard provider, and
what noetl itself needs; noetl is taken from here. A line is printed for each playbook; the exit code is 1 where an
outcome differs.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
GOLDEN: Final = ROOT / "tests" / "golden" / "airflow"
NAMES: Final = ("choice", "copies", "regions")
PROFILE: Final = """
profile: 1
owner: smoke
schedule: {cron: "0 6 * * *", timezone: Europe/Berlin, start: 2026-01-01}
max_active_runs: 1
defaults: {timeout: 600, airflow: {priority_weight: 2}}
steps: {start: {owner: me}}
"""
RELEASES: Final = {"3.1": ("3.1.8", "2026-03-20"), "3.2": ("3.2.2", "2026-06-05"), "3.3": ("3.3.2", "2026-09-24")}
"""By version its last release, with a day soon after it: newer packages than that may not fit it."""
SECONDS: Final = 1800


def main() -> int:
    """The exit code."""
    if sys.argv[1:2] == ["--child"]:
        run_all(Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", metavar="VERSION", nargs="*", help=", ".join(RELEASES))
    parser.add_argument("--python", help="an interpreter that has this Airflow")
    asked = parser.parse_args()
    unknown = [version for version in asked.versions if version not in RELEASES]
    if unknown or (asked.python and len(asked.versions) != 1):
        parser.error(f"no such version: {unknown[0]}" if unknown else "--python goes with one version")
    wrong = [v for v in asked.versions or RELEASES if not same(v, asked.python or environment_of(v))]
    return 1 if wrong else 0


def same(version: str, python: str) -> bool:
    """Whether every playbook comes to what the runtime makes of it; a line is printed for each."""
    with tempfile.TemporaryDirectory(prefix="noetl-smoke-") as folder:
        home = Path(folder)
        expected = emit(version, home / "dags")
        found = in_environment(python, home)
    problems = {dag_id: difference(summary, found["runs"].get(dag_id)) for dag_id, summary in expected.items()}
    for dag_id, problem in problems.items():
        print(f"airflow {found['version']}: {dag_id}: {problem or 'as the reference runtime has it'}", flush=True)
    return not any(problems.values())


def environment_of(version: str) -> str:
    """The interpreter of the environment in build/, which is made if it is not there."""
    release, day = RELEASES[version]
    place = ROOT / "build" / f"airflow-{release}"
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        own = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)], check=True)
        wanted = [f"apache-airflow=={release}", "apache-airflow-providers-standard", *own]
        command = [uv, "pip", "install", "--quiet", "--python", str(python), "--exclude-newer", f"{day}T00:00:00Z"]
        subprocess.run([*command, *wanted], check=True)
        (place / "complete").touch()
    return str(python)


def emit(version: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Write the DAG files; by DAG id what the runtime makes of each playbook."""
    from noetl.compiler.frontend import compile_source
    from noetl.runtime.credentials import MappedCredentials
    from noetl.runtime.embedded import execute
    from noetl.runtime.scope import ExecutionInfo
    from noetl.runtime.system import RandomIds, SystemClock
    from noetl.runtime.tools import ToolBox
    from noetl.targets.airflow import TARGET
    from noetl.targets.base import Options, Source
    from noetl.targets.profile import parse

    folder.mkdir()
    expected = {}
    profile = parse(PROFILE, "profile").profile
    for name in NAMES:
        read = compile_source((GOLDEN / f"{name}.yaml").read_bytes(), f"{name}.yaml")
        if read.workflow is None:
            raise ValueError(f"{name}.yaml has errors: {read.diagnostics}")
        # One of them without a profile.
        options = Options(version=version, profile=None if name == "copies" else profile)
        made = TARGET.compile(Source(read.path, read.text, read.workflow), options)
        (folder / made.file).write_text(made.content, encoding="utf-8")

        async def run(workflow: Any = read.workflow) -> dict[str, Any]:
            toolbox = ToolBox(MappedCredentials({}))
            try:
                info = ExecutionInfo(RandomIds().execution_id(), {})
                return (await execute(workflow, {}, info, toolbox, SystemClock())).summary()
            finally:
                await toolbox.close()

        expected[made.identity] = asyncio.run(run())
    return expected


def in_environment(python: str, home: Path) -> dict[str, Any]:
    """What the other environment makes of the DAG files."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("AIRFLOW", "NOETL_", "PYTHON"))}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONPATH": str(ROOT / "src"),
    }
    for command in (["-m", "airflow", "db", "migrate"], [__file__, "--child"]):
        done = subprocess.run(
            [python, *command], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command} failed:\n{(done.stdout + done.stderr)[-4000:]}")
    found: dict[str, Any] = json.loads((home / "answers.json").read_text("utf-8"))
    return found


def run_all(folder: Path) -> None:
    """In the other environment: run every DAG and keep what its verdict says."""
    from importlib.metadata import version

    try:
        module: Any = importlib.import_module("airflow.dag_processing.dagbag")
    except ImportError:  # Airflow 3.1
        module = importlib.import_module("airflow.models.dagbag")
    bag = module.DagBag(dag_folder=str(folder))
    if bag.import_errors:
        raise RuntimeError(str(bag.import_errors))
    runs = {dag_id: outcome(dag.test()) for dag_id, dag in bag.dags.items()}
    told = json.dumps({"version": version("apache-airflow"), "runs": runs})
    (Path(os.environ["AIRFLOW_HOME"]) / "answers.json").write_text(told, encoding="utf-8")


def outcome(run: Any) -> dict[str, Any]:
    """The state of a DAG run, and its verdict."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    where = (XComModel.dag_id == run.dag_id, XComModel.run_id == run.run_id, XComModel.task_id == "verdict")
    with create_session() as session:
        text: Any = session.scalar(select(XComModel.value).where(*where, XComModel.key == "return_value"))
    while isinstance(text, str):
        text = json.loads(text)
    return {"state": str(getattr(run.state, "value", run.state)), "verdict": text}


def difference(expected: dict[str, Any], found: dict[str, Any] | None) -> str | None:
    """What is different; None if nothing is."""
    from noetl.conformance.judge import differences

    if found is None or found["verdict"] is None:
        return "no verdict"
    if found["state"] != ("success" if expected["status"] == "completed" else "failed"):
        return f"{expected['status']}, and the DAG run is {found['state']}"
    different = differences(expected, found["verdict"])
    return "; ".join(map(str, different)) if different else None


if __name__ == "__main__":
    sys.exit(main())
