"""Credentials that a server keeps: sealed in its database, lent with the command that names them, seen nowhere."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import psycopg
import pytest
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from noetl.compiler.values import Encoded, SecretRef, SecretText
from noetl.conformance.probe import Probe
from noetl.errors import UsageError
from noetl.runtime.ports import CallPlace, Credential, ToolCall
from noetl.runtime.queue.address import Address
from noetl.runtime.queue.claims import Claimed, Queue
from noetl.runtime.queue.naming import named_credentials
from noetl.runtime.server.refusals import NotOpened
from noetl.runtime.server.sealing import FILE, Sealer, sealer

from .places import Place, place

CANARY = "canary-7f3a9c51e8"
HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: lent, path: lent}\nworkflow:\n"
PLAYBOOK = f"""{HEAD}
  - step: start
    tool: {{kind: http, url: "{{{{ workload.probe }}}}/with", auth: stripe}}
    next: written
  - step: written
    tool: {{kind: http, url: "{{{{ workload.probe }}}}/echo", headers: {{x-key: "{{{{ secret.stripe }}}}"}}}}
    next: plain
  - step: plain
    tool: {{kind: http, url: "{{{{ workload.probe }}}}/plain"}}
"""
USER, WORKER, OTHER = "user-token-0123456789", "worker-token-012345", "other-token-0123456"


def kept(folder: Path) -> str:
    """Every row of every table, as text."""
    address = Address.read(folder)
    assert address is not None
    owner = psycopg.conninfo.make_conninfo(address.worker_database, user="postgres")
    with psycopg.connect(owner, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'noetl'"
        ).fetchall()
        rows = [connection.execute(f"SELECT t::text FROM {name} t".encode()).fetchall() for (name,) in tables]
    return str(rows)


def add(made: Place, name: str, **fields: str) -> None:
    with made.client() as client:
        kind = fields.pop("type", "text")
        headers = {"authorization": f"Bearer {made.environ.get('NOETL_TOKEN')}"}
        body = {"name": name, "type": kind, "fields": fields}
        assert client.post("/credentials", json=body, headers=headers).status_code == 201


def claim(folder: Path, worker: str, lease: float = 60.0) -> list[Claimed]:
    async def asked() -> list[Claimed]:
        address = Address.read(folder)
        assert address is not None
        async with Queue(address.worker_database, worker, None, lease) as queue:
            return await queue.claim(10)

    return asyncio.run(asked())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server and a worker, without tokens."""
    with place(tmp_path_factory.mktemp("credentials") / "data") as made:
        made.server()
        made.worker()
        yield made


def test_a_kept_credential_reaches_the_tool_and_nothing_else(running: Place) -> None:
    (running.folder / "secret.txt").write_text(f"{CANARY}\n", "utf-8")
    done = running.run("credential", "add", "stripe", "--type", "bearer", "--file", "secret.txt")
    assert (done.stdout, done.stderr) == ("stripe: bearer, new\n", "")
    listed = running.run("credential", "list").stdout
    assert listed == "stripe\tbearer\tvalue\n"

    def echo(seen: object) -> dict[str, object]:
        return {"json": {"you sent": CANARY}, "headers": {"x-echo": CANARY}}

    with Probe({"echo": echo}) as probe, running.client() as client:
        client.post("/playbooks/register", json={"playbook_yaml": PLAYBOOK})
        body = {"path": "lent", "execution_id": "lent", "payload": {"probe": probe.url}}
        assert client.post("/executions", json=body).status_code == 201
        told = running.ended(client, "lent")
        assert told["status"] == "completed", told
        seen = {request.label: request.headers for request in probe.requests}
        assert seen["with"]["authorization"] == f"Bearer {CANARY}"
        assert seen["echo"]["x-key"] == CANARY
        assert CANARY not in str(seen["plain"])
        shown = [told, *(client.get(path).text for path in ("/executions/lent/events?limit=1000", "/credentials"))]
        assert CANARY not in str(shown)
    assert CANARY not in kept(running.folder)
    for process in running.processes:
        assert CANARY not in running.said(process)


def test_a_worker_tries_a_credential(running: Place) -> None:
    add(running, "text", value=CANARY)
    tried = running.run("credential", "test", "text")
    assert (tried.returncode, tried.stdout) == (0, "text: opened\n")
    add(running, "api", type="bearer", token=CANARY, other=CANARY)
    with Probe({"api": [{"status": 200}, {"status": 401}]}) as probe:
        assert running.run("credential", "test", "api", "--url", f"{probe.url}/api").stdout == "api: answered 200\n"
        refused = running.run("credential", "test", "api", "--url", f"{probe.url}/api")
    assert refused.returncode == 1
    assert CANARY not in refused.stdout + refused.stderr
    lacking = running.run("credential", "test", "nothing")
    assert (lacking.returncode, lacking.stderr) == (2, 'noetl: error: the server keeps no credential "nothing"\n')
    assert running.run("credential", "remove", "text").stdout == "text: removed\n"
    assert running.run("credential", "remove", "text").returncode == 1


def test_it_is_sent_to_this_machine_or_over_tls(running: Place) -> None:
    far = {"x-forwarded-for": "192.0.2.7"}
    body = {"name": "far", "fields": {"value": CANARY}}
    with running.client() as client:
        refused = client.post("/credentials", json=body, headers=far)
        assert (refused.status_code, refused.json()["error"]["type"]) == (403, "NotPrivate")
        opened = {"name": "stripe", "execution_id": "lent", "number": 1, "claim": "0"}
        assert client.post("/credentials/open", json=opened, headers=far).json()["error"]["type"] == "NotPrivate"
        assert "far" not in [one["name"] for one in client.get("/credentials").json()["credentials"]]
        assert client.post("/credentials", json=body, headers={**far, "x-forwarded-proto": "https"}).status_code == 201
    clear = running.run("credential", "add", "far", "--file", "none", "--server", "http://192.0.2.7")
    assert clear.returncode == 2


def test_only_the_worker_whose_command_names_it_is_lent_it(tmp_path: Path) -> None:
    tokens = {"NOETL_USER_TOKENS": f"ann:{USER}", "NOETL_WORKER_TOKENS": f"w:{WORKER},other:{OTHER}"}
    with place(tmp_path / "data", NOETL_TOKEN=USER, **tokens) as made:
        made.server()
        add(made, "stripe", value=CANARY)
        add(made, "bank", value=CANARY)
        with made.client() as client:
            user = {"authorization": f"Bearer {USER}"}
            client.post("/playbooks/register", json={"playbook_yaml": PLAYBOOK}, headers=user)
            client.post("/executions", json={"path": "lent", "execution_id": "one"}, headers=user)
            [claimed] = claim(made.folder, "w/here.1")
            own = {"execution_id": "one", "number": claimed.number, "claim": claimed.claim}

            def asked(token: str | None, name: str, **more: object) -> tuple[int, bool]:
                headers = {} if token is None else {"authorization": f"Bearer {token}"}
                answer = client.post("/credentials/open", json={"name": name, **own, **more}, headers=headers)
                return answer.status_code, CANARY in answer.text

            assert asked(WORKER, "stripe") == (200, True)
            assert asked(WORKER, "bank") == (403, False)
            assert asked(WORKER, "nothing") == (403, False)
            assert asked(OTHER, "stripe") == (409, False)
            assert asked(USER, "stripe") == (403, False)
            assert asked(None, "stripe") == (401, False)
            assert asked(WORKER, "stripe", claim="0a0b0c0d-0000-4000-8000-000000000000") == (409, False)
            assert asked(WORKER, "stripe", number=claimed.number + 1) == (409, False)
            assert asked(WORKER, "stripe", execution_id="two") == (409, False)
            worker = {"authorization": f"Bearer {WORKER}"}
            assert client.get("/credentials", headers=worker).status_code == 403
            body = {"name": "stripe", "fields": {"value": "mine"}}
            assert client.post("/credentials", json=body, headers=worker).status_code == 403
            assert client.delete("/credentials/stripe", headers=worker).status_code == 403
            client.post("/executions/one/cancel", headers=user)
            assert asked(WORKER, "stripe") == (409, False)


def test_a_command_names_what_it_may_ask_for() -> None:
    entry = {"kind": "secret_manager", "provider": "gcp", "auth": "robot", "secret": SecretRef("inner")}
    fields: dict[str, object] = {
        "auth": {"db": "warehouse", "lake": {"credential": "s3"}},
        "credentials": {"old": {"key": "older"}},
        "script": {"uri": "gs://a/b", "source": {"auth": "store"}},
        "url": SecretText(("https://", SecretRef("host"), Encoded(SecretText((SecretRef("deep"),))))),
        "headers": {"x": [SecretRef("key", "token", None, entry)]},
    }
    args: dict[str, object] = {
        "a": SecretRef("answered", None, "gcp", {"auth": "cloud"}),
        "b": SecretRef("c", None, ""),
    }
    request = ToolCall("http", fields, args, lambda _: None, lambda: (), "s", "e", CallPlace("-", 0, 1, 1))
    named = {"warehouse", "s3", "older", "store", "host", "deep", "key", "robot", "inner", "cloud", "c"}
    assert named_credentials(request) == named


def test_keys_change_and_none_other_opens(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    given = Credential("a", "bearer", {"token": CANARY})
    sealed = Sealer(old).seal(given)
    assert CANARY.encode() not in sealed
    assert Sealer(f"{new}, {old}").opened("a", sealed) == given
    assert Sealer(old).seal(given) != sealed
    with pytest.raises(NotOpened, match="under another key"):
        Sealer(new).opened("a", sealed)
    with pytest.raises(NotOpened, match="under another name"):
        Sealer(old).opened("b", sealed)
    with pytest.raises(UsageError) as refused:
        Sealer("short-" + CANARY)
    assert CANARY not in str(refused.value)
    made = sealer(None, tmp_path / "data").seal(given)
    file = tmp_path / "data" / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert sealer(None, tmp_path / "data").opened("a", made) == given
    file.chmod(0o640)
    with pytest.raises(UsageError, match="others may read"):
        sealer(None, tmp_path / "data")


def certificate(folder: Path) -> Path:
    """One of this machine, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "noetl")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    own = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "server.pem"
    file.write_bytes(made.public_bytes(pem) + own)
    return file


def test_over_tls_with_a_key_of_its_own_and_no_other_key(tmp_path: Path) -> None:
    file = str(certificate(tmp_path))
    key = Fernet.generate_key().decode()
    secure = {"NOETL_TLS_CERT": file, "NOETL_SERVER_CA": file, "NOETL_CREDENTIALS_KEY": key}
    with place(tmp_path / "data", **secure) as made:
        made.server()
        assert made.url.startswith("https://")
        made.worker()
        (made.folder / "secret.json").write_text(f'{{"access_key_id": "AK", "secret_access_key": "{CANARY}"}}', "utf-8")
        assert made.run("credential", "add", "keys", "--type", "aws", "--file", "secret.json").returncode == 0
        assert made.run("credential", "test", "keys").stdout == "keys: opened\n"
        assert made.run("credential", "list", NOETL_SERVER_CA="").returncode == 2  # nobody vouches for it
        with httpx.Client(verify=ssl.create_default_context(cafile=file), trust_env=False) as client:
            assert client.get(f"{made.url}/api/v2/health").json()["status"] == "ok"
        assert not (made.folder / FILE).exists()
        made.close()
        refused = made.run("server", "start", "--port", "0", NOETL_CREDENTIALS_KEY=Fernet.generate_key().decode())
        assert refused.returncode == 2
        assert "was kept under another key" in refused.stderr
