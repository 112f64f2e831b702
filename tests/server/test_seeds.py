"""What the published text says, word by word: a server of its own database, a worker, the client's snippet."""

from __future__ import annotations

import signal
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from noetl.runtime.queue.address import POSTGRES, Address, is_left

from .places import Place, place

PLAYBOOK = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: seeds, path: seeds/first}
workload: {base: 20}
workflow:
  - step: start
    tool: {kind: python, code: "def main(base): return base + 1"}
    args: {base: "{{ workload.base }}"}
    next: [{step: double, args: {n: "{{ start }}"}}]
  - step: double
    tool: {kind: python, code: "result = n * 2"}
    next: end
"""
BROKEN = PLAYBOOK.replace("next: end", "next: nowhere")
SNIPPET = """
import httpx

# Register playbook
response = httpx.post(
    "http://localhost:8000/api/v2/playbooks/register",
    json={
        "playbook_yaml": playbook_yaml_content,
        "execution_id": "exec-123"
    }
)

# Start workflow
response = httpx.post(
    "http://localhost:8000/api/v2/events",
    json={
        "execution_id": "exec-123",
        "name": "workflow.start",
        "payload": {}
    }
)
"""
"""As it is published, but for the port, which another server of this machine may have."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("seeds") / "data") as made:
        made.server()
        made.worker("--v2")
        yield made


def test_the_snippet_works_as_it_is_published(running: Place) -> None:
    scope: dict[str, object] = {"playbook_yaml_content": PLAYBOOK}
    exec(SNIPPET.replace("8000", str(running.port)), scope)
    response = scope["response"]
    assert isinstance(response, httpx.Response)
    assert response.json() == {"accepted": True, "execution_id": "exec-123"}
    with running.client() as client:
        told = running.ended(client, "exec-123")
        assert (told["status"], told["output"]) == ("completed", 42)
        assert [run["step"] for run in told["runs"]] == ["start", "double", "end"]
        again = client.post("/events", json={"execution_id": "exec-123", "name": "workflow.start", "payload": {}})
        assert again.json()["accepted"] is False
        events = client.get("/executions/exec-123/events").json()["events"]
    assert [event["name"] for event in events].count("workflow.start") == 1
    assert [event["position"] for event in events] == list(range(1, len(events) + 1))


def test_commands_register_execute_and_follow(running: Place) -> None:
    file = running.folder / "etl.yaml"
    file.write_text(PLAYBOOK.replace("seeds/first", "etl/daily"), encoding="utf-8")
    assert running.run("playbook", "register", "etl.yaml").stdout == "etl/daily version 1\n"
    assert running.run("playbook", "register", "etl.yaml").stdout == "etl/daily version 1 (no change)\n"
    done = running.run("execute", "etl/daily", "--set", "base=4", "--execution-id", "by-command", "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"output": 10' in done.stdout
    lines = running.run("logs", "by-command", "--follow").stdout.splitlines()
    assert " workflow.start " in lines[0]
    assert " workflow.end " in lines[-1]
    assert "by-command\tcompleted" in running.run("executions").stdout
    assert running.run("playbook", "show", "etl/daily").stdout == file.read_text(encoding="utf-8")
    assert "etl/daily\tseeds\tversion 1" in running.run("playbook", "list").stdout
    assert running.run("server", "status").returncode == 0
    lacking = running.run("execute", "etl/none")
    assert (lacking.returncode, lacking.stderr) == (1, 'noetl: error: no playbook is registered as "etl/none"\n')


def test_a_playbook_with_errors_is_refused_with_the_diagnostics_of_lint(running: Place) -> None:
    with running.client() as client:
        answer = client.post("/playbooks/register", json={"playbook_yaml": BROKEN})
        assert answer.status_code == 422
        [found] = answer.json()["diagnostics"]
    assert found["name"] == "unknown-step"
    assert (found["line"], found["column"]) == (12, 11)


def test_a_second_server_of_the_same_folder_is_refused(running: Place) -> None:
    done = running.run("server", "start", "--port", "0")
    assert done.returncode == 2
    assert "runs already" in done.stderr


def test_noetlctl_is_noetl() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"noetl": "noetl.cli:main", "noetlctl": "noetl.cli:main"}


def test_a_worker_of_another_time_zone_is_refused(running: Place) -> None:
    done = running.run("worker", "start", TZ="Europe/Berlin")
    assert done.returncode == 2
    assert 'that of the worker "Europe/Berlin"' in done.stderr


@pytest.mark.parametrize("folder", ["data", f"{'a' * 90}/data"], ids=["in-pgdata", "path-too-long-for-a-socket"])
def test_the_postgres_of_a_killed_server_is_stopped_and_was_closed_to_others(tmp_path: Path, folder: str) -> None:
    with place(tmp_path / folder) as made:
        process = made.server()
        address = Address.read(made.folder)
        assert address is not None
        host = Path(str(psycopg.conninfo.conninfo_to_dict(address.worker_database)["host"]))
        assert host.stat().st_mode & 0o777 == 0o700
        assert (host == (made.folder / POSTGRES).resolve()) is (folder == "data")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert is_left(made.folder)
        assert made.run("server", "stop").stdout == "no server runs; stopped the PostgreSQL that one had left\n"
        assert not is_left(made.folder)
        assert made.run("server", "stop").stdout == f"no server runs for {made.folder}\n"
