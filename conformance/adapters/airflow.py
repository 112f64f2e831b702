"""Runs emitted DAG files on real Airflow, in a fresh process that is killed when it takes too long."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, Final

from noetl.compiler.ir import Json
from noetl.errors import NoetlError

CHILD: Final = "noetl.conformance.adapters.airflow_inproc"
CASES_FILE: Final = "cases.json"
"""In the home folder of the process: what it is to run."""
LOG_SHOWN: Final = 4000
"""Characters from the end of the process's log that an error shows."""


class AirflowUnavailable(NoetlError):
    """Airflow could not be started: is the extra `airflow` installed?"""


@dataclass(frozen=True, slots=True)
class AirflowCase:
    """One DAG run: an emitted file, its DAG's id, the conf, the worker's environment, and files beside that one."""

    dag_id: str
    content: str
    conf: Mapping[str, Json] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AirflowRun:
    """What became of a DAG run. `problem` says why there was none."""

    state: str | None
    """The state of the DAG run: `success` or `failed`."""
    tasks: Mapping[str, str]
    """The state of every task."""
    verdict: Mapping[str, Json] | None
    """What task `verdict` left: the object of `noetl run --json`."""
    problem: str | None = None


def run_in_airflow(
    cases: Sequence[AirflowCase], *, time_limit: float = 300.0, cache: Path | None = None
) -> list[AirflowRun]:
    """Run every case with `dag.test()`, one after the other in one process; the runs in the order of the cases.

    After `time_limit` seconds the process is killed, and the cases without an answer have a problem. `cache` keeps an
    empty database between calls (default: a folder of this user among the temporary files). AirflowUnavailable if the
    process ends before it could run anything.
    """
    if not cases:
        return []
    with tempfile.TemporaryDirectory(prefix="noetl-airflow-") as folder:
        home = Path(folder)
        shutil.copyfile(_empty_database(cache or _user_cache(), home), home / "airflow.db")
        (home / "dags").mkdir()
        log = home / "log.txt"
        (home / CASES_FILE).write_text(json.dumps([asdict(case) for case in cases]), "utf-8")
        answers = dict(_answers(home, log, time_limit))
        tail = log.read_text("utf-8", "replace")[-LOG_SHOWN:]
    if not answers:
        raise AirflowUnavailable(f"no case was run within {time_limit:g} s; the end of the log:\n{tail}")
    missing = AirflowRun(None, {}, None, f"no answer within {time_limit:g} s; the end of the log:\n{tail}")
    return [answers.get(n, missing) for n in range(len(cases))]


def _answers(home: Path, log: Path, time_limit: float) -> Iterator[tuple[int, AirflowRun]]:
    with log.open("wb") as sink, _process([sys.executable, "-m", CHILD], home, sink) as process:
        assert process.stdout is not None
        killer = threading.Timer(time_limit, _kill, [process])
        killer.start()
        try:
            for line in process.stdout:
                answer = json.loads(line)
                yield answer["case"], AirflowRun(answer["state"], answer["tasks"], answer["verdict"], answer["problem"])
        finally:
            killer.cancel()


@contextmanager
def _process(command: Sequence[str], home: Path, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, of which nothing is left afterwards."""
    environment = _environment(home, home / "airflow.db")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=log, env=environment, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """A hung `dag.test()` survives gentler signals."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _environment(home: Path, database: Path) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        # Without bytecode every start of Airflow compiles thousands of modules.
        if not name.startswith(("AIRFLOW", "NOETL_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    return inherited | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONSAFEPATH": "1",
    }


def _user_cache() -> Path:
    return Path(tempfile.gettempdir()) / f"noetl-{os.getuid()}"


def _empty_database(cache: Path, home: Path) -> Path:
    """A migrated SQLite file; made once per version of Airflow, under another name first, so that it is whole."""
    made = cache / f"airflow-{version('apache-airflow')}.db"
    if made.exists():
        return made
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = home / "migrating.db"
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(command, env=_environment(home, fresh), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AirflowUnavailable(f"airflow db migrate failed:\n{(done.stdout + done.stderr)[-LOG_SHOWN:]}")
    copy = cache / f"{made.name}.{os.getpid()}"
    shutil.copyfile(fresh, copy)
    copy.replace(made)
    return made
