"""The http tool against a real server (TOO-1, TOO-9, TOO-10)."""

from __future__ import annotations

import gzip
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from noetl.compiler.ir import Json
from noetl.conformance.probe import Probe, Reply, Script, Seen
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.ports import CallPlace, Outcome, ToolCall

from .calls import request, run_calls

JSON = {"content-type": "application/json"}
STORE: Mapping[str, Json] = {
    "token": {"type": "bearer", "token": "tok-abc-123"},
    "key": {"type": "api_key", "key": "key-abc-123", "name": "X-Key"},
}


def http(url: str, *, timeout: float | None = 10.0, **fields: object) -> ToolCall:
    place = CallPlace("0.1", 0, 2, 3)
    return request("http", {"url": url, **fields}, execution_id="exec", place=place, timeout=timeout)


def run(*calls: ToolCall, environ: Mapping[str, str] | None = None, together: bool = False) -> list[Outcome]:
    return run_calls(*calls, credentials=MappedCredentials(STORE), environ=environ, together=together)


def failed(outcome: Outcome) -> dict[str, Json]:
    assert isinstance(outcome.error, dict)
    assert outcome.response is None
    return outcome.error


def envelope(outcome: Outcome) -> dict[str, Json]:
    assert outcome.error is None
    assert outcome.view == "http"
    assert isinstance(outcome.response, dict)
    return outcome.response


def test_the_envelope() -> None:
    with Probe({"x": [{"status": 201, "json": {"a": [1]}, "headers": {"X-Some": "Thing"}}]}) as probe:
        (outcome,) = run(http(f"{probe.url}/x?q=1"))
    made = envelope(outcome)
    elapsed = made["elapsed"]
    assert isinstance(elapsed, float)
    assert elapsed > 0
    assert list(made) == ["status", "status_code", "headers", "url", "elapsed", "data", "body", "metadata"]
    assert made == {
        "status": 201,
        "status_code": 201,
        "headers": {"content-type": "application/json", "content-length": "10", "x-some": "Thing"},
        "url": f"{probe.url}/x?q=1",
        "elapsed": elapsed,
        "data": {"a": [1]},
        "body": {"a": [1]},
        "metadata": {"status_code": 201, "url": f"{probe.url}/x?q=1", "elapsed": elapsed},
    }


def test_what_is_sent() -> None:
    with Probe() as probe:
        run(
            http(
                f"{probe.url}/a b/ä",
                method="patch",
                params={"p": "x&y", "n": None, "l": [1, 2]},
                headers={"X-Text": "ä", "X-Null": None},
                body={"big": 2**70, "text": "{{ x }} \u2028"},
                idempotency_key=True,
                auth="key",
            ),
            http(f"{probe.url}/get"),
        )
        sent, plain = probe.requests
    assert (sent.method, sent.label, sent.query) == ("PATCH", "a b/ä", {"p": "x&y", "l": ["1", "2"]})
    assert sent.json() == {"big": 2**70, "text": "{{ x }} \u2028"}
    assert sent.headers["x-text"].encode("latin-1").decode() == "ä"
    assert (sent.headers["idempotency-key"], sent.headers["x-key"]) == ("exec:0.1:0:2:3", "key-abc-123")
    assert "x-null" not in sent.headers
    assert (plain.method, plain.body, "content-type" in plain.headers) == ("GET", b"", False)
    assert plain.headers["user-agent"].startswith("noetl/")
    assert plain.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("reply", "data"),
    [
        ({"status": 204}, None),
        ({"status": 200}, None),
        ({"text": "plain {{ x }}"}, "plain {{ x }}"),
        ({"text": "[1"}, "[1"),
        ({"text": '{"n": 1180591620717411303424, "f": 1e308}', "headers": JSON}, {"n": 2**70, "f": 1e308}),
        ({"text": '{"nested": "{{ 7 * 7 }}"}', "headers": JSON}, {"nested": "{{ 7 * 7 }}"}),
    ],
)
def test_data(reply: dict[str, object], data: Json) -> None:
    with Probe({"x": [reply]}) as probe:
        made = envelope(run(http(f"{probe.url}/x"))[0])
    assert made["data"] == data
    assert made["body"] == data


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b'{"a": 1e400}', headers=JSON),
        Reply(body=b'{"a": NaN}', headers=JSON),
        Reply(body=b'{"a": "\\u0000"}', headers=JSON),
        Reply(body=b'{"a": "\\ud800"}', headers=JSON),
        Reply(body=b"[" * 300 + b"]" * 300, headers=JSON),
        Reply(body=b"a\0b", headers={"content-type": "text/plain"}),
        Reply(body=b"\x89PNG\xff", headers={"content-type": "image/png"}),
    ],
)
def test_what_is_not_json_is_a_failed_call(reply: Reply) -> None:
    with Probe({"x": lambda _: reply}) as probe:
        (outcome,) = run(http(f"{probe.url}/x"))
    assert failed(outcome)["type"] == "NotSerializable"


def test_a_status_from_400_is_a_failed_call_with_its_envelope_beside() -> None:
    script: Script = {
        "x": [{"status": 503, "json": {"why": "busy"}, "headers": {"Retry-After": "1"}}],
        "y": [{"status": 404}],
    }
    with Probe(script) as probe:
        busy, gone = run(http(f"{probe.url}/x?q=1", method="post"), http(f"{probe.url}/y"))
    headers: Json = {"content-type": "application/json", "retry-after": "1", "content-length": "15"}
    assert failed(busy) == {
        "type": "HttpStatus",
        "message": f"POST {probe.url}/x answered 503 Service Unavailable",
        "status": 503,
        "status_code": 503,
        "headers": headers,
        "body": {"why": "busy"},
    }
    assert busy.view == "http"
    assert isinstance(busy.answered, dict)
    assert (busy.answered["status"], busy.answered["data"]) == (503, {"why": "busy"})
    assert failed(gone)["body"] is None


def test_a_failed_call_whose_body_no_value_holds_keeps_its_status() -> None:
    with Probe({"x": lambda _: Reply(500, body=b"\xff\0", headers={"content-type": "text/plain"})}) as probe:
        error = failed(run(http(f"{probe.url}/x"))[0])
    assert (error["type"], error["status"], error["body"]) == ("HttpStatus", 500, None)


def test_where_nothing_answers() -> None:
    with Probe({"r": [{"reset": True}]}) as probe:
        (reset,) = run(http(f"{probe.url}/r?secret=1"))
    refused, unknown = run(http(f"{probe.url}/r"), http("http://no-such-host.invalid/"))
    for outcome in (reset, refused, unknown):
        error = failed(outcome)
        assert error["type"] == "ConnectionFailed"
        assert "status" not in error
        assert outcome.answered is None
    assert str(failed(reset)["message"]).startswith(f"GET {probe.url}/r: ")


def test_a_time_out_and_the_calls_after_it() -> None:
    with Probe({"h": [{"hang": True}], "d": [{"delay": 0.3, "json": 1}]}) as probe:
        started = time.monotonic()
        hung, late, fine = run(
            http(f"{probe.url}/h", timeout=0.1), http(f"{probe.url}/d", timeout=0.1), http(f"{probe.url}/d", timeout=5)
        )
        assert time.monotonic() - started < 3
    assert failed(hung) == {"type": "Timeout", "message": "not finished within 0.1 s"}
    assert failed(late)["type"] == "Timeout"
    assert envelope(fine)["data"] == 1


def test_a_connection_is_used_again_also_after_a_failure() -> None:
    ports: list[str] = []

    def note(seen: Seen) -> Mapping[str, object]:
        ports.append(seen.headers["x-n"])
        return {"status": 500 if seen.n == 1 else 200}

    with Probe({"x": note}) as probe:
        run(*[http(f"{probe.url}/x", headers={"X-N": n}) for n in range(5)])
        connections = probe.connections
    assert ports == ["0", "1", "2", "3", "4"]
    assert connections == 1


def test_calls_run_beside_each_other() -> None:
    with Probe({"x": [{"delay": 0.2}]}) as probe:
        outcomes = run(*[http(f"{probe.url}/x")] * 30, together=True)
        first = probe.requests[0].answered
        assert first is not None
        assert all(seen.received < first for seen in probe.requests)
    assert all(outcome.error is None for outcome in outcomes)


def test_redirects_are_followed_only_where_asked() -> None:
    script: Script = {
        "x": [{"status": 302, "headers": {"location": "/y?z=1"}}],
        "loop": [{"status": 307, "headers": {"location": "/loop"}}],
    }
    with Probe(script) as probe:
        seen, followed, endless = run(
            http(f"{probe.url}/x"),
            http(f"{probe.url}/x", method="POST", body={"a": 1}, follow_redirects=True),
            http(f"{probe.url}/loop", follow_redirects="yes"),
        )
        last = probe.to("y")[0]
    assert (envelope(seen)["status"], len(probe.to("y"))) == (302, 1)
    assert (last.method, last.body) == ("GET", b"")
    assert (envelope(followed)["status"], envelope(followed)["url"]) == (200, f"{probe.url}/y?z=1")
    assert "more than 20 redirects" in str(failed(endless)["message"])


@pytest.mark.parametrize("auth", ["token", "key"])
def test_a_redirect_takes_no_secret_to_another_origin(auth: str) -> None:
    with Probe() as other:
        script: Script = {
            "x": [{"status": 307, "headers": {"location": f"{other.url}/stolen"}}],
            "y": [{"status": 307, "headers": {"location": "/own"}}],
        }
        with Probe(script) as probe:
            run(
                *(
                    http(f"{probe.url}/{label}", auth=auth, headers={"X-Mine": "1"}, follow_redirects=True)
                    for label in ("x", "y")
                )
            )
            own = probe.to("own")[0].headers
        stolen = other.to("stolen")[0].headers
    assert stolen["x-mine"] == "1"
    assert not {"authorization", "x-key"} & set(stolen)
    assert {"authorization", "x-key"} & set(own)


def test_no_cookie_goes_from_call_to_call() -> None:
    with Probe({"x": [{"headers": {"set-cookie": "a=1; Path=/"}}]}) as probe:
        first, _ = run(http(f"{probe.url}/x"), http(f"{probe.url}/x"))
        assert all("cookie" not in seen.headers for seen in probe.requests)
    headers = envelope(first)["headers"]
    assert isinstance(headers, dict)
    assert headers["set-cookie"] == "a=1; Path=/"


def test_requests_can_be_sent_elsewhere_unseen() -> None:
    script: Script = {
        "v1/x": [{"json": 1}],
        "y": [{"status": 302, "headers": {"location": "https://api.example.com/v1/x"}}],
    }
    with Probe(script) as probe, Probe() as deeper:
        environ = {"NOETL_HTTP_MAP": f"https://api.example.com={probe.url},https://api.example.com/v2={deeper.url}/two"}
        plain, moved, deep, direct = run(
            http("https://api.example.com/v1/x?a=1"),
            http("https://api.example.com:443/y", follow_redirects=True),
            http("https://API.example.com/v2/z"),
            http(f"{probe.url}/direct"),
            environ=environ,
        )
        assert [seen.label for seen in probe.requests] == ["v1/x", "y", "v1/x", "direct"]
        assert [seen.label for seen in deeper.requests] == ["two/z"]
        assert {seen.headers["host"] for seen in (*probe.requests[:3], *deeper.requests)} == {"api.example.com"}
    assert envelope(plain)["url"] == "https://api.example.com/v1/x?a=1"
    assert envelope(moved)["url"] == "https://api.example.com/v1/x"
    assert envelope(deep)["url"] == "https://api.example.com/v2/z"
    assert envelope(direct)["status"] == 200


def test_a_compressed_answer_and_a_bomb() -> None:
    def packed(size: int) -> Reply:
        headers = {"content-encoding": "gzip", "content-type": "text/plain"}
        return Reply(body=gzip.compress(b"x" * size), headers=headers)

    with Probe({"small": lambda _: packed(1000), "bomb": lambda _: packed(80 * 1024 * 1024)}) as probe:
        small, bomb = run(http(f"{probe.url}/small"), http(f"{probe.url}/bomb"))
    assert envelope(small)["data"] == "x" * 1000
    assert failed(bomb)["type"] == "LimitExceeded"


def test_a_password_in_the_address_is_not_shown() -> None:
    with Probe({"no": [{"status": 401}]}) as probe:
        address = probe.url.replace("http://", "http://ann:p4ssw0rd@")
        fine, refused = run(http(f"{address}/x"), http(f"{address}/no"))
        assert probe.requests[0].headers["authorization"] == "Basic YW5uOnA0c3N3MHJk"
    assert envelope(fine)["url"] == f"{probe.url}/x"
    assert "p4ssw0rd" not in repr((fine, refused))


def self_signed(folder: Path) -> ssl.SSLContext:
    """The context of a server whose certificate nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "pem").write_bytes(key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


def test_certificates_are_checked_unless_told_otherwise(tmp_path: Path) -> None:
    with Probe(tls=self_signed(tmp_path)) as probe:
        checked, unchecked = run(http(f"{probe.url}/x"), http(f"{probe.url}/x", verify_ssl=False))
    assert failed(checked)["type"] == "ConnectionFailed"
    assert envelope(unchecked)["status"] == 200
