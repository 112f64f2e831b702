"""Pods that are killed: what the Workflow comes to, and what is made again."""

from __future__ import annotations

import signal
from pathlib import Path
from threading import Event

import pytest

from noetl.conformance.adapters.argo_node import Node
from noetl.conformance.adapters.argo_pods import Pods
from noetl.conformance.probe import Probe

from .workflows import argo_case, ran

CALLS = """
workflow:
- step: start
  tool: {kind: http, method: POST, url: "{{ workload.probe }}/first", idempotency_key: true}
  next: [{step: slow}]
- step: slow
  tool: {kind: http, method: POST, url: "{{ workload.probe }}/slow", idempotency_key: true}
  next: [{step: after}]
- step: after
  tool: {kind: http, method: POST, url: "{{ workload.probe }}/after"}
"""
RETRIES = "profile: 1\ndefaults: {retries: 1}\n"


class Killer:
    """Sends the pods a signal when a call is under way for the first time."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._pods: list[Pods] = []
        self._done = Event()

    def watch(self, pods: Pods) -> None:
        """These are the pods."""
        self._pods.append(pods)

    def saw(self, label: str) -> None:
        """A request has arrived."""
        if label == "slow" and not self._done.is_set():
            self._done.set()
            self._pods[0].kill(self._number)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, 137), (signal.SIGTERM, 143)], ids=["killed", "terminated"]
)
def test_a_lost_pod_fails_the_workflow(tmp_path: Path, node: Node, number: int, code: int) -> None:
    killer = Killer(number)
    script = {"slow": [{"until": "never#1"}]}
    with Probe(script, arrived=lambda seen: killer.saw(seen.label)) as probe:
        run, outcome = ran(argo_case(tmp_path, CALLS, {"probe": probe.url}), node, killer.watch)
        assert [seen.label for seen in probe.requests] == ["first", "slow"]
    assert run.nodes["s-slow"].phase == "Failed"
    assert run.nodes["s-after"].phase == "Omitted"
    message = f"main: Error (exit code {code})"
    assert outcome["error"] == {"step": "slow", "type": "PodLost", "message": message}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "terminated"])
def test_a_lost_pod_is_run_again_where_a_profile_says_so_with_the_same_keys(
    tmp_path: Path, node: Node, number: int
) -> None:
    killer = Killer(number)
    script = {"slow": [{"until": "after#1"}, {"json": "done"}]}
    with Probe(script, arrived=lambda seen: killer.saw(seen.label)) as probe:
        run, outcome = ran(argo_case(tmp_path, CALLS, {"probe": probe.url}, profile=RETRIES), node, killer.watch)
        keys = {label: [seen.headers["idempotency-key"] for seen in probe.to(label)] for label in ("first", "slow")}
    assert outcome["status"] == "completed"
    assert len(keys["first"]) == 1
    assert len(keys["slow"]) == 2
    assert len({*keys["slow"]}) == 1
    assert run.nodes["s-slow(0)"].phase == "Failed"


FAILS = """
workflow:
- step: start
  tool: {kind: http, method: POST, url: "{{ workload.probe }}/fails"}
"""


def test_a_run_that_failed_is_never_run_again(tmp_path: Path, node: Node) -> None:
    with Probe({"fails": [{"status": 500}]}) as probe:
        run, outcome = ran(argo_case(tmp_path, FAILS, {"probe": probe.url}, profile=RETRIES), node)
        assert len(probe.requests) == 1
    assert outcome["status"] == "failed"
    assert [name for name in run.nodes if name.startswith("s-start(")] == ["s-start(0)"]
