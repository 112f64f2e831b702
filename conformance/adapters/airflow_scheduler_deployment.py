"""A real Airflow in a temporary folder: scheduler, DAG processor, API server and LocalExecutor on PostgreSQL."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from noetl.compiler.ir import Json
from noetl.targets.airflow.values import Values

from .airflow import AirflowCase, AirflowRun, AirflowUnavailable, inherited

if TYPE_CHECKING:
    import httpx
    import psycopg

HOST: Final = "noetl.conformance.adapters.airflow_scheduler_host"
START: Final = 240.0
"""Seconds that it may take to be there."""
END: Final = 60.0
"""Seconds that it may take to be gone."""
SHOWN: Final = 6
"""Lines from the end of a log that a problem shows."""


class Deployment:
    """Airflow with nothing in it: `with Deployment() as airflow:` starts it and leaves nothing of it.

    `slots` tasks run at a time. AirflowUnavailable if it does not start, or is not there any more.
    """

    def __init__(self, slots: int = 4) -> None:
        self._slots = slots
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._client: httpx.Client | None = None
        self.home = Path()
        """The folder of everything; `dags` in it is that of the DAG files."""

    def __enter__(self) -> Deployment:
        environment = {**inherited(), "NOETL_SLOTS": str(self._slots)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", HOST],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # an interrupt of a terminal reaches this process only, which ends it in order
        )
        try:
            self._connect(self._told(START))
        except BaseException:  # an interrupt, too, must leave no process behind
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _connect(self, told: Mapping[str, str]) -> None:
        import httpx
        import psycopg

        if "problem" in told:
            raise AirflowUnavailable(f"Airflow did not start: {told['problem']}")
        self.home = Path(told["home"])
        self._connection = psycopg.connect(told["database"], autocommit=True)
        self._client = httpx.Client(base_url=told["api"], timeout=60.0, trust_env=False)
        token = self._client.get("/auth/token").raise_for_status().json()["access_token"]
        self._client.headers["authorization"] = f"Bearer {token}"
        # The first request to the API of tasks builds it, which takes seconds; no task is to wait for that.
        self._client.get("/execution/health").raise_for_status()

    def _told(self, seconds: float) -> dict[str, str]:
        output = self._output()
        if not select.select([output], [], [], seconds)[0]:
            raise AirflowUnavailable(f"Airflow was not there within {seconds:g} s")
        line = output.readline()
        if not line:
            raise AirflowUnavailable("the process that runs Airflow has ended")
        found: dict[str, str] = json.loads(line)
        return found

    def _output(self) -> IO[bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    def _stop(self) -> None:
        for used in (self._connection, self._client):
            if used is not None:
                used.close()
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            process.wait(END)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._output().close()

    def check(self) -> None:
        """AirflowUnavailable, with the end of its log, if a part of Airflow has ended."""
        if select.select([self._output()], [], [], 0)[0]:
            raise AirflowUnavailable(f"Airflow is not there any more: {self._told(0)['problem']}")

    def lay_out(self, case: AirflowCase) -> None:
        """Write a case's DAG file, and the files beside it, into a folder of its own."""
        place = self._place(case.dag_id)
        named = {"environment.json": json.dumps(dict(case.env)), **case.files}
        # The DAG file comes last, and at once: what is read here is whole.
        for name, text in named.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(text.encode())
        (place / "writing").write_bytes(_with_fault(case).encode())
        (place / "writing").rename(place / "dag.py")

    def _place(self, dag_id: str) -> Path:
        return self.home / "dags" / dag_id[:200]

    def parsed(self, dag_ids: Iterable[str]) -> dict[str, str | None]:
        """Those whose files have been parsed; with what is wrong with the file, where something is."""
        wanted = list(dag_ids)
        ready = self._rows(
            "SELECT dag_id FROM dag WHERE dag_id = ANY(%s) AND NOT is_stale"
            " AND EXISTS (SELECT FROM serialized_dag s WHERE s.dag_id = dag.dag_id)",
            wanted,
        )
        found: dict[str, str | None] = {str(row[0]): None for row in ready}
        wrong = {str(file): str(text) for file, text in self._rows("SELECT filename, stacktrace FROM import_error")}
        return found | {name: wrong[f"{name[:200]}/dag.py"] for name in wanted if f"{name[:200]}/dag.py" in wrong}

    def start(self, dag_id: str, run_id: str, conf: Mapping[str, Json]) -> None:
        """Ask the API for a DAG run. AirflowUnavailable, with its answer, if it refuses."""
        assert self._client is not None
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        answer = self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        if answer.is_error:
            raise AirflowUnavailable(f"the API refused a run of {dag_id}: {answer.status_code} {answer.text[:500]}")

    def stop(self, dag_id: str, run_id: str) -> None:
        """Mark a run as failed, so that what still runs of it is stopped."""
        assert self._client is not None
        self._client.patch(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", json={"state": "failed"})

    def ask(self, method: str, path: str, body: Mapping[str, Json]) -> dict[str, Json]:
        """What the API answers; AirflowUnavailable if it refuses."""
        assert self._client is not None
        answer = self._client.request(method, f"/api/v2/{path}", json=dict(body))
        if answer.is_error:
            raise AirflowUnavailable(f"the API refused {method} {path}: {answer.status_code} {answer.text[:500]}")
        found: dict[str, Json] = answer.json()
        return found

    def ended(self, dag_ids: Iterable[str]) -> set[str]:
        """Those that have a run, and none that goes on."""
        query = (
            "SELECT dag_id FROM dag_run WHERE dag_id = ANY(%s)"
            " GROUP BY dag_id HAVING bool_and(state IN ('success', 'failed'))"
        )
        return {str(row[0]) for row in self._rows(query, list(dag_ids))}

    def run(self, dag_id: str, run_id: str) -> AirflowRun:
        """What has become of a DAG run so far; its problem if it left no verdict."""
        states = self._rows("SELECT state FROM dag_run WHERE dag_id = %s AND run_id = %s", dag_id, run_id)
        tasks = self._rows(
            "SELECT task_id, coalesce(state, 'none') FROM task_instance WHERE dag_id = %s AND run_id = %s",
            *(dag_id, run_id),
        )
        text = self._left(dag_id, run_id, "verdict", "return_value")
        values = Values("verdict", lambda task, key: self._left(dag_id, run_id, task, key))
        verdict = None if text is None else values.whole(json.loads(text))
        assert verdict is None or isinstance(verdict, dict)
        found = {str(task): str(state) for task, state in tasks}
        state = str(states[0][0]) if states else None
        problem = None if verdict is not None else f"the DAG run left no verdict; {self.story(dag_id, found)}"
        return AirflowRun(state, found, verdict, problem)

    def _left(self, dag_id: str, run_id: str, task_id: str, key: str) -> str | None:
        """The text that a task has left under a key."""
        rows = self._rows(
            "SELECT value FROM xcom WHERE dag_id = %s AND run_id = %s AND task_id = %s AND key = %s"
            " AND dag_result = (task_id = 'verdict')",
            *(dag_id, run_id, task_id, key),
        )
        return None if not rows else str(rows[0][0])

    def story(self, dag_id: str, tasks: Mapping[str, str]) -> str:
        """Where a run stands, in one line: its tasks, and the ends of their logs and the scheduler's."""
        told = ", ".join(f"{task}: {state}" for task, state in tasks.items())
        files = sorted(self.home.glob(f"logs/dag_id={dag_id}/**/*.log"))
        texts = {f"log of {file.parent.name.removeprefix('task_id=')}": file for file in files}
        texts["log of the scheduler"] = self.home / "scheduler.log"
        shown = [f"{name}: {' | '.join(_tail(file))}" for name, file in texts.items() if _tail(file)]
        return "; ".join([f"tasks: {told or 'none'}", *shown])

    def process(self, dag_id: str, task_id: str) -> int | None:
        """The id of the process that runs a task."""
        query = "SELECT pid FROM task_instance WHERE dag_id = %s AND task_id = %s AND state = 'running'"
        rows = self._rows(query, dag_id, task_id)
        return int(str(rows[0][0])) if rows and rows[0][0] is not None else None

    def query(self, statement: str, *values: Json) -> list[tuple[object, ...]]:
        """Rows of Airflow's database, for those who measure."""
        return self._rows(statement, *values)

    def _rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        assert self._connection is not None
        return self._connection.execute(statement.encode(), values).fetchall()


_IMPORT: Final = "from noetl.targets.airflow.operators import"
_FAULTY: Final = """\
from noetl.conformance.lowering_mutants import running
_fault = running({name!r})
_fault.__enter__()
"""


def _with_fault(case: AirflowCase) -> str:
    """The DAG file. What runs has the case's fault from where the file is read on: each task reads it in a process."""
    if case.fault is None:
        return case.content
    return case.content.replace(_IMPORT, _FAULTY.format(name=case.fault) + _IMPORT, 1)


def _tail(file: Path) -> list[str]:
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line.strip() for line in lines if line.strip()][-SHOWN:]
