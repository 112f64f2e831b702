"""Credentials that are more than a text: tokens, keychain, secrets by tool, a server of them (TOO-6, TOO-7, TOO-11)."""

from __future__ import annotations

import time
from base64 import b64encode
from pathlib import Path
from threading import Thread

import pytest

from noetl.compiler.ir import Json
from noetl.conformance.probe import Probe, Reply, Script
from noetl.errors import UsageError
from noetl.runtime.credentials import EnvironmentCredentials, MappedCredentials, local_credentials
from noetl.runtime.ports import CredentialMissing

from .credential_calls import SECRET, TOKEN, answer, error, http, run


def test_a_token_is_fetched_once_and_used_until_it_expires() -> None:
    with Probe({"token": lambda _: answer({"access_token": TOKEN, "expires_in": 3600})}) as probe:
        store: Json = {"type": "oauth2", "token_url": f"{probe.url}/token", "client_id": "me", "client_secret": SECRET}
        outcomes = run(
            *[http(f"{probe.url}/x{n}", "api") for n in range(5)],
            store=MappedCredentials({"api": store}),
            together=True,
        )
        (asked,) = probe.to("token")
        used = {seen.headers["authorization"] for seen in probe.requests if seen.label != "token"}
    assert all(outcome.error is None for outcome in outcomes)
    assert used == {f"Bearer {TOKEN}"}
    assert asked.form() == {"grant_type": "client_credentials"}
    assert asked.headers["authorization"] == "Basic " + b64encode(b"me:c4n4ry+client%2Fsecret").decode()
    assert "c4n4ry" not in repr(outcomes)


def test_a_token_that_expires_at_once_is_fetched_again() -> None:
    with Probe({"token": [{"json": {"access_token": f"{TOKEN}-{n}", "expires_in": 0}} for n in range(3)]}) as probe:
        store: Json = {
            "type": "oauth2",
            "token_url": f"{probe.url}/token",
            "client_id": "me",
            "client_secret": SECRET,
            "client_auth": "post",
            "scope": ["read", "write"],
            "audience": "api",
        }
        run(*[http(f"{probe.url}/x", "api")] * 3, store=MappedCredentials({"api": store}))
        used = [seen.headers["authorization"] for seen in probe.to("x")]
        form = probe.to("token")[0].form()
    assert used == [f"Bearer {TOKEN}-{n}" for n in range(3)]
    assert form == {
        "grant_type": "client_credentials",
        "scope": "read write",
        "audience": "api",
        "client_id": "me",
        "client_secret": SECRET,
    }


def test_a_token_that_was_refused_is_not_used_again() -> None:
    tokens = [{"json": {"access_token": f"{TOKEN}-{n}"}} for n in range(2)]
    with Probe({"token": tokens, "x": [{"status": 401}, {"json": 1}]}) as probe:
        fields: Json = {
            "type": "oauth2",
            "url": f"{probe.url}/token",
            "client_id": "me",
            "refresh_token": "c4n4ry-refresh",
        }
        store = MappedCredentials({"api": {**fields, "client_secret": SECRET}}) if isinstance(fields, dict) else None
        assert store is not None
        refused, fine = run(*[http(f"{probe.url}/x", "api")] * 2, store=store)
        used = [seen.headers["authorization"] for seen in probe.to("x")]
        grants = [seen.form()["grant_type"] for seen in probe.to("token")]
    assert (error(refused)["status"], fine.error) == (401, None)
    assert used == [f"Bearer {TOKEN}-0", f"Bearer {TOKEN}-1"]
    assert grants == ["refresh_token"] * 2


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (
            answer({"error": "invalid_client", "error_description": f"not {SECRET}"}, 401),
            "answered 401 invalid_client: not ",
        ),
        (Reply(500, body=b"<html>"), "the token endpoint answered 500"),
        (Reply(200, body=b"nonsense"), "is no JSON object"),
        (answer({"expires_in": 5}), 'the answer has no "access_token"'),
        (Reply(reset=True), "gets no token: "),
    ],
)
def test_a_token_that_cannot_be_had_is_a_failed_call_that_names_the_credential(reply: Reply, reason: str) -> None:
    with Probe({"token": lambda _: reply}) as probe:
        store: Json = {"type": "oauth2", "token_url": f"{probe.url}/token", "client_id": "me", "client_secret": SECRET}
        (outcome,) = run(http(f"{probe.url}/x", "api"), store=MappedCredentials({"api": store}))
        assert not probe.to("x")
    assert error(outcome)["type"] == "CredentialMissing"
    assert str(error(outcome)["message"]).startswith('credential "api" of type "oauth2" gets no token: ')
    assert reason in str(error(outcome)["message"])
    assert "c4n4ry" not in repr(outcome)


def test_a_credential_that_lacks_a_field_says_which() -> None:
    (outcome,) = run(http("http://127.0.0.1:9", "api"), store=MappedCredentials({"api": {"type": "oauth2"}}))
    assert error(outcome)["message"] == 'credential "api" of type "oauth2" has no field "token_url"'


# -- gcp -------------------------------------------------------------------------------------------------------------


def test_credentials_from_a_server(tmp_path: Path) -> None:
    known = {"type": "bearer", "fields": {"token": TOKEN}, "name": "my api/1"}
    script: Script = {
        "api/v2/credentials/my api/1": [{"json": known}],
        "api/v2/credentials/gone": [{"status": 404}],
        "api/v2/credentials/local": [{"status": 404}],
        "api/v2/credentials/broken": [{"status": 503}],
        "api/v2/credentials/odd": [{"json": [1]}],
    }
    with Probe(script) as server, Probe() as api:
        environ = {"NOETL_CREDENTIALS_TOKEN": "c4n4ry-server", "NOETL_CREDENTIAL_LOCAL": "c4n4ry-local"}
        store = local_credentials(f"{server.url}/", environ)
        names = ("my api/1", "my api/1", "local", "gone", "broken", "odd")
        fine, again, local, gone, broken, odd = run(*[http(f"{api.url}/x", name) for name in names], store=store)
        asked = server.requests
        used = [seen.headers["authorization"] for seen in api.requests]
    assert [o.error for o in (fine, again, local)] == [None] * 3
    assert used == [f"Bearer {TOKEN}"] * 2 + ["Bearer c4n4ry-local"]
    assert asked[0].path == "/api/v2/credentials/my%20api%2F1"
    assert {seen.headers["authorization"] for seen in asked} == {"Bearer c4n4ry-server"}
    assert len(server.to("api/v2/credentials/my api/1")) == 1
    assert len(server.to("api/v2/credentials/broken")) == 1  # by who fetches, and not again by who then looks
    assert "NOETL_CREDENTIAL_GONE" in str(error(gone)["message"])
    assert error(broken)["message"] == (
        'credential "broken" cannot be had from the server of credentials: it answered 503'
    )
    assert str(error(odd)["message"]).endswith("its answer is no map with type and fields")
    assert "c4n4ry" not in repr((fine, again, local, gone, broken, odd))


def test_a_server_is_asked_for_one_name_while_it_is_slow_with_another() -> None:
    known = {"type": "bearer", "fields": {"token": TOKEN}}
    script: Script = {
        "api/v2/credentials/slow": [{"hang": True}],
        "api/v2/credentials/quick": [{"json": {**known, "name": "quick"}}],
    }

    def ask_slow() -> None:
        with pytest.raises(CredentialMissing):
            store.get("slow")

    with Probe(script) as server:
        store = local_credentials(server.url, {})
        thread = Thread(target=ask_slow)
        thread.start()
        while not server.to("api/v2/credentials/slow"):
            time.sleep(0.01)
        assert store.get("quick").fields == {"token": TOKEN}
        assert thread.is_alive()
    thread.join()


def test_a_server_that_is_not_there() -> None:
    store = local_credentials("http://127.0.0.1:9", {})
    (outcome,) = run(http("http://127.0.0.1:9/x", "a"), store=store)
    assert error(outcome)["type"] == "CredentialMissing"
    assert str(error(outcome)["message"]).startswith('credential "a" cannot be had from the server of credentials: ')
    with pytest.raises(UsageError, match="is not the address"):
        local_credentials("http:/nothing", {})


def test_the_environment_alone_is_asked_at_once() -> None:
    (outcome,) = run(http("http://127.0.0.1:9/x", "a"), store=EnvironmentCredentials({"NOETL_CREDENTIAL_A": "c4n4ry"}))
    assert error(outcome)["type"] == "ConnectionFailed"
