"""Where a server and its database are, as those who look for them are told: by settings, or by the server's folder."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import ssl
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from noetl.errors import UsageError

DATA: Final = ".noetl/server"
"""The data folder of a server where nothing else is said, in the current folder."""
URL: Final = "http://localhost:8000"
"""The address of a server where nothing else is said."""
POSTGRES: Final = "postgres"
"""Where in the data folder a PostgreSQL of the server's own is."""
_FILE: Final = "server.json"


@dataclass(frozen=True, slots=True)
class Address:
    """What a server that runs leaves in its data folder for those on the same machine."""

    pid: int
    url: str
    worker_database: str
    """The address at which workers reach the queue."""

    def write(self, data: Path) -> None:
        """Leave it, readable for the owner only; whoever reads finds all of it or none."""
        beside = data / f"{_FILE}.{os.getpid()}"
        beside.touch(mode=0o600)
        beside.write_text(json.dumps(asdict(self)), "utf-8")
        beside.replace(data / _FILE)

    @classmethod
    def read(cls, data: Path) -> Address | None:
        """That of the server of a data folder; None if it left none. UsageError if the file is another one."""
        try:
            kept = json.loads((data / _FILE).read_text("utf-8"))
            return cls(int(kept["pid"]), str(kept["url"]), str(kept["worker_database"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f'"{data / _FILE}" does not tell where a server is') from error

    @staticmethod
    def remove(data: Path) -> None:
        """The server runs no more."""
        (data / _FILE).unlink(missing_ok=True)


def database_address(environ: Mapping[str, str]) -> str | None:
    """The database that `NOETL_DATABASE`, or else the `POSTGRES_*` variables name; None where none of them is set."""
    given = environ.get("NOETL_DATABASE")
    if given:
        return given
    host = environ.get("POSTGRES_HOST")
    if not host:
        return None
    user = quote(environ.get("POSTGRES_USER", "noetl"), safe="")
    password = environ.get("POSTGRES_PASSWORD")
    secret = "" if password is None else f":{quote(password, safe='')}"
    name = quote(environ.get("POSTGRES_DB", "noetl"), safe="")
    return f"postgresql://{user}{secret}@{host}:{environ.get('POSTGRES_PORT', '5432')}/{name}"


def data_folder(environ: Mapping[str, str]) -> Path:
    """The data folder that `NOETL_DATA` names, else `DATA`."""
    return Path(environ.get("NOETL_DATA") or DATA)


def server_url(environ: Mapping[str, str]) -> str:
    """The address of the server: `NOETL_SERVER_URL`, else what its data folder tells, else `URL`."""
    given = environ.get("NOETL_SERVER_URL")
    if given:
        return given.rstrip("/")
    left = Address.read(data_folder(environ))
    return URL if left is None else left.url


def is_private(url: str) -> bool:
    """Whether nobody else can read what is sent to this address: it has TLS, or is on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def trust(environ: Mapping[str, str]) -> ssl.SSLContext | bool:
    """Whom to trust: those who sign for `NOETL_SERVER_CA`, a file, else those whom everybody does.

    UsageError if the file holds no certificate.
    """
    file = environ.get("NOETL_SERVER_CA")
    if not file:
        return True
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f'NOETL_SERVER_CA: "{file}" holds no certificate: {error}') from error


def is_alive(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_left(data: Path) -> bool:
    """Whether a PostgreSQL of its own runs in the data folder of a server, though that may have been killed."""
    try:
        return is_alive(int((data / POSTGRES / "postmaster.pid").read_text("ascii").partition("\n")[0]))
    except (OSError, ValueError):
        return False


def ended(address: Address, seconds: float) -> bool:
    """Have a server end; whether it did within so many seconds."""
    os.kill(address.pid, signal.SIGTERM)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not is_alive(address.pid):
            return True
        time.sleep(0.05)
    return False
