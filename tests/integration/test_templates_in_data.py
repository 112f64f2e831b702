"""Data that holds templates stays data, through every tool, sink, log and error path (TPL-2)."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.probe import Probe, Reply, Script, Seen
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.embedded import execute
from noetl.runtime.events import Event
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import SystemClock
from noetl.runtime.tools import ToolBox

EVIL = "{{ 'ev4l' ~ 'uated' }} {% raw %} {# #} {{ secret.canary }} {{ workload.who | upper }} {{ ''.__class__ }}"
EVALUATED = ("ev4luated", "W0RKL04D", "<secret canary>", "<class 'str'>")
"""What a part of it evaluates to."""
CANARY = "c4n4ry-key"

PLAYBOOK = """
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: p}
workload: {api: "", evil: "", who: "w0rkl04d", names: {}}
keychain:
  - {name: entry, kind: credential, credential: "{{ workload.names.credential }}"}
workbook:
  - name: task
    tool: {kind: python, args: {data: "{{ args.data }}"}, code: "result = data"}
    sink: {tool: {kind: event_log, message: "task {{ result }}"}}
workflow:
  - step: start
    tool:
      kind: http
      method: POST
      url: "{{ workload.api }}/echo"
      params: {p: "{{ workload.evil }}"}
      headers: {X-Evil: "{{ workload.evil }}"}
      body: {"k": "{{ workload.evil }}"}
    vars: {kept: "{{ result.data }}"}
    sink: {tool: {kind: http, method: POST, url: "{{ workload.api }}/sink"}}
    case:
      - when: "{{ event.name == 'call.done' and response.status == 200 }}"
        then:
          - set: {ctx: {from_response: "{{ response.data.body }}"}, text: "a {{ response.data.body }} b"}
          - collect: {from: "{{ response.data }}", into: gathered}
          - log: "got {{ response.data }}"
          - sink: {tool: {kind: event_log, message: "{{ response.data }}"}, args: {also: "{{ text }}"}}
          - call: {body: {again: "{{ response.data }}"}, params: {q: "{{ text }}"}}
      - when: "{{ event.name == 'step.exit' }}"
        then: {next: [{step: failing, args: {given: "{{ ctx.from_response }}", text: "{{ text }}"}}]}
  - step: failing
    tool: {kind: http, url: "{{ workload.api }}/fail", params: {text: "{{ args.text }}"}}
    case:
      - when: "{{ event.name == 'call.error' }}"
        then:
          - log: "{{ error.message }} {{ error.body }}"
          - result: {from: error}
          - next: [{step: raising, args: {given: "{{ error.body }}", map: "{{ error }}"}}]
  - step: raising
    tool:
      kind: python
      args: {given: "{{ args.given }}"}
      code: |
        import sys
        print(given)
        print(given, file=sys.stderr)
        raise ValueError(given)
    case:
      - when: "{{ error is defined }}"
        then: [{result: {message: "{{ error.message }}", trace: "{{ error.traceback }}"}}, {next: [scripted]}]
  - step: scripted
    args: {data: "{{ workload.evil }}"}
    tool: {kind: python, script: {uri: code.py}}
    next: [encoded]
  - step: encoded
    tool: {kind: python, code_b64: "%(encoded)s", args: {data: "{{ scripted }}"}}
    next: [named]
  - step: named
    tool: {kind: workbook, name: task, args: {data: "{{ encoded }}"}}
    next: [address]
  - step: address
    tool: {kind: http, url: "{{ workload.evil }}"}
    case: [{when: "{{ error is defined }}", then: {result: {from: error}, next: [unknown]}}]
  - step: unknown
    tool: {kind: http, url: "{{ workload.api }}/x", auth: "{{ workload.evil }}"}
    case: [{when: "{{ error is defined }}", then: {result: {from: error}, next: [credential]}}]
  - step: credential
    tool: {kind: http, url: "{{ workload.api }}/x", headers: {X-Key: "{{ secret.evil }}"}}
    next: [entry]
  - step: entry
    tool: {kind: http, url: "{{ workload.api }}/x", headers: {X-Key: "{{ keychain.entry.value }}"}}
    case: [{when: "{{ error is defined }}", then: {result: {from: error}, next: [failed]}}]
  - step: failed
    tool: {kind: python, code: "result = 1"}
    case:
      - when: "{{ event.name == 'call.done' }}"
        then: [{fail: {message: "because {{ workload.evil }} and {{ encoded }}"}}]
"""


def echo(seen: Seen) -> Reply:
    told = {"body": seen.json(), "path": seen.query, "header": seen.headers["x-evil"]}
    return Reply(200 if seen.n == 1 else 201, {"content-type": "application/json"}, json.dumps(told).encode())


def fail(seen: Seen) -> Reply:
    return Reply(500, {"content-type": "text/plain", "x-evil": EVIL}, f"{EVIL} {seen.query}".encode())


def test_templates_in_data_are_never_evaluated(tmp_path: Path) -> None:
    code = f"def main(data):\n    return [data, {EVIL!r}]\n"
    (tmp_path / "code.py").write_text(code)
    text = PLAYBOOK.replace("%(encoded)s", b64encode(code.encode()).decode())
    compilation = compile_source(text.encode(), "p.yaml")
    workflow, events = compilation.workflow, list[Event]()
    assert workflow is not None, compilation.diagnostics
    script: Script = {"echo": echo, "fail": fail}
    with Probe(script) as probe:
        payload: dict[str, Json] = {"api": probe.url, "evil": EVIL, "names": {"credential": EVIL}}
        store: dict[str, Json] = {"canary": CANARY, "evil": {"type": "text", "value": f"{EVIL} opened"}}

        async def whole() -> dict[str, Json]:
            box = ToolBox(MappedCredentials(store), folder=tmp_path)
            try:
                info = ExecutionInfo("e", {})
                return (await execute(workflow, payload, info, box, SystemClock(), events.append)).summary()
            finally:
                await box.close()

        summary = asyncio.run(whole())
        sent = probe.requests
    assert isinstance(summary["runs"], list)
    assert [run["step"] for run in summary["runs"] if isinstance(run, dict)] == [
        *("start", "failing", "raising", "scripted", "encoded", "named", "address", "unknown", "credential", "entry"),
        "failed",
    ]
    assert [(seen.label, seen.n) for seen in sent][:4] == [("echo", 1), ("echo", 2), ("sink", 1), ("fail", 1)]
    assert sent[0].query["p"] == sent[0].headers["x-evil"] == EVIL
    assert sent[0].json() == {"k": EVIL}
    told = json.dumps(summary["runs"]) + repr(events) + "".join(f"{s.path} {s.headers} {s.body!r}" for s in sent)
    assert [evaluated for evaluated in (CANARY, *EVALUATED) if evaluated in told] == []
    error = summary["error"]
    assert isinstance(error, dict)
    assert str(error["message"]).startswith(f"because {EVIL} and ")
    by_name = {event.name for event in events}
    assert {"log", "event_log", "stdout", "stderr", "run.failed", "sink.done"} <= by_name
    streams = {event.name: event.data["text"] for event in events if event.name in ("stdout", "stderr")}
    assert streams["stdout"] == streams["stderr"]
    assert str(streams["stdout"]).startswith(EVIL)
