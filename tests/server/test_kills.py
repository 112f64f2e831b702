"""Server and workers killed at named points and at random: every execution ends as an undisturbed one."""

from __future__ import annotations

import os
import random  # noqa: TID251  # the moments of this test, from a fixed seed
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from noetl.conformance.judge import differences
from noetl.conformance.probe import Probe, Seen
from noetl.runtime.server.embedded_postgres import EmbeddedPostgres

from .places import Place, place, until

EXECUTIONS = int(os.environ.get("NOETL_SERVER_KILLS", "3"))
"""How many executions are disturbed at random; 1000 before a release."""
HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: killed}\nworkflow:\n"
PLAYBOOK = """
  - step: start
    tool: {kind: http, url: "{{ workload.probe }}/start", idempotency_key: true}
    next: [{step: left}, {step: right}, {step: round, args: {n: 0}}, {step: below}]
  - step: left
    loop: {in: [0, 1, 2, 3, 4], iterator: i, mode: parallel, max_in_flight: 3}
    tool: {kind: http, url: "{{ workload.probe }}/left/{{ i }}", idempotency_key: true}
    case:
      - when: "{{ event.name == 'call.done' and i % 3 == 0 }}"
        then:
          - collect: {from: "i", into: third, mode: append}
          - next: [{step: fan, args: {i: "{{ i }}"}}]
  - step: fan
    tool: {kind: http, url: "{{ workload.probe }}/fan/{{ args.i }}", idempotency_key: true}
    next: end
  - step: right
    tool: {kind: http, url: "{{ workload.probe }}/flaky", idempotency_key: true}
    case:
      - when: "{{ error.status == 503 }}"
        then: [{retry: {max_attempts: 4, initial_delay: 0.05}}]
    sink: {tool: {kind: http, method: POST, url: "{{ workload.probe }}/sink", idempotency_key: true}}
    next: end
  - step: round
    tool: {kind: http, url: "{{ workload.probe }}/round/{{ args.n }}", idempotency_key: true}
    case:
      - when: "{{ event.name == 'step.exit' and args.n < 3 }}"
        then: [{next: [{step: round, args: {n: "{{ args.n + 1 }}"}}]}]
    next: end
  - step: below
    tool: {kind: playbook, path: child, args: {probe: "{{ workload.probe }}"}}
    next: end
  - step: end
    case: [{when: true, then: [{result: {third: "{{ ctx.third }}", right: "{{ right }}", below: "{{ below }}"}}]}]
"""
CHILD = """
  - step: start
    loop: {in: [0, 1], iterator: i}
    tool: {kind: http, url: "{{ workload.probe }}/child/{{ i }}", idempotency_key: true}
    next: last
  - step: last
    tool: {kind: http, url: "{{ workload.probe }}/last", idempotency_key: true}
    case: [{when: true, then: [{result: {from: response.data.n}}]}]
"""
SERVER_POINTS = ("server.locked", "server.applied", "server.written", "server.committed")
WORKER_POINTS = ("worker.claimed", "worker.called")


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    """Answers by what is asked, never by how often it was asked before: an attempt that is made again is the same."""

    def answer(seen: Seen) -> dict[str, object]:
        attempt = int(seen.headers["idempotency-key"].rpartition(":")[2]) if seen.label == "flaky" else 0
        return {"status": 503 if attempt in (1, 2) else 200, "json": {"n": len(seen.path)}, "delay": 0.01}

    labels = [*(f"left/{i}" for i in range(5)), *(f"fan/{i}" for i in range(5)), *(f"round/{i}" for i in range(4))]
    with Probe(dict.fromkeys([*labels, "start", "flaky", "sink", "child/0", "child/1", "last"], answer)) as made:
        yield made


class Fleet:
    """A server and two workers that are started again when they end."""

    def __init__(self, made: Place, probe: Probe) -> None:
        self.place = made
        self.probe = probe
        self.server = made.server()
        self.workers = [made.worker(), made.worker()]
        self.deaths = 0

    def begin(self, execution_id: str) -> None:
        """Register and start an execution; where the server dies over it, again, as a client would."""
        body: dict[str, object]
        for path, text in (("child", CHILD), ("killed", PLAYBOOK)):
            body = {"playbook_yaml": HEAD + text, "path": path, "execution_id": execution_id}
            self.insist("/playbooks/register", body)
        payload = {"probe": self.probe.url}
        self.insist("/events", {"execution_id": execution_id, "name": "workflow.start", "payload": payload})

    def insist(self, path: str, body: dict[str, object]) -> None:
        """Post until it is answered."""

        def is_answered() -> bool:
            self.mend()
            try:
                with self.place.client() as client:
                    return client.post(path, json=body).is_success
            except httpx.TransportError:
                return False

        until(is_answered, path)

    def mend(self) -> None:
        """Start again what has ended, without the fault."""
        if self.server.poll() is not None:
            self.deaths += 1
            self.server = self.place.server()
        for number, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self.deaths += 1
                self.workers[number] = self.place.worker()

    def ended(self, execution_id: str) -> dict[str, Any]:
        """The execution, once it has ended, whoever dies meanwhile."""

        def is_over() -> bool:
            self.mend()
            try:
                with self.place.client() as client:
                    return bool(client.get(f"/executions/{execution_id}").json()["status"] != "running")
            except httpx.TransportError:
                return False

        until(is_over, f"{execution_id} ends")
        with self.place.client() as client:
            told: dict[str, Any] = client.get(f"/executions/{execution_id}?runs=true").json()
            told["log"] = client.get(f"/executions/{execution_id}/events?limit=1000").json()["events"]
        return told

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL."""
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, probe: Probe) -> Iterator[Fleet]:
    with place(tmp_path_factory.mktemp("kills") / "data") as made:
        yield Fleet(made, probe)


@pytest.fixture(scope="module")
def usual(fleet: Fleet) -> dict[str, Any]:
    fleet.begin("undisturbed")
    told = fleet.ended("undisturbed")
    assert told["status"] == "completed"
    return told


def events_of(told: dict[str, Any]) -> Counter[tuple[object, ...]]:
    return Counter((e["name"], e["step"], e["key"], e["iteration"]) for e in told["log"])


def check(fleet: Fleet, usual: dict[str, Any], execution_id: str) -> None:
    """It came to the undisturbed outcome; no event is lost or doubled; calls have the keys that they had."""
    told = fleet.ended(execution_id)
    summary = {name: told[name] for name in ("status", "output", "runs")}
    assert differences(summary, {name: usual[name] for name in ("status", "output", "runs")}) == []
    assert events_of(told) == events_of(usual)
    assert [event["position"] for event in told["log"]] == list(range(1, len(told["log"]) + 1))
    keys = Counter(key for key in map(key_of, fleet.probe.requests) if key.startswith(f"{execution_id}:"))
    wanted = {key.partition(":")[2] for key in map(key_of, fleet.probe.requests) if key.startswith("undisturbed:")}
    assert {key.partition(":")[2] for key in keys} == wanted


def key_of(request: Seen) -> str:
    return request.headers["idempotency-key"]


@pytest.mark.parametrize("point", SERVER_POINTS)
def test_a_server_that_dies_at_a_point(fleet: Fleet, usual: dict[str, Any], point: str) -> None:
    fleet.kill(fleet.server)
    fleet.server = fleet.place.server(NOETL_FAULT=f"{point}:5")
    deaths = fleet.deaths
    fleet.begin(f"server-{point}")
    check(fleet, usual, f"server-{point}")
    assert fleet.deaths == deaths + 1


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_worker_that_dies_at_a_point(fleet: Fleet, usual: dict[str, Any], point: str) -> None:
    fleet.kill(fleet.workers[0])
    fleet.workers[0] = fleet.place.worker(NOETL_FAULT=f"{point}:2")
    until(lambda: "noetl worker" in fleet.place.said(fleet.workers[0]), "the worker is there")
    deaths = fleet.deaths
    fleet.begin(f"worker-{point}")
    check(fleet, usual, f"worker-{point}")
    for more in range(20):
        if fleet.deaths > deaths:
            break
        fleet.begin(f"worker-{point}-{more}")  # the other worker had all the commands
        check(fleet, usual, f"worker-{point}-{more}")
    assert fleet.deaths == deaths + 1


def test_killed_at_random(fleet: Fleet, usual: dict[str, Any]) -> None:
    chance = random.Random(11)
    names = [f"random-{number}" for number in range(EXECUTIONS)]
    for name in names:
        fleet.begin(name)
        time.sleep(chance.uniform(0.0, 0.5))
        fleet.kill(chance.choice([fleet.server, *fleet.workers]))
    for name in names:
        check(fleet, usual, name)


def test_the_database_is_started_again(fleet: Fleet, usual: dict[str, Any]) -> None:
    fleet.begin("database")
    EmbeddedPostgres.start(fleet.place.folder, "UTC").stop()
    EmbeddedPostgres.start(fleet.place.folder, "UTC")
    check(fleet, usual, "database")
