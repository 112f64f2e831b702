"""The tool box: kinds, secrets at its border, time-outs of every kind (TOO-6 to TOO-9)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from noetl.compiler.ir import Json
from noetl.compiler.values import SecretRef, SecretText
from noetl.conformance.probe import Probe, Reply, Seen
from noetl.errors import UsageError
from noetl.runtime.credentials import EnvironmentCredentials, MappedCredentials
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.redaction import MASK
from noetl.runtime.tools import RUNNERS, ToolBox

from .calls import request, run_calls

CANARY = 'c4n4ry "ä\\'
"""A secret with everything that gets escaped somewhere."""


def tool(kind: str, args: Mapping[str, object] | None = None, **fields: object) -> ToolCall:
    return request(kind, fields, args)


def test_the_event_log_sink_answers_null() -> None:
    assert run_calls(tool("event_log", data={"a": 1})) == [Outcome()]


@pytest.mark.parametrize("kind", ["snowflake", "container", "nonsense", "workbook"])
def test_a_kind_without_a_runner_is_a_failed_call(kind: str) -> None:
    (outcome,) = run_calls(tool(kind))
    known = ", ".join(f'"{name}"' for name in sorted(RUNNERS))
    message = f'no tool of kind "{kind}" can be run here; kinds with a runner: {known}'
    assert outcome.error == {"type": "Unsupported", "message": message}


def test_a_malformed_map_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="NOETL_HTTP_MAP"):
        ToolBox(MappedCredentials({}), environ={"NOETL_HTTP_MAP": "nonsense"})


MODULE = """
import asyncio
from noetl.runtime.ports import Outcome

class Runner:
    default_timeout = 0.1
    closed = 0
    async def call(self, request, attempt):
        attempt.start()
        attempt.stdout.write(b"so far")
        match request.fields["do"]:
            case "sleep": await asyncio.sleep(30)
            case "raise": raise OSError(5, "broken \\x00 device")
            case "time": raise TimeoutError("of its own")
            case "odd": return Outcome(response={"a": float("inf")})
            case "odd error": return Outcome(error={"a": b""})
        return Outcome(response=request.fields["do"])
    async def close(self):
        Runner.closed += 1

def make(place):
    return Runner()
"""


@pytest.fixture
def own_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    (tmp_path / "own_kind_of_tool.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield {"own": "own_kind_of_tool"}
    del sys.modules["own_kind_of_tool"]


def test_a_kind_is_a_module(own_kind: Mapping[str, str]) -> None:
    async def scenario() -> list[Outcome]:
        box = ToolBox(MappedCredentials({}), runners=own_kind)
        what = ("answer", "sleep", "raise", "time", "odd", "odd error")
        made = [await box.call(replace(tool("own", do=do), timeout=None)) for do in what]
        await box.close()
        return made

    answer, slept, broken, late, odd, odd_error = asyncio.run(scenario())
    assert answer == Outcome(response="answer", stdout="so far")
    assert slept == Outcome(error={"type": "Timeout", "message": "not finished within 0.1 s"}, stdout="so far")
    assert broken.error == {"type": "OSError", "message": "[Errno 5] broken \\x00 device"}
    assert late.error == {"type": "TimeoutError", "message": "of its own"}
    assert [isinstance(o.error, dict) and o.error["type"] for o in (odd, odd_error)] == ["NotSerializable"] * 2
    assert sys.modules["own_kind_of_tool"].Runner.closed == 1


def test_importing_the_tools_loads_no_client() -> None:
    code = (
        "import sys, noetl.runtime.tools as t; print([m for m in ('httpx', *t.RUNNERS.values()) if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


STORE: dict[str, Json] = {
    "canary": CANARY,
    "login": {"type": "basic", "username": "ann", "password": CANARY},
    "token": {"type": "bearer", "token": "tok-9f8e7d6c"},
}


def shown(outcome: Outcome) -> str:
    return repr(outcome) + repr(outcome.response) + outcome.stdout


LEAK = """
import base64, json, sys, urllib.parse
print(secret, repr(secret), json.dumps({"s": secret}), urllib.parse.quote(secret), file=sys.stderr)
print(base64.b64encode(f"ann:{secret}".encode()).decode(), secret.encode().hex())
result = {"same": secret, secret: [f"in {secret} text"], "length": len(secret)}
"""


def test_no_secret_comes_back_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("NOETL_CREDENTIAL_CANARY", CANARY)
    look = """
import os
def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
places = [read(f"/proc/{pid}/cmdline") for pid in os.listdir("/proc") if pid.isdigit()]
places.append(read("/proc/self/environ"))
result = [place.hex() for place in places]
"""
    args: dict[str, object] = {"secret": SecretRef("canary")}
    leaked, raised, looked = run_calls(
        tool("python", args, code=LEAK),
        tool("python", args, code="def main(secret):\n    raise ValueError(secret)"),
        tool("python", args, code=look),
        credentials=EnvironmentCredentials(os.environ),
    )
    assert leaked.response == {"same": MASK, MASK: [f"in {MASK} text"], "length": len(CANARY)}
    assert (leaked.stdout + leaked.stderr).count(MASK) >= 6
    for outcome in (leaked, raised):
        assert "c4n4ry" not in shown(outcome)
        assert b64encode(CANARY.encode()).decode()[:12] not in shown(outcome)
        assert CANARY.encode().hex() not in shown(outcome)
    assert isinstance(raised.error, dict)
    assert raised.error["message"] == MASK
    assert isinstance(raised.error["traceback"], str)
    assert raised.error["traceback"].endswith(f"ValueError: {MASK}\n")
    assert isinstance(looked.response, list)
    assert len(looked.response) > 2
    assert not any(CANARY.encode().hex() in str(place) for place in looked.response)
    assert list(tmp_path.iterdir()) == []


def test_no_secret_comes_back_from_http() -> None:
    def echo(seen: Seen) -> Reply:
        status = 500 if "fail" in seen.query else 200
        told = f"{seen.headers} {seen.query} {seen.text()}".encode()
        return Reply(status, {"x-echo": seen.headers["authorization"], "content-type": "text/plain"}, told)

    with Probe({"x": echo}) as probe:
        secret = SecretText(("key-", SecretRef("canary")))
        echoed = tool("http", method="POST", params={"key": secret}, body={"s": [secret]}, auth="login")
        outcomes = run_calls(
            replace(echoed, fields={**echoed.fields, "url": f"{probe.url}/x"}),
            replace(echoed, fields={**echoed.fields, "url": f"{probe.url}/x?fail=1"}),
            tool("http", url=SecretText(("http://127.0.0.1:9/", SecretRef("token")))),
            credentials=MappedCredentials(STORE),
        )
        sent = probe.requests[0]
    assert sent.query["key"] == f"key-{CANARY}"
    assert sent.json() == {"s": [f"key-{CANARY}"]}
    assert sent.headers["authorization"] == "Basic " + b64encode(f"ann:{CANARY}".encode()).decode()
    fine, broken, refused = outcomes
    assert isinstance(fine.response, dict)
    assert isinstance(fine.response["headers"], dict)
    assert fine.response["headers"]["x-echo"] == f"Basic {MASK}"
    assert fine.response["url"] == f"{probe.url}/x?key=key-{MASK}"
    assert isinstance(broken.answered, dict)
    assert MASK in str(broken.answered["data"])
    assert isinstance(refused.error, dict)
    assert refused.error["message"] == f"GET http://127.0.0.1:9/{MASK}: All connection attempts failed"
    for outcome in outcomes:
        assert "c4n4ry" not in shown(outcome)
        assert "tok-9f8e7d6c" not in shown(outcome)
        assert b64encode(f"ann:{CANARY}".encode()).decode() not in shown(outcome)


def test_a_secret_that_is_not_there_is_a_failed_call() -> None:
    outcomes = run_calls(
        tool("python", {"x": SecretRef("nobody")}, code="result = 1"),
        tool("http", url="http://127.0.0.1:9", auth="nobody"),
        tool("http", url=SecretRef("login", "nothing")),
        credentials=MappedCredentials(STORE),
    )
    assert [outcome.error for outcome in outcomes] == [
        {
            "type": "CredentialMissing",
            "message": 'no credential is called "nobody"; as a variable it is NOETL_CREDENTIAL_NOBODY',
        },
        {
            "type": "CredentialMissing",
            "message": 'no credential is called "nobody"; as a variable it is NOETL_CREDENTIAL_NOBODY',
        },
        {"type": "CredentialMissing", "message": 'credential "login" has no field "nothing"'},
    ]


def test_code_sees_the_environment_but_no_credential() -> None:
    environ = {**os.environ, "NOETL_CREDENTIAL_X": "hidden-1", "PLAIN": "seen"}
    code = "import os\nresult = [os.environ.get('PLAIN'), sorted(k for k in os.environ if 'CREDENTIAL' in k)]"
    (outcome,) = run_calls(tool("python", code=code), environ=environ)
    assert outcome.response == ["seen", []]
