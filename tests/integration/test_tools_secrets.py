"""Secrets that are opened in fields of tools: service accounts, keychain, the secrets tool (TOO-6, TOO-7, TOO-11)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from noetl.compiler.ir import Json
from noetl.conformance.probe import Probe, Reply, Seen
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.ports import ToolCall

from .calls import request
from .credential_calls import TOKEN, answer, error, http, play, run


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
