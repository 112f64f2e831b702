"""Reads a kubeconfig: where a cluster is, and as whom it is asked. What `kubectl config view` shows, as far as it goes.

Tokens, files with tokens, client certificates, user names and programs that print credentials are understood.
"""

from __future__ import annotations

import base64
import binascii
import json
import ssl
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noetl.compiler.ir import Json
from noetl.errors import UsageError

VARIABLE: Final = "KUBECONFIG"
DEFAULT: Final = Path(".kube") / "config"
"""Below the home folder."""
EXEC_SECONDS: Final = 60
"""A program that prints credentials has so long."""
_Entry = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Access:
    """How a cluster is asked."""

    server: str
    namespace: str
    trust: ssl.SSLContext
    headers: Mapping[str, str]
    server_name: str | None = None
    """Whose certificate it shows, if not the host's."""
    proxy: str | None = None


def access(path: Path | None, environ: Mapping[str, str]) -> Access:
    """The access of a kubeconfig's current context: of `path`, else of KUBECONFIG, else of the home folder.

    UsageError, which says why, if there is none.
    """
    file = path or Path(environ.get(VARIABLE) or Path(environ.get("HOME", "")) / DEFAULT)
    found = _read(file)
    name = found.get("current-context")
    if not isinstance(name, str) or not name:
        raise UsageError(f'"{file}" has no current-context')
    context = _named(found, "contexts", "context", name, file)
    cluster = _named(found, "clusters", "cluster", str(context.get("cluster")), file)
    user = _named(found, "users", "user", str(context["user"]), file) if context.get("user") else {}
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith(("http://", "https://")):
        raise UsageError(f'the cluster of context "{name}" in "{file}" has no server')
    try:
        shown = {**user, **_printed(user, environ)}
        return Access(
            server.rstrip("/"),
            str(context.get("namespace") or "default"),
            _trust(cluster, shown, file.parent),
            _headers(shown, file.parent),
            _text(cluster, "tls-server-name"),
            _text(cluster, "proxy-url"),
        )
    except (OSError, ValueError) as wrong:
        raise UsageError(f'the credentials of context "{name}" in "{file}" cannot be used: {wrong}') from None


def _read(file: Path) -> _Entry:
    try:
        found = YAML(typ="safe").load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as wrong:
        told = wrong.strerror if isinstance(wrong, OSError) else "no UTF-8"
        raise UsageError(f'the kubeconfig "{file}" cannot be read: {told}; --kubeconfig names another one') from None
    except YAMLError as wrong:
        raise UsageError(f'the kubeconfig "{file}" is no YAML: {str(wrong).splitlines()[0]}') from None
    if not isinstance(found, dict):
        raise UsageError(f'the kubeconfig "{file}" is no mapping')
    return cast(_Entry, found)


def _named(found: _Entry, several: str, one: str, name: str, file: Path) -> _Entry:
    entries = found.get(several)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name:
            inner = entry.get(one)
            return inner if isinstance(inner, dict) else {}
    raise UsageError(f'"{file}" has no {one} "{name}"')


def _text(found: _Entry, name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) and value else None


def _data(found: _Entry, name: str, folder: Path) -> bytes | None:
    """The content of an entry: in place as base64, or of the file that it names, beside the kubeconfig."""
    inline = _text(found, f"{name}-data")
    if inline is not None:
        try:
            return base64.b64decode(inline, validate=True)
        except binascii.Error:
            raise ValueError(f"{name}-data is no base64") from None
    file = _text(found, name)
    return None if file is None else (folder / file).read_bytes()


def _trust(cluster: _Entry, user: _Entry, folder: Path) -> ssl.SSLContext:
    authority = _data(cluster, "certificate-authority", folder)
    made = ssl.create_default_context(cadata=None if authority is None else authority.decode())
    if cluster.get("insecure-skip-tls-verify") is True:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    certificate, key = (_data(user, name, folder) for name in ("client-certificate", "client-key"))
    if certificate is not None and key is not None:
        with ExitStack() as stack:  # the library reads certificates from files only
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="noetl-")))
            (home / "certificate").write_bytes(certificate)
            (home / "key").touch(0o600)
            (home / "key").write_bytes(key)
            made.load_cert_chain(home / "certificate", home / "key")
    return made


def _headers(user: _Entry, folder: Path) -> dict[str, str]:
    token = _text(user, "token")
    file = _text(user, "tokenFile")
    if token is None and file is not None:
        token = (folder / file).read_text("utf-8").strip()
    if token is not None:
        return {"authorization": f"Bearer {token}"}
    name, password = _text(user, "username"), _text(user, "password")
    if name is None or password is None:
        return {}
    return {"authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}


def _printed(user: _Entry, environ: Mapping[str, str]) -> _Entry:
    """What the user's program prints, under the names of a kubeconfig."""
    program = user.get("exec")
    if not isinstance(program, dict):
        return {}
    version = _text(program, "apiVersion") or "client.authentication.k8s.io/v1"
    asked = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    added = {str(one["name"]): str(one["value"]) for one in _entries(program, "env")}
    command = [str(program.get("command")), *(str(part) for part in cast("list[Json]", program.get("args") or []))]
    try:
        done = subprocess.run(
            command,
            env={**environ, **added, "KUBERNETES_EXEC_INFO": json.dumps(asked)},
            capture_output=True,
            check=True,
            text=True,
            timeout=EXEC_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        status = json.loads(done.stdout)["status"]
    except subprocess.SubprocessError as wrong:
        raise ValueError(f'"{command[0]}" prints none: {type(wrong).__name__}') from None
    except (KeyError, TypeError, ValueError):
        raise ValueError(f'"{command[0]}" prints no ExecCredential with a status') from None
    names = {"token": "token", "clientCertificateData": "client-certificate", "clientKeyData": "client-key"}
    found = {name: str(status[theirs]) for theirs, name in names.items() if status.get(theirs)}
    return {
        (name if name == "token" else f"{name}-data"): (
            text if name == "token" else base64.b64encode(text.encode()).decode()
        )
        for name, text in found.items()
    }


def _entries(found: _Entry, name: str) -> list[_Entry]:
    several = found.get(name)
    return [one for one in several if isinstance(one, dict)] if isinstance(several, list) else []
