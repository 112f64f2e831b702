"""User CPU of compiling a flow of 500 steps for Airflow, beside other compilers; and that it grows with the steps."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from noetl.cli import main

from .measure import call_seconds, ratio
from .peers import DAG_FACTORY, METAFLOW, dag_factory, environment, metaflow, names, playbook, user_seconds

STEPS = 500
RUNS = 3
BOUND = 3
NOETL = str(Path(sys.executable).with_name("noetl"))
LOAD = """\
from dagfactory import load_yaml_dags
load_yaml_dags(globals_dict=globals(), config_filepath=__import__("os").path.abspath("flow.yaml"))
assert len(bench.tasks) == int(__import__("sys").argv[1])
"""
Measured = Callable[[], float]


@pytest.fixture
def storage() -> Iterator[str]:
    """A store of objects, which Metaflow needs to compile: it puts the code there."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    httpx.put(f"http://{host}:{port}/bench").raise_for_status()
    yield f"http://{host}:{port}"
    server.stop()


def ours(folder: Path) -> Measured:
    (folder / "playbook.yaml").write_text(playbook(STEPS), "utf-8")

    def run() -> float:
        command = [NOETL, "compile", "playbook.yaml", "--target", "airflow", "-o", "dag.py"]
        (folder / "dag.py").unlink(missing_ok=True)
        seconds = user_seconds(command, {}, folder)
        assert "PlainStep(" in (folder / "dag.py").read_text("utf-8")
        return seconds

    return run


def metaflow_run(folder: Path, storage: str) -> Measured:
    python = environment("metaflow", METAFLOW)
    (folder / "flow.py").write_text(metaflow(STEPS), "utf-8")
    extra = {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bench/flows",
        "METAFLOW_S3_ENDPOINT_URL": storage,
        "METAFLOW_USER": "bench",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def run() -> float:
        seconds = user_seconds([python, "flow.py", "--no-pylint", "airflow", "create", "dag.py"], extra, folder)
        assert (folder / "dag.py").read_text("utf-8").count("AirflowTask") > 0
        return seconds

    return run


def dag_factory_run(folder: Path) -> Measured:
    python = environment("dag_factory", DAG_FACTORY)
    (folder / "flow.yaml").write_text(dag_factory(STEPS), "utf-8")
    (folder / "load.py").write_text(LOAD, "utf-8")
    extra = {"AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "DO_NOT_TRACK": "true"}
    return lambda: user_seconds([python, "load.py", str(STEPS)], extra, folder)


@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_compile_beside_other_compilers(tmp_path: Path, storage: str) -> None:
    folders = {name: tmp_path / name for name in ("noetl", "Metaflow", "dag-factory")}
    for folder in folders.values():
        folder.mkdir()
    measured = {
        "noetl": ours(folders["noetl"]),
        "Metaflow": metaflow_run(folders["Metaflow"], storage),
        "dag-factory": dag_factory_run(folders["dag-factory"]),
    }
    for run in measured.values():
        run()  # writes bytecode
    turns = [{name: run() for name, run in measured.items()} for _ in range(RUNS)]
    median = {name: statistics.median(turn[name] for turn in turns) for name in measured}
    shown = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in median.items())
    found = min(median["Metaflow"], median["dag-factory"]) / median["noetl"]
    print(f"\ncompile of {STEPS} steps, user CPU: {shown}: {found:.1f} times faster (at least {BOUND})")
    assert found >= BOUND


@pytest.mark.timeout(600)
def test_compile_is_linear(tmp_path: Path) -> None:
    def seconds(steps: int) -> float:
        path = tmp_path / f"{steps}.yaml"
        if not path.exists():
            path.write_text(playbook(steps), "utf-8")
        command = ["compile", str(path), "--target", "airflow", "-o", str(tmp_path / "dag.py")]
        (tmp_path / "dag.py").unlink(missing_ok=True)
        return call_seconds(lambda: main(command))

    found = ratio("compile of 20,000 steps beside 2,000", lambda: seconds(20_000), lambda: seconds(2_000), 12, runs=3)
    assert found <= 12
    assert (tmp_path / "dag.py").read_text("utf-8").count("PlainStep(") >= len(names(2_000))
