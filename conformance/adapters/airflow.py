"""Runs emitted DAG files on real Airflow, in processes of their own: kept warm, killed when a case takes too long."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from noetl.compiler.ir import Json
from noetl.errors import NoetlError

CHILD: Final = "noetl.conformance.adapters.airflow_inproc"
LOG_SHOWN: Final = 4000
"""Characters from the end of the process's log that an error shows."""
START: Final = 120.0
"""Seconds that a process has to be ready."""
WORN: Final = 1200
"""After so many cases a process is replaced: Airflow keeps the module of every DAG file that it has parsed."""
CHUNK: Final = 6
"""So many cases a process of several is handed at once."""
_MIGRATING: Final = threading.Lock()


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
    fault: str | None = None
    """The fault that the operators have, for tests of the suite: a name of `lowering_mutants`."""
    seed: str = ""
    """What the order is drawn from in which tasks that are ready are run."""


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
    cases: Sequence[AirflowCase], *, time_limit: float = 60.0, cache: Path | None = None
) -> list[AirflowRun]:
    """Run every case with `dag.test()`, one after the other in one process; the runs in the order of the cases.

    A case that takes longer than `time_limit` seconds has a problem; the process is killed then, and another one goes
    on. `cache` keeps an empty database between calls (default: a folder of this user among the temporary files).
    AirflowUnavailable if Airflow does not start.
    """
    worker = Worker(cache)
    try:
        return worker.run(cases, time_limit)
    finally:
        worker.close()


class Pool:
    """Several processes that share cases. They start when they are first needed, and end with the pool."""

    def __init__(self, size: int) -> None:
        self._workers = [Worker() for _ in range(size)]

    def run(self, cases: Sequence[AirflowCase], time_limit: float) -> Iterator[AirflowRun]:
        """Like `run_in_airflow`, each run as soon as those of the cases before it are there."""
        left = deque(range(0, len(cases), CHUNK))
        found: SimpleQueue[tuple[int, list[AirflowRun]] | Exception] = SimpleQueue()

        def work(worker: Worker) -> None:
            try:
                while left:
                    first = left.popleft()
                    found.put((first, worker.run(cases[first : first + CHUNK], time_limit)))
            except IndexError:
                return  # another one took the last
            except Exception as error:  # raised where the results are taken: a thread would lose it
                found.put(error)

        for worker in self._workers[: len(left)]:
            threading.Thread(target=work, args=(worker,), daemon=True).start()
        early: dict[int, list[AirflowRun]] = {}
        try:
            for first in range(0, len(cases), CHUNK):
                while first not in early:
                    got = found.get()
                    if isinstance(got, Exception):
                        raise got
                    early[got[0]] = got[1]
                yield from early.pop(first)
        finally:
            left.clear()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()


class Worker:
    """One process at a time, which is started when there is a case for it."""

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache or Path(tempfile.gettempdir()) / f"noetl-{os.getuid()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None
        self._done = 0
        self._closed = False
        self._tail = ""
        """The end of the log of a process that was ended."""

    def run(self, cases: Sequence[AirflowCase], time_limit: float) -> list[AirflowRun]:
        """The runs of the cases, in their order; AirflowUnavailable if no process starts."""
        found: dict[int, AirflowRun] = {}
        while left := [n for n in range(len(cases)) if n not in found]:
            answers, stuck = self._ask([cases[n] for n in left], time_limit)
            found |= {left[n]: run for n, run in answers.items()}
            if stuck is None and len(answers) < len(left):
                # The files of several cases are parsed together: each alone says which one is to blame.
                if len(left) > 1:
                    return [found[n] if n in found else self.run([cases[n]], time_limit)[0] for n in range(len(cases))]
                stuck = 0
            if stuck is not None:
                said = f"no answer within {time_limit:g} s; the end of the log:\n{self._tail}"
                found[left[stuck]] = AirflowRun(None, {}, None, said)
        return [found[n] for n in range(len(cases))]

    def close(self) -> None:
        """End the process, and remove its files; no other one is started."""
        self._closed = True
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            _kill(process)
            process.wait()
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()
        home, self._home = self._home, None
        if home is not None:
            self._tail = (Path(home.name) / "log.txt").read_text("utf-8", "replace")[-LOG_SHOWN:]
            home.cleanup()

    def _ask(self, cases: Sequence[AirflowCase], time_limit: float) -> tuple[dict[int, AirflowRun], int | None]:
        """What the process answers before it ends or has to be ended, and the case at which that was."""
        process = self._ready()
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, then, and answers nothing
            process.stdin.write(json.dumps([asdict(case) for case in cases]).encode() + b"\n")
            process.stdin.flush()
        found: dict[int, AirflowRun] = {}
        stuck: int | None = None
        while len(found) < len(cases):
            answer = self._read(process, time_limit)
            if answer is None:
                self._end()
                break
            stuck = None if "state" in answer else answer["case"]
            if stuck is None:
                told = (answer[name] for name in ("state", "tasks", "verdict", "problem"))
                found[answer["case"]] = AirflowRun(*told)
        self._done += len(found)
        return found, stuck

    def _ready(self) -> subprocess.Popen[bytes]:
        """A process that takes cases."""
        if self._done >= WORN:
            self._end()
        if self._closed:
            raise AirflowUnavailable("it was closed")
        if self._process is None:
            self._done = 0
            self._home = tempfile.TemporaryDirectory(prefix="noetl-airflow-")
            home = Path(self._home.name)
            shutil.copyfile(_empty_database(self._cache, home), home / "airflow.db")
            (home / "dags").mkdir()
            with (home / "log.txt").open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", CHILD],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=_environment(home, home / "airflow.db"),
                    start_new_session=True,
                )
            if self._read(self._process, START) is None:
                self._end()
                raise AirflowUnavailable(f"Airflow was not ready within {START:g} s; the end of the log:\n{self._tail}")
        return self._process

    def _read(self, process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any] | None:
        """The next line that the process writes; None if it ends, or writes none for so long."""
        assert process.stdout is not None
        killer = threading.Timer(seconds, _kill, [process])
        killer.start()
        try:
            line = process.stdout.readline()
        finally:
            killer.cancel()
        found: dict[str, Any] | None = json.loads(line) if line else None
        return found


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it started; a hung `dag.test()` survives gentler signals."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def inherited() -> dict[str, str]:
    """What Airflow takes over of the environment here."""
    return {
        name: value
        for name, value in os.environ.items()
        # Without bytecode every start of Airflow compiles thousands of modules.
        if not name.startswith(("AIRFLOW", "NOETL_")) and name != "PYTHONDONTWRITEBYTECODE"
    }


def _environment(home: Path, database: Path) -> dict[str, str]:
    return inherited() | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONSAFEPATH": "1",
    }


def _empty_database(cache: Path, home: Path) -> Path:
    """A migrated SQLite file; made once per version of Airflow, under another name first, so that it is whole."""
    made = cache / f"airflow-{version('apache-airflow')}.db"
    with _MIGRATING:
        if not made.exists():
            _migrate(made, home)
    return made


def _migrate(made: Path, home: Path) -> None:
    made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = home / "migrating.db"
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(command, env=_environment(home, fresh), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AirflowUnavailable(f"airflow db migrate failed:\n{(done.stdout + done.stderr)[-LOG_SHOWN:]}")
    copy = made.with_name(f"{made.name}.{os.getpid()}")
    shutil.copyfile(fresh, copy)
    copy.replace(made)
