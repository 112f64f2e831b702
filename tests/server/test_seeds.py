"""What the published text says, word by word: a server of its own database, a worker, the client's snippet."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

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
        made.worker()
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
