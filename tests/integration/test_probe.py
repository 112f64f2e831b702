"""The probe server: replies by label, in turn, and everything that it saw."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from noetl.conformance.probe import Probe, Reply, Seen


def test_replies_in_turn_and_the_last_one_repeats() -> None:
    with Probe({"item": [{"status": 503}, {"json": {"ok": True}, "headers": {"X-A": "b"}}]}) as probe:
        answers = [httpx.get(f"{probe.url}/item") for _ in range(3)]
    assert [a.status_code for a in answers] == [503, 200, 200]
    assert answers[2].json() == {"ok": True}
    assert answers[2].headers["x-a"] == "b"
    assert [seen.n for seen in probe.to("item")] == [1, 2, 3]


def test_a_label_without_a_script_says_its_name_and_number() -> None:
    with Probe() as probe:
        httpx.get(f"{probe.url}/a/b")
        assert httpx.get(f"{probe.url}/a/b").json() == {"label": "a/b", "n": 2}
        assert httpx.get(f"{probe.url}/other").json() == {"label": "other", "n": 1}
        probe.forget()
        assert httpx.get(f"{probe.url}/a/b").json() == {"label": "a/b", "n": 1}


def test_remembers_method_query_headers_body_and_times() -> None:
    with Probe({"slow": [{"text": "late", "delay": 0.05}]}) as probe:
        httpx.post(f"{probe.url}/slow?a=1&b=2&b=3&c=", json={"x": [1]}, headers={"X-B": "c"})
        httpx.put(f"{probe.url}/form", data={"k": "v w"})
    first, second = probe.requests
    assert (first.method, first.query, first.json(), first.headers["x-b"]) == (
        "POST",
        {"a": "1", "b": ["2", "3"], "c": ""},
        {"x": [1]},
        "c",
    )
    assert first.answered is not None
    assert first.answered - first.received >= 0.05
    assert (second.method, second.form()) == ("PUT", {"k": "v w"})


def test_reset_and_hang() -> None:
    with Probe({"reset": [{"reset": True}], "hang": [{"hang": True}]}) as probe:
        with pytest.raises(httpx.ReadError):
            httpx.get(f"{probe.url}/reset")
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{probe.url}/hang", timeout=0.05)
        assert probe.to("hang")[0].answered is None


def test_a_reply_waits_until_another_request_has_arrived() -> None:
    with Probe({"a": [{"until": "b#2"}]}) as probe, ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.get, f"{probe.url}/a", timeout=60)
        for _ in range(2):
            httpx.get(f"{probe.url}/b")
        assert first.result().status_code == 200
        assert httpx.get(f"{probe.url}/a").status_code == 200  # it has arrived long ago
        held, second = probe.to("a")[0], probe.to("b")[1]
    assert held.answered is not None
    assert held.answered > second.received
    with pytest.raises(ValueError, match='"until" of a probe reply is a request'):
        Reply.of({"until": "b"})


def test_a_function_answers_by_the_request() -> None:
    def page(seen: Seen) -> Reply:
        return Reply(body=f"page {seen.query.get('page')}".encode())

    with Probe({"api/list": page}) as probe:
        assert httpx.get(f"{probe.url}/api/list", params={"page": 7}).text == "page 7"


def test_requests_run_beside_each_other() -> None:
    together = threading.Barrier(4, timeout=60)

    def meet(_: Seen) -> dict[str, object]:
        together.wait()
        return {"json": "met"}

    with Probe({"a": meet}) as probe, ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(httpx.get, [f"{probe.url}/a"] * 4))
        assert [answer.json() for answer in answers] == ["met"] * 4


@pytest.mark.parametrize("entry", [{"stauts": 200}, {"json": 1, "text": "x"}, {"status": "200"}])
def test_a_wrong_script_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="probe reply"):
        Probe({"a": [entry]})


def test_as_a_process(tmp_path: Path) -> None:
    script = tmp_path / "replies.json"
    script.write_text(json.dumps({"x": [{"status": 418}]}))
    command = [sys.executable, "-m", "noetl.conformance.probe", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/x?q=1").status_code == 418
        seen = httpx.get(f"{url}/-/requests").json()
        process.terminate()
    assert [(s["label"], s["query"]) for s in seen] == [("x", {"q": "1"})]
