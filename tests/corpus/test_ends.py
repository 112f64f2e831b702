"""The samples that Airflow does not run, to the end that their text intends or to the one that a golden explains.

Kept in `tests/golden/sample_ends/<name>.json`: status, output, error and the steps that ran, and `why`. What
`--update-golden` writes keeps the reasons that were given; new ones have to be written by hand.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.probe import Probe, Seen
from noetl.runtime.capabilities import refusals
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.embedded import execute
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import SystemClock
from noetl.runtime.tools import ToolBox

from .stubs import POSTS, SCRIPT, SCRIPT_PATH, TABLES, WRITTEN, mapped, scripts
from .test_runs import FOLDER, INTENDED

KEPT: Final = Path(__file__).parents[1] / "golden" / "sample_ends"
NAMES: Final = (
    *("http_to_postgres_simple", "save_all_storage_types", "script_file", "simple_loop", "user_profile_scorer"),
    *("v2_duckdb", "v2_loop"),
)
CHANCE: Final = "python_retry_exception"
"""A sample that chance leads to one of two ends."""
ID: Final = "11111111-2222-4333-8444-555555555555"


@dataclass(frozen=True)
class Ran:
    """A sample that was run here."""

    summary: dict[str, Json]
    requests: list[Seen]

    def shown(self) -> dict[str, Any]:
        """What is kept of it."""
        runs = self.summary["runs"]
        assert isinstance(runs, list)
        steps = [f"{run['step']} {run['status']}" for run in runs if isinstance(run, dict)]
        kept: dict[str, Any] = {"status": self.summary["status"], "output": self.summary["output"]}
        error = self.summary.get("error")
        if isinstance(error, dict):
            kept["error"] = {name: error[name] for name in ("step", "type", "message")}
        return {**kept, "steps": steps}


def ran(name: str, folder: Path, address: str) -> Ran:
    """The sample with the servers and files of this machine, in a folder of its own."""
    text = (FOLDER / f"{name}.yaml").read_bytes()
    (folder / SCRIPT_PATH).parent.mkdir(parents=True)
    (folder / SCRIPT_PATH).write_text(SCRIPT, "utf-8")
    compiled = compile_source(text, f"{name}.yaml")
    assert compiled.ok, compiled.diagnostics
    assert compiled.workflow is not None
    assert refusals(compiled.workflow, compiled.path) == []
    workflow = compiled.workflow
    credential: Json = {"type": "postgres", "dsn": address}
    credentials = MappedCredentials({"pg_local": credential, "pg_k8s": credential})
    with Probe(scripts()) as probe:

        async def run() -> dict[str, Json]:
            box = ToolBox(credentials, folder=folder, environ={"NOETL_HTTP_MAP": mapped(probe)})
            try:
                return (await execute(workflow, {}, ExecutionInfo(ID, {}), box, SystemClock())).summary()
            finally:
                await box.close()
                WRITTEN.unlink(missing_ok=True)

        return Ran(asyncio.run(run()), list(probe.requests))


def query(address: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as connection:
        return connection.execute(sql.encode()).fetchall()


@pytest.fixture
def tables(postgres: str) -> str:
    """A database with the tables that samples write to and do not make."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(TABLES.encode())
    return postgres


def test_every_sample_is_run_somewhere() -> None:
    samples = {path.stem for path in FOLDER.glob("*.yaml")}
    assert {*NAMES, *INTENDED, CHANCE} <= samples
    assert {path.stem for path in KEPT.glob("*.json")} == {*NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_ends_as_kept(name: str, tmp_path: Path, tables: str, update_golden: bool) -> None:
    found = ran(name, tmp_path, tables).shown()
    path = KEPT / f"{name}.json"
    if update_golden:
        update(path, found)
    kept = json.loads(path.read_text("utf-8"))
    assert kept.pop("why"), "say why the sample ends like this"
    assert kept == found


def update(path: Path, found: Mapping[str, Any]) -> None:
    before = json.loads(path.read_text("utf-8")) if path.exists() else {"why": ""}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"why": before["why"], **found}, indent=2) + "\n", "utf-8")


def test_posts_arrive_in_the_table(tmp_path: Path, tables: str) -> None:
    ran("http_to_postgres_simple", tmp_path, tables)
    found = query(tables, "SELECT id, user_id, title, body FROM http_to_postgres_simple ORDER BY id")
    assert found == [(post["id"], post["userId"], post["title"], post["body"]) for post in POSTS]


def test_every_kind_of_storage_is_written(tmp_path: Path, tables: str) -> None:
    storage = ran("save_all_storage_types", tmp_path, tables)
    assert query(tables, "SELECT * FROM simple_test_flat") == [
        (ID, "Test Employee Flat", 55000, "flat_structure", ID),
    ]
    nested = {"value": 58000, "type": "nested_structure", "meta": {"test_phase": "save_test"}}
    assert query(tables, "SELECT * FROM simple_test_nested") == [
        (f"{ID}_nested", "Test Employee Nested", nested, "nested_structure", ID)
    ]
    assert query(tables, "SELECT summary_type, total_records, avg_value, test_execution FROM test_summary") == [
        ("department_stats", 0, None, "unknown")
    ]
    (request,) = storage.requests
    body = request.json()
    assert isinstance(body, dict)
    assert (request.method, request.label) == ("POST", "post")
    assert (body["webhook_type"], body["execution_id"], body["test_completion"]) == ("test_completion", ID, True)
    assert request.headers["x-execution-id"] == ID


def test_chance_decides_between_two_ends(tmp_path: Path, postgres: str) -> None:
    summary = ran(CHANCE, tmp_path, postgres).summary
    assert isinstance(summary["runs"], list)
    start = summary["runs"][0]
    assert isinstance(start, dict)
    assert isinstance(start["calls"], list)
    (call,) = start["calls"]
    assert isinstance(call, dict)
    attempts = call["attempts"]
    assert isinstance(attempts, int)
    if summary["status"] == "completed":
        assert 1 <= attempts <= 5
        assert summary["output"] == {"status": "complete"}
    else:
        assert attempts == 5
        assert isinstance(summary["error"], dict)
        assert str(summary["error"]["message"]).startswith("Random failure")
