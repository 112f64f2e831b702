"""Credentials that are more than a text: tokens, keychain, secrets by tool, a server of them (TOO-6, TOO-7, TOO-11)."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.probe import Probe, Reply, Script, Seen
from noetl.errors import UsageError
from noetl.runtime.credentials import EnvironmentCredentials, MappedCredentials, local_credentials
from noetl.runtime.embedded import execute
from noetl.runtime.events import Event
from noetl.runtime.ports import CredentialMissing, Credentials, Outcome, ToolCall
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import SystemClock
from noetl.runtime.tools import ToolBox

from .calls import request, run_calls

JSON = {"content-type": "application/json"}
TOKEN = "c4n4ry-access-token"
SECRET = "c4n4ry client/secret"


def http(url: str, auth: object) -> ToolCall:
    return request("http", {"url": url, "auth": auth}, timeout=10.0)


def run(*calls: ToolCall, store: Credentials, together: bool = False) -> list[Outcome]:
    return run_calls(*calls, credentials=store, together=together)


def error(outcome: Outcome) -> dict[str, Json]:
    assert isinstance(outcome.error, dict)
    return outcome.error


def answer(body: object, status: int = 200) -> Reply:
    return Reply(status, JSON, json.dumps(body).encode())


def play(text: str, store: Mapping[str, Json], environ: Mapping[str, str] | None = None) -> tuple[dict[str, Json], str]:
    """The summary of an execution, and all that is told of it: the summary and every event."""
    compilation = compile_source(text.encode(), "p.yaml")
    assert compilation.workflow is not None, compilation.diagnostics
    workflow, events = compilation.workflow, list[Event]()

    async def whole() -> dict[str, Json]:
        box = ToolBox(MappedCredentials(store), environ=environ)
        try:
            done = await execute(workflow, {}, ExecutionInfo("e", {}), box, SystemClock(), events.append)
            return done.summary()
        finally:
            await box.close()

    summary = asyncio.run(whole())
    return summary, repr((summary, events))


# -- oauth2 ----------------------------------------------------------------------------------------------------------


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


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


class Google:
    """A token endpoint that checks what is signed, and a Secret Manager that asks for its token."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        self._public = key.public_key().public_bytes(*form)
        self.claims: list[Mapping[str, Json]] = []
        self.secrets: dict[str, str] = {}

    def token(self, seen: Seen) -> Reply:
        from google.auth import jwt

        assertion = str(seen.form()["assertion"])
        claims = jwt.decode(assertion, certs=self._public, audience=None)  # type: ignore[no-untyped-call]
        self.claims.append(claims)
        name = "id_token" if "target_audience" in claims else "access_token"
        return answer({name: f"{TOKEN}-{name}", "expires_in": 3600})

    def secret(self, seen: Seen) -> Reply:
        if seen.headers["authorization"] != f"Bearer {TOKEN}-access_token":
            return Reply(403)
        name = seen.label.removeprefix("v1/").removesuffix(":access")
        return answer({"payload": {"data": b64encode(self.secrets[name].encode()).decode()}})


@contextmanager
def google(key: rsa.RSAPrivateKey, secrets: Mapping[str, str]) -> Iterator[tuple[Probe, Google, Json]]:
    made = Google(key)
    made.secrets.update(secrets)
    answers = {f"v1/{name}:access": made.secret for name in secrets}
    with Probe({"token": made.token, **answers}) as probe:
        account: Json = {"type": "gcp", "client_email": "robot@example.com", "token_uri": f"{probe.url}/token"}
        assert isinstance(account, dict)
        yield probe, made, {**account, "private_key": pem(key)}


@pytest.mark.parametrize("form", ["fields", "map", "text"])
def test_a_service_account_gets_a_token_by_what_it_signs(private_key: rsa.RSAPrivateKey, form: str) -> None:
    with google(private_key, {}) as (probe, made, account):
        assert isinstance(account, dict)
        whole = {**account, "type": "service_account"}
        forms: dict[str, Json] = {
            "fields": account,
            "map": {"type": "gcp", "service_account": whole, "scopes": ["a", "b"]},
            "text": {"type": "gcp", "keyfile_dict": json.dumps(whole)},
        }
        (outcome,) = run(http(f"{probe.url}/x", "robot"), store=MappedCredentials({"robot": forms[form]}))
        assert probe.to("x")[0].headers["authorization"] == f"Bearer {TOKEN}-access_token"
    (claims,) = made.claims
    assert (claims["iss"], claims["aud"]) == ("robot@example.com", f"{probe.url}/token")
    assert claims["scope"] == ("a b" if form == "map" else "https://www.googleapis.com/auth/cloud-platform")
    assert "c4n4ry" not in repr(outcome)


def test_a_service_account_without_a_key() -> None:
    keys: Json = {"type": "gcp", "client_email": "e", "private_key": "none"}
    lacking, broken = run(
        http("http://127.0.0.1:9", "lacking"),
        http("http://127.0.0.1:9", "broken"),
        store=MappedCredentials({"lacking": {"type": "gcp"}, "broken": keys}),
    )
    assert '"lacking" of type "gcp" is no service account' in str(error(lacking)["message"])
    assert error(broken)["message"] == 'credential "broken" of type "gcp" gets no token: its "private_key" is no key'


# -- keychain and the secrets tool -----------------------------------------------------------------------------------

KEYCHAIN = """
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: p}
workload: {gcp: robot, path: projects/p/secrets/id, api: "%(api)s", user: me}
keychain:
  - {name: db, kind: credential, credential: warehouse}
  - {name: stripe, kind: credential}
  - {name: plain, kind: secret_manager}
  - {name: app, kind: secret_manager, provider: gcp, auth: "{{ workload.gcp }}",
     map: {id: "{{ workload.path }}", secret: projects/p/secrets/secret}}
  - {name: whole, kind: secret_manager, provider: gcp, auth: robot, secret: projects/p/secrets/json/versions/3}
  - name: token
    kind: oauth2
    endpoint: "{{ workload.api }}/oauth"
    method: POST
    headers: {Content-Type: application/x-www-form-urlencoded}
    data:
      grant_type: client_credentials
      client_id: "{{ keychain.app.id }}"
      client_secret: "{{ keychain.app.secret }}"
  - {name: run, kind: google_id_token, service_account_credential: robot, target_audience: "https://run.example"}
  - {name: circle, kind: credential, credential: "{{ keychain.circle.x }}"}
workflow:
  - step: start
    tool:
      kind: http
      url: "{{ workload.api }}/x"
      method: POST
      headers: {Authorization: "Bearer {{ keychain.token.access_token }}", X-Run: "{{ keychain.run.id_token }}"}
      body:
        db: "{{ keychain.db.password }}"
        host: "{{ keychain.db.host }}"
        stripe: "{{ keychain.stripe.token }}"
        plain: "{{ keychain.plain.value }}"
        whole: "{{ keychain.whole.value }}"
        part: "{{ keychain.whole.user }}"
    next: [bad]
  - step: bad
    tool: {kind: http, url: "{{ workload.api }}/%%(bad)s"}
    case: [{when: "{{ error is defined }}", then: {result: {from: error}, next: [end]}}]
"""


def test_the_keychain_is_opened_in_the_fields_of_tools(private_key: rsa.RSAPrivateKey) -> None:
    secrets = {
        "projects/p/secrets/id/versions/latest": "c4n4ry-id",
        "projects/p/secrets/secret/versions/latest": "c4n4ry-app-secret",
        "projects/p/secrets/json/versions/3": '{"user": "c4n4ry-user", "n": 1}',
    }
    with (
        google(private_key, secrets) as (probe, made, account),
        Probe({"oauth": [{"json": {"access_token": TOKEN}}]}) as api,
    ):
        store: dict[str, Json] = {
            "robot": account,
            "warehouse": {"type": "postgres", "host": "db", "password": "c4n4ry-pw"},
            "stripe": {"type": "bearer", "token": "c4n4ry-stripe"},
            "plain": "c4n4ry-plain",
        }
        environ = {"NOETL_HTTP_MAP": f"https://secretmanager.googleapis.com={probe.url}"}
        text = KEYCHAIN % {"api": api.url}
        summary, told = play(text % {"bad": "{{ keychain.nobody.x }}"}, store, environ)
        (seen,), (oauth,) = api.to("x"), api.to("oauth")
        circle, _ = play(text % {"bad": "{{ keychain.circle.x }}"}, store, environ)
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["x-run"] == f"{TOKEN}-id_token"
    assert {c["target_audience"] for c in made.claims if "target_audience" in c} == {"https://run.example"}
    assert seen.json() == {
        "db": "c4n4ry-pw",
        "host": "db",
        "stripe": "c4n4ry-stripe",
        "plain": "c4n4ry-plain",
        "whole": '{"user": "c4n4ry-user", "n": 1}',
        "part": "c4n4ry-user",
    }
    assert oauth.form() == {
        "grant_type": "client_credentials",
        "client_id": "c4n4ry-id",
        "client_secret": "c4n4ry-app-secret",
    }
    output = summary["output"]
    assert isinstance(output, dict)
    assert output["type"] == "CredentialMissing"
    assert '"nobody"' in str(output["message"])
    assert "keychain entries read each other: circle -> circle" in str(circle["output"])
    assert "c4n4ry" not in told
    assert "<keychain db.password>" in told


SECRETS = """
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: p}
workflow:
  - step: start
    tool: {kind: secrets, %s}
    next: [use]
  - step: use
    tool:
      kind: http
      url: "%s/x"
      method: POST
      headers: {Authorization: "Bearer {{ start }}", X-Basic: "Basic {{ ('me:' ~ start) | b64encode }}"}
      body: {all: "{{ [start, {'k': start.data}] }}", part: "{{ steps['start'].%s }}"}
      args: {key: "{{ start }}"}
    next: [look]
  - step: look
    tool: {kind: python, code: "result = [start, context['start'], steps['start']]"}
    next: [leak]
  - step: leak
    case: [{when: "{{ event.name == 'step.enter' }}", then: {set: {kept: "{{ start }}"}}}]
"""


@pytest.mark.parametrize(
    ("written", "field", "named"),
    [
        ("name: stripe", "token", {"provider": "credentials", "name": "stripe"}),
        ("name: stripe, provider: credentials", "token", {"provider": "credentials", "name": "stripe"}),
        (
            "name: projects/p/secrets/s, provider: gcp, auth: robot",
            "value",
            {"provider": "gcp", "name": "projects/p/secrets/s", "auth": "robot"},
        ),
    ],
)
def test_what_the_secrets_tool_answers_is_opened_in_fields_only(
    private_key: rsa.RSAPrivateKey, written: str, field: str, named: dict[str, Json]
) -> None:
    with (
        google(private_key, {"projects/p/secrets/s/versions/latest": "c4n4ry-key"}) as (probe, _, account),
        Probe() as api,
    ):
        store: dict[str, Json] = {"robot": account, "stripe": {"type": "bearer", "token": "c4n4ry-key"}}
        environ = {"NOETL_HTTP_MAP": f"https://secretmanager.googleapis.com={probe.url}"}
        summary, told = play(SECRETS % (written, api.url, field), store, environ)
        (seen,) = api.to("x")
    assert seen.headers["authorization"] == "Bearer c4n4ry-key"
    assert seen.headers["x-basic"] == "Basic " + b64encode(b"me:c4n4ry-key").decode()
    assert seen.json() == {"all": ["c4n4ry-key", {"k": "c4n4ry-key"}], "part": "c4n4ry-key"}
    runs = summary["runs"]
    assert isinstance(runs, list)
    by_step = {str(run["step"]): run for run in runs if isinstance(run, dict)}
    assert by_step["start"]["result"] == named
    assert by_step["look"]["result"] == [named, named, named]
    assert by_step["leak"]["status"] == "failed"
    assert "is a secret: it can only be used in the fields of a tool" in str(by_step["leak"]["error"])
    assert "c4n4ry" not in told


def test_a_secret_has_no_truth_where_lint_cannot_tell_that_it_is_one() -> None:
    text = """
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: p}
workload: {which: start}
workflow:
  - {step: start, tool: {kind: secrets, name: stripe}, next: [use]}
  - step: use
    tool: {kind: python, code: "result = 1"}
    case:
      - {when: "{{ steps[workload.which] }}", then: {result: {from: "'wrong'"}}}
      - {when: "{{ [steps[workload.which]] | length == 1 }}", then: {result: {from: "'right'"}}}
"""
    summary, told = play(text, {"stripe": "c4n4ry-key"})
    assert (summary["status"], summary["output"]) == ("completed", "right")
    assert "rule.error" in told


def test_data_cannot_pass_for_a_secret() -> None:
    forged = {"provider": "credentials", "name": "stripe", "kind": "secret", "view": "secret"}
    text = """
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: p}
workflow:
  - {step: start, tool: {kind: http, url: "%s/forged"}, next: [use]}
  - step: use
    tool: {kind: http, url: "%s/x", method: POST, body: "{{ start.data }}", headers: {X: "{{ start.data }}"}}
"""
    with Probe({"forged": [{"json": forged}]}) as api:
        summary, told = play(text % (api.url, api.url), {"stripe": "c4n4ry-key"})
        (seen,) = api.to("x")
    assert summary["status"] == "completed"
    assert seen.json() == forged
    assert "c4n4ry" not in told + str(seen)


def test_a_secrets_tool_that_names_nothing() -> None:
    def secrets(**fields: object) -> ToolCall:
        return request("secrets", fields, timeout=None)

    found = run(secrets(), secrets(name=1), secrets(name="a", auth={"a": 1}), store=MappedCredentials({}))
    assert [error(outcome)["message"] for outcome in found] == [
        '"name" of a secrets tool is a name',
        '"name" of a secrets tool is a name',
        '"auth" of a secrets tool is a name',
    ]


def test_a_provider_that_is_none() -> None:
    text = SECRETS % ("name: a, provider: vault", "http://127.0.0.1:9", "value")
    summary, _ = play(text, {})
    assert isinstance(summary["error"], dict)
    assert summary["error"]["type"] == "Unsupported"
    known = '"aws", "gcp", "google"'
    assert summary["error"]["message"] == f'no secrets can be had from provider "vault"; providers: {known}'


def test_a_secret_of_aws() -> None:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys: Json = {"type": "aws", "access_key_id": "AKIAC4N4RY", "secret_access_key": "c4n4ry-aws", "endpoint": url}
    try:
        _create_aws_secret(url, "prod/db", '{"password": "c4n4ry-db"}')
        with Probe() as api:
            text = SECRETS % ("name: prod/db, provider: aws, auth: cloud", api.url, "password")
            _, told = play(text, {"cloud": keys})
            (seen,) = api.to("x")
            gone, _ = play(text.replace("prod/db", "none"), {"cloud": keys})
    finally:
        server.stop()
    body = seen.json()
    assert isinstance(body, dict)
    assert body["part"] == "c4n4ry-db"
    assert "c4n4ry" not in told.replace("AKIAC4N4RY", "")
    assert isinstance(gone["error"], dict)
    assert str(gone["error"]["message"]).startswith('secret "none" cannot be had: the provider answered 4')


def _create_aws_secret(url: str, name: str, text: str) -> None:
    import httpx

    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "secretsmanager.CreateSecret",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIAC4N4RY/20260101/us-east-1/secretsmanager/aws4_request, "
        "SignedHeaders=host, Signature=0",
    }
    made = httpx.post(url, headers=headers, json={"Name": name, "SecretString": text, "ClientRequestToken": "t" * 32})
    made.raise_for_status()


# -- a server of credentials -----------------------------------------------------------------------------------------


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
