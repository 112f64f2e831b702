"""Hostile use of the interface: drawn from its own description, too often, too large, without a token."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from noetl.conformance.probe import Probe
from noetl.runtime.server.admission import Allowance

from .places import Place, place

EXAMPLES = 25
"""Requests of each operation, half of them against its description."""
USER, WORKER = "user-token-0123456789", "worker-token-012345"
HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: large}\nworkflow:\n"
LARGE = f"""{HEAD}
  - step: start
    tool: {{kind: http, url: "{{{{ workload.probe }}}}/large"}}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server that takes small requests only, and a worker."""
    with place(tmp_path_factory.mktemp("hostile") / "data", NOETL_LARGEST="20000") as made:
        made.server()
        made.worker()
        yield made


def test_nothing_that_its_description_brings_up_is_an_error_of_the_server(running: Place) -> None:
    schema = schemathesis.openapi.from_url(f"{running.url}/api/v2/openapi.json")
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        drawn = st.one_of(
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
        )
        quick = settings(
            max_examples=EXAMPLES,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
            deadline=None,
        )

        @quick
        @given(case=drawn)
        def holds(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(checks=[not_a_server_error])

        holds()
        tried += 1
    assert tried >= 15
    with running.client() as client:
        assert client.get("/health").json()["status"] == "ok"


def test_a_call_whose_outcome_the_server_does_not_take_has_failed(running: Place) -> None:
    with Probe({"large": [{"text": "x" * 50_000}]}) as probe, running.client() as client:
        client.post("/playbooks/register", json={"playbook_yaml": LARGE, "execution_id": "large"})
        client.post("/executions", json={"execution_id": "large", "payload": {"probe": probe.url}})
        told = running.ended(client, "large")
        assert (told["status"], told["error"]["type"], len(probe.requests)) == ("failed", "LimitExceeded", 1)
        body = {"playbook_yaml": "x" * 50_000}
        assert client.post("/playbooks/register", json=body).json()["error"]["type"] == "TooLarge"


def test_an_allowance_is_each_callers_own_and_comes_back() -> None:
    now = [0.0]
    allowance = Allowance(3.0, lambda: now[0])
    assert [allowance.takes("a") for _ in range(5)] == [True, True, True, False, False]
    assert allowance.takes("b")
    now[0] = 0.4
    assert [allowance.takes("a") for _ in range(2)] == [True, False]
    now[0] = 100.0
    assert [allowance.takes("a") for _ in range(4)] == [True, True, True, False]


def test_who_has_no_token_sends_no_body_and_who_asks_too_often_waits(tmp_path: Path) -> None:
    tokens = {"NOETL_USER_TOKENS": f"ann:{USER}", "NOETL_WORKER_TOKENS": f"w:{WORKER}", "NOETL_RATE": "5"}
    with place(tmp_path / "data", **tokens) as made:
        made.server()
        with socket.create_connection(("127.0.0.1", made.port), timeout=60) as connection:
            head = "POST /api/v2/events HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n"
            connection.sendall(head.encode())  # and nothing of the body
            answer = connection.recv(65536).decode()
        assert answer.startswith("HTTP/1.1 401 ")
        assert "www-authenticate: bearer" in answer.lower()
        with made.client() as client:
            user = {"authorization": f"Bearer {USER}"}

            def asked(headers: dict[str, str], path: str = "/playbooks") -> httpx.Response:
                return client.get(path, headers=headers)

            answers = [asked(user) for _ in range(200)]
            refused = next(one for one in answers if one.status_code != 200)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert asked({"authorization": f"Bearer {WORKER}"}, "/metrics").status_code == 200
            assert asked({"authorization": "Bearer wrong"}).json()["error"]["type"] == "NoToken"
            assert asked({}, "/health").status_code == 200
            told: dict[str, Any] = client.get("/openapi.json").json()
            assert "/api/v2/credentials/open" in told["paths"]
