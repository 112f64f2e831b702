"""Events become spans that a collector understands."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from noetl.cli import main

PARENT = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: parent}
workflow:
  - step: start
    tool: {kind: python, code: "print('said')\\nraise ValueError('no')"}
    case:
      - when: "{{ event.name == 'call.error' and event.attempt < 2 }}"
        then: [{retry: {max_attempts: 2, initial_delay: 0}}]
      - when: "{{ event.name == 'call.error' }}"
        then: [{next: [{step: each}]}]
  - step: each
    loop: {in: [1, 2], iterator: i, mode: parallel}
    tool: {kind: playbook, path: child, args: {i: "{{ i }}"}}
"""
CHILD = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: child, path: child}
workflow:
  - step: start
    tool: {kind: python, args: {i: "{{ workload.i }}"}, code: "result = 1 // (i - 1)"}
"""


class Collector(HTTPServer):
    """Takes OTLP over HTTP and keeps the spans."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []
        self.status = 200

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/traces"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        request = ExportTraceServiceRequest.FromString(body)
        if self.server.status == 200:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    self.server.spans += scope.spans
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An execution with two sub-playbooks, one of which fails, in the log of the test's folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parent.yaml").write_text(PARENT, encoding="utf-8")
    (tmp_path / "child.yaml").write_text(CHILD, encoding="utf-8")
    assert main(["run", "parent.yaml", "-q", "--execution-id", "parent"]) == 1
    capsys.readouterr()


def told(span: Span) -> dict[str, str | int]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def test_runs_iterations_and_calls_are_spans(collector: Collector, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "--otlp", collector.address]) == 0
    assert capsys.readouterr().err == "9 spans sent\n"
    spans = {span.span_id: span for span in collector.spans}
    assert len({span.trace_id for span in collector.spans}) == 1
    parents = sorted((s.name, spans[s.parent_span_id].name if s.parent_span_id else "") for s in collector.spans)
    assert parents == [
        ("each", "parent.yaml"),
        ("each playbook", "each[0]"),
        ("each playbook", "each[1]"),
        ("each[0]", "each"),
        ("each[1]", "each"),
        ("parent.yaml", ""),
        ("start", "parent.yaml"),
        ("start python", "start"),
        ("start python", "start"),
    ]
    for span in collector.spans:
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        if span.parent_span_id:
            assert spans[span.parent_span_id].start_time_unix_nano <= span.start_time_unix_nano
    first = next(s for s in collector.spans if s.name == "start python")
    assert (told(first)["noetl.attempt"], first.status.code, first.status.message) == (
        "1",
        Status.STATUS_CODE_ERROR,
        "no",
    )
    start = next(s for s in collector.spans if s.name == "start")
    assert [event.name for event in start.events] == ["stdout", "retry", "stdout"]
    assert (told(start)["noetl.status"], start.status.code) == ("success", Status.STATUS_CODE_UNSET)


def test_ids_do_not_change_and_a_sub_playbook_is_in_the_trace_of_its_call(collector: Collector) -> None:
    assert main(["events", "--otlp", collector.address]) == 0
    first = [(span.trace_id, span.span_id) for span in collector.spans]
    assert main(["events", "--otlp", collector.address]) == 0
    assert [(span.trace_id, span.span_id) for span in collector.spans[len(first) :]] == first

    calls = {span.span_id for span in collector.spans if span.name == "each playbook"}
    from noetl.runtime.store import open_log

    log = open_log(create=False)
    children = [entry.execution_id for entry in log.entries() if entry.parent is not None]
    log.close()
    assert len(children) == 2
    for child in children:
        collector.spans.clear()
        assert main(["events", "--execution", child, "--otlp", collector.address]) == 0
        root = next(span for span in collector.spans if span.name == "child.yaml")
        assert root.trace_id == first[0][0]
        assert root.parent_span_id in calls
        calls.remove(root.parent_span_id)


def test_a_collector_that_refuses_is_said(collector: Collector, capsys: pytest.CaptureFixture[str]) -> None:
    collector.status = 400
    assert main(["events", "--otlp", collector.address]) == 1
    assert f'noetl: error: "{collector.address}" did not take the spans\n' in capsys.readouterr().err
