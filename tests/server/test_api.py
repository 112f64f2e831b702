"""The HTTP interface: what it refuses, and that nothing has changed then; tokens; claims; streams."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from noetl.runtime.queue.address import Address
from noetl.runtime.queue.claims import Claimed, Queue

from .places import Place, place

PLAYBOOK = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: waiting}
workflow:
  - step: start
    tool: {kind: http, url: "http://127.0.0.1:1/{{ env.REGION }}"}
    case:
      - when: "{{ error is defined }}"
        then: [{result: {from: error.message}}, {next: end}]
    next: end
"""
USER, WORKER, OTHER = "user-token-0123456789", "worker-token-012345", "other-token-0123456"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server without a worker: the tests are one."""
    with place(tmp_path_factory.mktemp("api") / "data") as made:
        made.server()
        yield made


@pytest.fixture
def client(running: Place) -> Iterator[httpx.Client]:
    with running.client() as made:
        yield made


def begin(client: httpx.Client, execution_id: str, **more: Any) -> None:
    assert client.post("/playbooks/register", json={"playbook_yaml": PLAYBOOK}).status_code == 201
    body = {"path": "waiting", "execution_id": execution_id, **more}
    assert client.post("/executions", json=body).status_code == 201


def claim(folder: Path, worker: str = "w/1") -> list[Claimed]:
    async def asked() -> list[Claimed]:
        address = Address.read(folder)
        assert address is not None
        async with Queue(address.worker_database, worker, None, 60.0) as queue:
            return await queue.claim(10)

    return asyncio.run(asked())


def answer(claimed: Claimed, **more: Any) -> dict[str, Any]:
    payload = {"number": claimed.number, "claim": claimed.claim, "outcome": {"response": {"status": 200}}}
    return {"execution_id": claimed.request.execution_id, "name": "call.done", "payload": payload, **more}


def state(client: httpx.Client) -> object:
    """All that can be seen."""
    found = client.get("/executions").json()["executions"]
    events = [client.get(f"/executions/{one['execution_id']}/events").json() for one in found]
    return found, events, client.get("/playbooks").json()


def test_an_outcome_is_taken_once_and_from_the_claim_only(running: Place, client: httpx.Client) -> None:
    begin(client, "claims", env={"REGION": "eu"})
    [claimed] = claim(running.folder)
    assert claimed.request.fields["url"] == "http://127.0.0.1:1/eu"
    before = state(client)
    forged = answer(claimed)
    forged["payload"] = {**forged["payload"], "claim": "0a0b0c0d-0000-4000-8000-000000000000"}
    refused = client.post("/events", json=forged)
    assert (refused.status_code, refused.json()["error"]["type"]) == (409, "ClaimLost")
    ahead = answer(claimed)
    ahead["payload"] = {**ahead["payload"], "number": claimed.number + 1}
    assert client.post("/events", json=ahead).status_code == 409
    assert state(client) == before
    assert client.post("/events", json=answer(claimed, event_id="e1")).json()["accepted"] is True
    after = state(client)
    assert client.post("/events", json=answer(claimed, event_id="e1")).json()["accepted"] is False
    late = client.post("/events", json=answer(claimed, event_id="e2"))
    assert (late.status_code, late.json()["error"]["type"]) == (409, "Ended")
    assert state(client) == after
    assert client.get("/executions/claims").json()["status"] == "completed"


def test_a_cancelled_execution_takes_nothing_more(running: Place, client: httpx.Client) -> None:
    begin(client, "cancelled")
    [claimed] = claim(running.folder)
    assert client.post("/executions/cancelled/cancel").json()["status"] == "cancelled"
    assert client.post("/executions/cancelled/cancel").status_code == 409
    assert client.post("/events", json=answer(claimed)).json()["error"]["type"] == "Ended"
    assert client.get("/executions/cancelled").json()["status"] == "cancelled"
    assert client.get("/executions/cancelled/events").json()["events"][-1]["name"] == "workflow.end"


def test_events_of_steps_are_checked_and_logged(client: httpx.Client) -> None:
    begin(client, "logged")
    event = {"execution_id": "logged", "name": "step.enter", "step": "start", "payload": {"by": "me"}, "event_id": "a"}
    assert client.post("/events", json=event).json()["accepted"] is True
    assert client.post("/events", json=event).json()["accepted"] is False
    assert client.post("/events", json={**event, "step": "none", "event_id": "b"}).status_code == 404
    assert client.post("/events", json={"execution_id": "logged", "name": "step.exit"}).status_code == 422
    last = client.get("/executions/logged/events").json()["events"][-1]
    assert (last["name"], last["step"], last["data"]) == ("step.enter", "start", {"by": "me"})
    client.post("/executions/logged/cancel")


HOSTILE: list[tuple[str, str, bytes, int]] = [
    ("POST", "/events", b"{", 422),
    ("POST", "/events", b"[]", 422),
    ("POST", "/events", b"\xff\xfe", 422),
    ("POST", "/events", b'{"execution_id": "nobody", "name": "workflow.start"}', 404),
    ("POST", "/events", b'{"execution_id": "no/body", "name": "workflow.start"}', 422),
    ("POST", "/events", b'{"execution_id": "nobody", "name": "workflow.end"}', 422),
    ("POST", "/events", b'{"execution_id": "nobody", "name": "call.done", "payload": {}}', 422),
    (
        "POST",
        "/events",
        b'{"execution_id": "nobody", "name": "call.done",'
        b' "payload": {"number": 1, "claim": "", "outcome": {"response": 1}}}',
        404,
    ),
    ("POST", "/events", b'{"execution_id": "nobody", "name": "workflow.start", "payload": {"a": 1e999}}', 404),
    ("POST", "/events", b'{"execution_id": "nobody", "name": "workflow.start", "payload": {"a": NaN}}', 404),
    ("POST", "/events", b'{"execution_id": "nobody", "name": "workflow.start", "payload": {"a": "\\u0000"}}', 404),
    ("POST", "/events", b'{"execution_id": "nobody", "name": "workflow.start", "payload": {"a": "\\ud800"}}', 404),
    ("POST", "/executions", b'{"path": "nothing"}', 404),
    ("POST", "/executions", b"{}", 404),
    ("POST", "/executions", b'{"path": "waiting", "more": 1}', 422),
    ("POST", "/executions", b'{"path": "a\\u0000b"}', 422),
    ("POST", "/executions", b'{"path": "waiting", "priority": 99999}', 422),
    ("POST", "/executions", b'{"path": "waiting", "version": 99}', 404),
    ("POST", "/playbooks/register", b'{"playbook_yaml": "{{{"}', 422),
    ("POST", "/playbooks/register", b'{"playbook_yaml": "a\\u0000b"}', 422),
    ("POST", "/playbooks/register", b'{"playbook_yaml": "\\ud800"}', 422),
    ("GET", "/executions/nobody", b"", 404),
    ("GET", "/executions/nobody/events", b"", 404),
    ("GET", "/executions?limit=0", b"", 422),
    ("GET", "/executions?before=99999999999999999999", b"", 422),
    ("GET", "/playbooks/%00", b"", 422),
    ("POST", "/executions/nobody/cancel", b"", 404),
    ("DELETE", "/executions/nobody", b"", 404),
    ("GET", "/nothing", b"", 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), HOSTILE)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    client: httpx.Client, method: str, path: str, body: bytes, status: int
) -> None:
    before = state(client)
    answer = client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, state(client)) == (status, before), answer.text
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("payload", [b'{"a": NaN}', b'{"a": "\\u0000"}', b'{"a": "\\ud800"}'])
def test_a_payload_that_is_no_json_value_fails_its_execution(client: httpx.Client, payload: bytes) -> None:
    client.post("/playbooks/register", json={"playbook_yaml": PLAYBOOK})
    body = b'{"path": "waiting", "payload": %s}' % payload
    begun = client.post("/executions", content=body, headers={"content-type": "application/json"})
    told = client.get(f"/executions/{begun.json()['execution_id']}?runs=true").json()
    assert (told["status"], told["error"]["type"], told["payload"], told["runs"]) == (
        "failed",
        "NotSerializable",
        None,
        [],
    )


def test_deep_and_large_requests_are_refused(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    for body in (
        b'{"a":' * 100_000,
        b'{"execution_id": "x", "name": "workflow.start", "payload": ' + b'{"a":' * 300 + b"1" + b"}" * 301,
    ):
        assert client.post("/events", content=body, headers=headers).status_code in (400, 404, 422)
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port)
    connection.putrequest("POST", "/api/v2/events")
    connection.putheader("content-length", str(200 * 1024 * 1024))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_the_interface_describes_itself(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    assert {
        "/api/v2/playbooks/register",
        "/api/v2/playbooks",
        "/api/v2/executions",
        "/api/v2/executions/{execution_id}",
        "/api/v2/executions/{execution_id}/events",
        "/api/v2/executions/{execution_id}/cancel",
        "/api/v2/events",
        "/api/v2/health",
        "/api/v2/metrics",
    } <= described["paths"].keys()
    assert client.get("/health").json()["status"] == "ok"
    assert "noetl_commands_open" in client.get("/metrics").text


def test_a_stream_brings_the_events_until_the_end(running: Place, client: httpx.Client) -> None:
    begin(client, "stream")
    [claimed] = claim(running.folder)
    names: list[str] = []
    with client.stream("GET", "/executions/stream/events", headers={"accept": "text/event-stream"}) as told:
        for line in told.iter_lines():
            if line.startswith("data: "):
                names.append(json.loads(line.removeprefix("data: "))["name"])
                if names[-1] == "call.start":
                    client.post("/events", json=answer(claimed))
    assert (names[0], names[-1]) == ("workflow.start", "workflow.end")


def test_tokens_decide_who_may_do_what(tmp_path: Path) -> None:
    tokens = {"NOETL_USER_TOKENS": f"ann:{USER}", "NOETL_WORKER_TOKENS": f"w:{WORKER},other:{OTHER}"}
    with place(tmp_path / "data", **tokens) as made:
        made.server()
        with made.client() as client:

            def asked(method: str, path: str, token: str | None, body: object = None) -> int:
                headers = {} if token is None else {"authorization": f"Bearer {token}"}
                return client.request(method, path, headers=headers, json=body).status_code

            register = {"playbook_yaml": PLAYBOOK, "execution_id": "own"}
            start = {"execution_id": "own", "name": "workflow.start"}
            assert asked("POST", "/playbooks/register", None, register) == 401
            assert asked("POST", "/playbooks/register", "wrong", register) == 401
            assert asked("POST", "/playbooks/register", WORKER, register) == 403
            assert asked("POST", "/playbooks/register", USER, register) == 201
            assert asked("POST", "/events", WORKER, start) == 403
            assert asked("POST", "/events", USER, start) == 200
            assert asked("GET", "/health", None) == 200
            [claimed] = claim(made.folder, "w/here.1")
            assert asked("POST", "/events", USER, answer(claimed)) == 403
            assert asked("POST", "/events", OTHER, answer(claimed)) == 409  # it is not the one that claimed
            assert asked("POST", "/events", WORKER, answer(claimed)) == 200


def test_without_tokens_it_listens_on_this_machine_only(tmp_path: Path) -> None:
    made = Place(tmp_path)
    done = made.run("server", "start", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "without tokens the server listens on this machine only" in done.stderr
    short = made.run("server", "start", NOETL_USER_TOKENS="ann:short")
    assert short.returncode == 2
    assert "short" not in short.stderr.replace("noetl: error", "")
