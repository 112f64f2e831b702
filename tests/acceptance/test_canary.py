"""A canary credential goes through every tool, sink and error path, and is found nowhere afterwards (TOO-6)."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from noetl.compiler.ir import Json
from noetl.compiler.values import MISSING, SecretRef, SecretText
from noetl.conformance.probe import Probe, Reply, Script, Seen
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.ports import NOWHERE, ToolCall
from noetl.runtime.tools import ToolBox

CANARY = 'c4n4ry/"ä\\ 9f8e7d6c'
NOETL = (sys.executable, "-X", "dev", "-m", "noetl", "run")
FORMS = (
    "c4n4ry",
    "9f8e7d6c",
    quote(CANARY, safe="")[:12],
    CANARY.encode().hex()[:16],
    *(b64encode(b"x" * before + CANARY.encode()).decode()[4:14] for before in range(3)),
)
"""Parts of the canary in every form in which it may travel."""

PLAYBOOK = """
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: canary}
workload: {api: "http://unset"}
keychain:
  - {name: entry, kind: credential, credential: login}
workbook:
  - name: task
    tool: {kind: python, args: {key: "{{ secret.canary }}"}, code: "result = [key, list(context)]"}
    sink: {tool: {kind: event_log, data: {key: "{{ secret.canary }}"}}}
workflow:
  - step: start
    tool: {kind: secrets, name: canary}
    next: [echo]
  - step: echo
    tool:
      kind: http
      method: POST
      url: "{{ workload.api }}/echo"
      params: {key: "{{ secret.canary }}"}
      headers: {X-Key: "k {{ start }}", X-Login: "{{ ('u:' ~ keychain.entry.password) | b64encode }}"}
      auth: login
      body: {key: "{{ start }}", list: ["{{ secret.canary }}"]}
    sink: {tool: {kind: http, method: POST, url: "{{ workload.api }}/sink", headers: {X-Key: "{{ secret.canary }}"}}}
    case:
      - when: "{{ event.name == 'call.done' }}"
        then: [{set: {echoed: "{{ response.data }}"}}, {log: "got {{ response.data }}"}]
    next: [refused]
  - step: refused
    tool: {kind: http, url: "{{ workload.api }}/fail", auth: login, params: {key: "{{ secret.canary }}"}}
    case:
      - {when: "{{ error is defined }}", then: {result: {from: error}, next: [unreachable]}}
    next: []
  - step: unreachable
    tool: {kind: http, url: "http://127.0.0.1:9/{{ secret.canary }}", headers: {X: "{{ secret.canary }}"}}
    case:
      - {when: "{{ error is defined }}", then: {result: {from: error}, next: [malformed]}}
    next: []
  - step: malformed
    tool: {kind: http, url: "{{ secret.canary }}"}
    case:
      - {when: "{{ error is defined }}", then: {result: {from: error}, next: [late]}}
    next: []
  - step: late
    tool: {kind: http, url: "{{ workload.api }}/hang", auth: login, timeout: 0.3}
    case:
      - {when: "{{ error is defined }}", then: {result: {from: error}, next: [prints]}}
    next: []
  - step: prints
    tool:
      kind: python
      args: {key: "{{ secret.canary }}"}
      code: |
        import base64, json, os, sys
        from pathlib import Path
        print(key, repr(key), json.dumps(key), key.encode().hex(), base64.b64encode(key.encode()).decode())
        print("x" * 65530 + key + "y" * 70000, file=sys.stderr)
        def leaks(path):
            try:
                return any(form.encode() in path.read_bytes() for form in (key, key[:6]))
            except OSError:
                return False
        processes = [p for p in Path("/proc").iterdir() if p.name.isdigit()]
        places = [p / name for p in processes for name in ("cmdline", "environ")]
        result = {key: key, "length": len(key), "places": len(places), "leaks": [str(p) for p in places if leaks(p)]}
    next: [raises]
  - step: raises
    tool:
      kind: python
      args: {key: "{{ secret.canary }}"}
      code: |
        def main(key):
            try:
                {}[key]
            except KeyError as error:
                raise type("Odd", (Exception,), {})("x" * 65530 + key) from error
    case:
      - {when: "{{ error is defined }}", then: {result: {from: error}, next: [killed]}}
    next: []
  - step: killed
    tool:
      kind: python
      timeout: 1
      args: {key: "{{ secret.canary }}"}
      code: |
        import time
        print("begun", key, flush=True)
        time.sleep(60)
    case:
      - {when: "{{ error is defined }}", then: {result: {from: error}, next: [dies]}}
    next: []
  - step: dies
    tool:
      kind: python
      args: {key: "{{ secret.canary }}"}
      code: |
        import os, sys
        print(key, file=sys.stderr, flush=True)
        os._exit(3)
    case:
      - {when: "{{ error is defined }}", then: {result: {from: error}, next: [scripted]}}
    next: []
  - step: scripted
    tool:
      kind: python
      args: {key: "{{ start }}"}
      script:
        uri: a.py
        source: {type: http, endpoint: "{{ workload.api }}", headers: {X: "{{ start }}"}, auth: login}
    next: [named]
  - step: named
    tool: {kind: workbook, name: task}
    next: [end]
  - step: end
    tool: {kind: python, code: "result = context"}
    sink: {tool: {kind: http, method: POST, url: "{{ workload.api }}/fail", auth: login}}
"""


def echo(seen: Seen) -> Reply:
    told = {"headers": seen.headers, "query": seen.query, "body": seen.body.decode(), "path": seen.path}
    return Reply(
        200, {"content-type": "application/json", "x-echo": seen.headers["x-login"]}, json.dumps(told).encode()
    )


def fail(seen: Seen) -> Reply:
    told = f"no: {seen.headers} {seen.path} {seen.text()}".encode()
    return Reply(500, {"content-type": "text/plain", "x-echo": seen.headers["authorization"]}, told)


def test_no_part_of_a_canary_is_left_anywhere(tmp_path: Path) -> None:
    here, temporary = tmp_path / "here", tmp_path / "tmp"
    here.mkdir()
    temporary.mkdir()
    (here / "p.yaml").write_text(PLAYBOOK)
    secrets = tmp_path / "credentials.yaml"
    login = {"type": "basic", "username": "ann", "password": CANARY}
    secrets.write_text(json.dumps({"canary": CANARY, "login": login}))
    script: Script = {"echo": echo, "fail": fail, "a.py": [{"text": "result = key"}], "hang": [{"hang": True}]}
    with Probe(script) as probe:
        done = subprocess.run(
            [*NOETL, "p.yaml", "--json", "--credentials", str(secrets), "--set", f"api={probe.url}"],
            cwd=here,
            env={**os.environ, "TMPDIR": str(temporary)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        sent = probe.requests
    summary = json.loads(done.stdout)
    assert summary["status"] == "failed", done.stderr
    assert summary["error"]["type"] == "SinkError", summary["error"]
    runs = {run["step"]: run for run in summary["runs"]}
    types = {
        name: run["result"]["type"] for name, run in runs.items() if name != "end" and "type" in (run["result"] or ())
    }
    assert types == {
        "refused": "HttpStatus",
        "unreachable": "ConnectionFailed",
        "malformed": "ValueError",
        "late": "Timeout",
        "raises": "Odd",
        "killed": "Timeout",
        "dies": "ProcessDied",
    }
    looked = runs["prints"]["result"]
    assert (looked["length"], looked["leaks"]) == (len(CANARY), [])
    assert looked["places"] > 4
    assert {seen.label for seen in sent} == {"echo", "sink", "fail", "hang", "a.py"}
    assert all("c4n4ry" in f"{seen.headers}" or "YW5uOmM0bjRyeS8i" in f"{seen.headers}" for seen in sent)
    written = [path for path in (*here.rglob("*"), *temporary.rglob("*")) if path.is_file()]
    told = {str(path): path.read_bytes() for path in written}
    told |= {"stdout": done.stdout.encode(), "stderr": done.stderr.encode()}
    found = [
        (where, data[max(0, at - 60) : at + 40])
        for where, data in told.items()
        for form in FORMS
        if (at := data.find(form.encode())) >= 0
    ]
    assert found == []


def test_the_logs_of_libraries_hold_no_canary(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store: Mapping[str, Json] = {
        "canary": CANARY,
        "login": {"type": "basic", "username": "ann", "password": CANARY},
        "query": {"type": "api_key", "key": CANARY, "in": "query"},
        "aws": {"type": "aws", "access_key_id": "AKIA", "secret_access_key": CANARY, "session_token": CANARY},
    }
    with Probe({"t": [{"json": {"access_token": f"{CANARY}-token"}}]}) as probe:
        api: Json = {"type": "oauth2", "token_url": f"{probe.url}/t", "client_id": "me", "client_secret": CANARY}
        headers = {"X": SecretText(("k", SecretRef("canary")))}
        calls: list[Mapping[str, object]] = [
            *({"url": f"{probe.url}/x", "auth": auth, "headers": headers} for auth in ("login", "query", "api")),
            {
                "script": {
                    "uri": "s3://b/k",
                    "source": {"type": "s3", "endpoint": probe.url, "auth": "aws", "timeout": 5},
                }
            },
        ]
        kinds = ["http", "http", "http", "python"]
        made = [
            ToolCall(k, f, {}, lambda _: MISSING, list, "s", "e", NOWHERE, 20.0)
            for k, f in zip(kinds, calls, strict=True)
        ]
        _run({**store, "api": api}, made)
        assert len(probe.to("x")) == 3
        assert probe.to("b/k")
    found = [form for form in FORMS if form in caplog.text]
    assert found == []


def _run(store: Mapping[str, Json], calls: list[ToolCall]) -> None:
    import asyncio

    async def all_of_them() -> None:
        box = ToolBox(MappedCredentials(store))
        for call in calls:
            await box.call(call)
        await box.close()

    asyncio.run(all_of_them())
