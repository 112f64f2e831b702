"""Scripts from a web server and from object stores (TOO-5), against servers that run here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from noetl.compiler.ir import Json
from noetl.compiler.values import SecretRef, SecretText
from noetl.conformance.probe import Probe, Reply, Script, Seen
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.ports import Outcome, ToolCall

from .calls import request, run_calls

CODE = "def main(n):\n    return {'n': n, 'text': '{{ 7 * 7 }}'}\n"
KEYS = ("AKIAC4N4RY0000000001", "c4n4ry-secret-access-key")


def python(script: Mapping[str, object], timeout: float | None = 30.0, **fields: object) -> ToolCall:
    return request("python", {"script": script, **fields}, {"n": 1}, timeout=timeout)


def run(*calls: ToolCall, store: Mapping[str, Json] | None = None, folder: Path | None = None) -> list[Outcome]:
    return run_calls(*calls, credentials=MappedCredentials(store or {}), folder=folder)


def error(outcome: Outcome) -> dict[str, Json]:
    assert isinstance(outcome.error, dict)
    return outcome.error


# -- web -----------------------------------------------------------------------------------------------------------


def test_a_script_from_the_web_is_fetched_for_each_call_and_never_rendered() -> None:
    with Probe({"scripts/a.py": [{"text": CODE}, {"text": CODE.replace("7", "8")}]}) as probe:
        source = {"type": "http", "endpoint": f"{probe.url}/scripts/"}
        first, second = run(*[python({"uri": "./a.py", "source": source})] * 2)
        whole = run(python({"uri": f"{probe.url}/scripts/a.py", "source": {"type": "http"}}))[0]
        assert [seen.method for seen in probe.requests] == ["GET"] * 3
        assert probe.connections == 2
    assert first.response == {"n": 1, "text": "{{ 7 * 7 }}"}
    assert second.response == whole.response == {"n": 1, "text": "{{ 8 * 8 }}"}


def test_the_options_of_a_script_from_the_web() -> None:
    with Probe({"a.py": [{"text": CODE}]}) as probe:
        source = {
            "type": "http",
            "endpoint": probe.url,
            "method": "POST",
            "headers": {"X-Key": SecretText(("k-", SecretRef("canary"))), "X-None": None},
            "auth": "login",
        }
        store: dict[str, Json] = {"canary": "c4n4ry-key", "login": {"type": "basic", "user": "u", "password": "c4n4ry"}}
        (outcome,) = run(python({"uri": "a.py", "source": source}), store=store)
        (seen,) = probe.requests
    assert outcome.error is None
    assert (seen.method, seen.headers["x-key"]) == ("POST", "k-c4n4ry-key")
    assert seen.headers["authorization"].startswith("Basic ")
    assert "x-none" not in seen.headers


def test_a_script_that_the_web_does_not_give() -> None:
    script: Script = {
        "gone.py": [{"status": 404}],
        "late.py": [{"hang": True}],
        "moved.py": [{"status": 302, "headers": {"location": "/a.py"}}],
    }
    with Probe({**script, "bytes.py": lambda _: Reply(body=b"\xff\xfe")}) as probe:

        def source(uri: str, **more: object) -> ToolCall:
            return python({"uri": uri, "source": {"type": "http", "endpoint": probe.url, **more}})

        gone, late, moved, binary = map(
            error, run(source("gone.py"), source("late.py", timeout=0.2), source("moved.py"), source("bytes.py"))
        )
    assert gone == {"type": "HttpStatus", "message": 'script "gone.py" cannot be read: the server answered 404'}
    assert (late["type"], str(late["message"])[:33]) == ("ConnectionFailed", 'script "late.py" cannot be read: ')
    assert moved["message"] == 'script "moved.py" cannot be read: the server answered 302'
    assert binary == {"type": "ValueError", "message": 'script "bytes.py" is not UTF-8 text'}


def test_a_script_that_comes_too_slowly_from_the_web() -> None:
    """The time is that of the whole answer, not that of each of its bytes."""

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            with suppress(OSError):
                while not stopped.wait(0.05):
                    self.wfile.write(b"#")

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    stopped = Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        Thread(target=server.serve_forever).start()
        uri = f"http://127.0.0.1:{server.server_port}/x.py"
        (outcome,) = run(python({"uri": uri, "source": {"type": "http", "timeout": 0.5}}))
        stopped.set()
        server.shutdown()
    message = f'script "{uri}" cannot be read: no whole answer within 0.5 s'
    assert error(outcome) == {"type": "ConnectionFailed", "message": message}


def test_script_comes_before_the_code_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("result = 'file'")
    given: dict[str, object] = {"code": "result = 'code'", "code_b64": "cmVzdWx0ID0gJ2I2NCc="}
    script = python({"uri": "./a.py", "source": {"type": "file"}}, 20.0, **given)
    encoded = request("python", given)
    assert [o.response for o in run(script, encoded, folder=tmp_path)] == ["file", "b64"]


# -- s3, on a server of its own --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server that checks keys, with a bucket and an object."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    httpx.put(f"{url}/scripts", headers=_signed("PUT", f"{url}/scripts")).raise_for_status()
    httpx.put(f"{url}/scripts/v1/a.py", content=CODE, headers=_signed("PUT", f"{url}/scripts/v1/a.py", CODE.encode()))
    yield url
    server.stop()


def _signed(method: str, url: str, content: bytes = b"") -> dict[str, str]:
    from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
    from botocore.credentials import Credentials  # type: ignore[import-untyped]

    request = AWSRequest(method, url, data=content)
    S3SigV4Auth(Credentials(*KEYS), "s3", "us-east-1").add_auth(request)
    return {str(name): str(value) for name, value in request.headers.items()}


AWS: Json = {"type": "aws", "access_key_id": KEYS[0], "secret_access_key": KEYS[1], "region": "us-east-1"}


def test_a_script_from_s3(s3: str) -> None:
    def source(uri: str, **more: object) -> ToolCall:
        return python({"uri": uri, "source": {"type": "s3", "endpoint": s3, "auth": "store", **more}})

    found, there, gone, nobody = run(
        source("s3://scripts/v1/a.py", region="us-west-2"),
        python({"uri": "s3://scripts/v1/a.py", "source": {"type": "s3", "auth": {"type": "aws", "credential": "own"}}}),
        source("s3://scripts/v1/none.py"),
        source("s3://scripts/v1/a.py", auth="nobody"),
        store={"store": AWS, "own": {**AWS, "endpoint": s3}} if isinstance(AWS, dict) else {},
    )
    assert found.response == there.response == {"n": 1, "text": "{{ 7 * 7 }}"}
    assert str(error(gone)["message"]).startswith('script "s3://scripts/v1/none.py" cannot be read: ')
    assert error(gone)["type"] == "FileNotFoundError"
    assert error(nobody)["type"] == "CredentialMissing"
    assert KEYS[1] not in repr((found, gone, nobody))


def test_a_store_that_does_not_answer_in_time() -> None:
    with Probe({"b/k": [{"hang": True}], "b": [{"hang": True}]}) as probe:
        source = {"type": "s3", "endpoint": probe.url, "auth": "store", "timeout": 0.5}
        (outcome,) = run(python({"uri": "s3://b/k", "source": source}), store={"store": AWS})
    assert error(outcome) == {"type": "Timeout", "message": 'script "s3://b/k" was not read within 0.5 s'}


# -- gcs, on a server that answers what gcsfs asks -------------------------------------------------------------------


class Gcs:
    """One bucket `scripts` with one object, and a token endpoint. It refuses what has not got its token."""

    def __init__(self) -> None:
        self.tokens = 0

    def token(self, seen: Seen) -> Reply:
        assert seen.form()["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        self.tokens += 1
        answer = {"access_token": "c4n4ry-google-token", "expires_in": 3600, "token_type": "Bearer"}
        return Reply(body=json.dumps(answer).encode(), headers={"content-type": "application/json"})

    def object(self, seen: Seen) -> Reply:
        if seen.headers.get("authorization") not in (None, "Bearer c4n4ry-google-token"):
            return Reply(401)
        path = unquote(urlsplit(seen.path).path)
        if not path.endswith("a.py"):
            return Reply(404)
        if "alt" not in seen.query:
            described = {"name": "v1/a.py", "bucket": "scripts", "size": str(len(CODE)), "kind": "storage#object"}
            return Reply(body=json.dumps(described).encode(), headers={"content-type": "application/json"})
        return Reply(206, body=CODE.encode(), headers={"content-type": "text/x-python"})


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def test_a_script_from_gcs(private_key: str) -> None:
    gcs = Gcs()
    answers = {
        f"{prefix}storage/v1/b/scripts/o/v1/{name}": gcs.object
        for prefix in ("", "download/")
        for name in ("a.py", "b.py")
    }
    with Probe({**answers, "token": gcs.token}) as probe:
        account: Json = {
            "type": "gcp",
            "client_email": "robot@example.com",
            "private_key": private_key,
            "token_uri": f"{probe.url}/token",
            "project_id": "p",
        }

        def source(uri: str, **more: object) -> ToolCall:
            return python({"uri": uri, "source": {"type": "gcs", "endpoint": probe.url, **more}})

        found, anonymous, gone = run(
            source("gs://scripts/v1/a.py", auth="google"),
            source("gs://scripts/v1/a.py"),
            source("gs://scripts/v1/b.py", timeout=5),
            store={"google": account},
        )
    assert found.response == anonymous.response == {"n": 1, "text": "{{ 7 * 7 }}"}
    assert gcs.tokens == 1
    assert str(error(gone)["message"]).startswith('script "gs://scripts/v1/b.py" cannot be read: ')
    assert private_key.splitlines()[3] not in repr((found, anonymous, gone))


def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "s3fs", None)
    (outcome,) = run(python({"uri": "s3://b/k", "source": {"type": "s3"}}))
    assert error(outcome) == {"type": "Unsupported", "message": 'script source "s3" needs the extra "s3"'}
