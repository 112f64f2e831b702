"""A small Kubernetes API over TLS for tests of the client: objects in memory, tokens, client certificates, watches.

It speaks the paths that noetl asks for, with the status codes, `Status` objects and events of a real one.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN: Final = "secret-token"
Object = dict[str, Any]
_SEVERAL: Final = {"configmaps", "cronworkflows", "secrets", "workflows", "workflowtemplates"}


@dataclass(frozen=True)
class Signed:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes


@cache
def certificates() -> tuple[Signed, Signed, Signed]:
    """An authority, a server on 127.0.0.1, and a client, both signed by it."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _signed("authority", authority_key, "authority", authority_key, ca=True)
    server, client = (
        _signed(name, ec.generate_private_key(ec.SECP256R1()), "authority", authority_key)
        for name in ("server", "client")
    )
    return authority, server, client


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey, *, ca: bool = False
) -> Signed:
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if ca:
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        )
        builder = builder.add_extension(
            x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False), True
        )
    else:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return Signed(made, key.private_bytes(*form))


@dataclass
class Kube:
    """The server: `with Kube(folder) as kube`. `created` is told of each new object, on the thread of the request."""

    folder: Path
    created: Callable[[Kube, Object], None] | None = None
    objects: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    """By plural, namespace and name."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path with its query, of every request."""
    bodies: list[Object] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    """As whom requests came: `token` or `certificate`."""
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _events: list[tuple[int, str, Object]] = field(default_factory=list)
    closing: bool = False

    def __enter__(self) -> Kube:
        authority, server, _ = certificates()
        for name, content in (("ca", authority.certificate), ("cert", server.certificate), ("key", server.key)):
            (self.folder / name).write_bytes(content)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert", self.folder / "key")
        context.load_verify_locations(self.folder / "ca")
        context.verify_mode = ssl.CERT_OPTIONAL
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self.closing = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def put(self, place: tuple[str, str, str], found: Object, event: str) -> Object:
        """Keep an object, and tell whoever watches."""
        with self._changed:
            version = len(self._events) + 1
            known = self.objects.get(place, {}).get("metadata", {})
            uid = known.get("uid", f"00000000-0000-4000-8000-{version:012d}")
            metadata = {**found["metadata"], "namespace": place[1], "uid": uid, "resourceVersion": str(version)}
            kept = {**found, "metadata": metadata}
            if event == "DELETED":
                self.objects.pop(place, None)
            else:
                self.objects[place] = kept
            self._events.append((version, event, {**kept, "_several": place[0]}))
            self._changed.notify_all()
            return kept

    def _is_news(self, seen: int) -> bool:
        return self.closing or len(self._events) > seen

    def events(self, several: str, name: str, since: int, seconds: float) -> Iterator[Object]:
        """What happens to an object, until it is quiet for so long."""
        seen = since
        while True:
            with self._changed:
                self._changed.wait_for(partial(self._is_news, seen), timeout=seconds)
                fresh = self._events[seen:]
                seen += len(fresh)
                if self.closing or not fresh:
                    return
            for _, event, found in fresh:
                if found["_several"] == several and found["metadata"]["name"] == name:
                    yield {"type": event, "object": {k: v for k, v in found.items() if k != "_several"}}


def _handler(kube: Kube) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

        def do_GET(self) -> None:
            self._handle()

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or "null")
            kube.asked.append((self.command, self.path))
            who = self._who()
            if who is None:
                return self._status(401, "Unauthorized")
            kube.agents.add(who)
            words = parts.path.strip("/").split("/")
            group = words[:2] if words[0] == "api" else words[:3]
            rest = words[len(group) :]
            if group not in (["api", "v1"], ["apis", "argoproj.io", "v1alpha1"]) or rest[2] not in _SEVERAL:
                return self._status(404, "the server could not find the requested resource")
            place = (rest[2], rest[1], rest[3] if len(rest) > 3 else "")
            if body is not None:
                kube.bodies.append(body)
            return self._answer(place, query, body)

        def _answer(self, place: tuple[str, str, str], query: dict[str, str], body: Object | None) -> None:
            found = kube.objects.get(place)
            if self.command == "GET" and query.get("watch") == "true":
                return self._watch(place[0], query)
            if self.command == "POST" and body is not None:
                place = (*place[:2], body["metadata"]["name"])
                if place in kube.objects:
                    return self._status(409, f'{place[0]} "{place[2]}" already exists')
                made = kube.put(place, body, "ADDED")
                self._json(201, made)
                return kube.created(kube, made) if kube.created is not None else None
            if self.command == "PATCH" and body is not None:
                if self.headers["content-type"] != "application/apply-patch+yaml" or "fieldManager" not in query:
                    return self._status(415, "no server-side apply")
                if (found or {}).get("immutable") and found is not None and found["data"] != body["data"]:
                    return self._status(422, f'{place[0]} "{place[2]}" is immutable')
                if "dryRun" in query:
                    return self._json(200, body)
                return self._json(200 if found else 201, kube.put(place, body, "MODIFIED" if found else "ADDED"))
            if found is None:
                return self._status(404, f'{place[0]} "{place[2]}" not found')
            if self.command == "DELETE":
                kube.put(place, found, "DELETED")
            return self._json(200, found)

        def _who(self) -> str | None:
            if self.headers.get("authorization") == f"Bearer {TOKEN}":
                return "token"
            assert isinstance(self.connection, ssl.SSLSocket)
            return "certificate" if self.connection.getpeercert() else None

        def _watch(self, several: str, query: dict[str, str]) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            name = query["fieldSelector"].removeprefix("metadata.name=")
            try:
                for event in kube.events(several, name, int(query["resourceVersion"]), float(query["timeoutSeconds"])):
                    line = json.dumps(event).encode() + b"\n"
                    self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.write(b"0\r\n\r\n")
            except OSError:  # whoever watched has seen enough
                self.close_connection = True

        def _status(self, code: int, message: str) -> None:
            self._json(code, {"kind": "Status", "status": "Failure", "message": message, "code": code})

        def _json(self, code: int, found: Object) -> None:
            text = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    return Handler


def kubeconfig(kube: Kube, file: Path, user: Object, cluster: Object | None = None) -> Path:
    """A file that leads there."""
    trusted = (
        {"server": kube.url, "certificate-authority": "ca"} if cluster is None else {"server": kube.url, **cluster}
    )
    made = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "local", "user": "me", "namespace": "flows"}}],
        "clusters": [{"name": "local", "cluster": trusted}],
        "users": [{"name": "me", "user": user}],
    }
    file.write_text(json.dumps(made), "utf-8")
    return file
