"""A server as a process: its database, its tables, its address, HTTP until it is told to stop."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

import psycopg
import uvicorn

from noetl.errors import UsageError

from ..queue.address import Address, database_address, is_alive
from .app import build
from .credentials import check_key
from .embedded_postgres import EmbeddedPostgres
from .migrating import migrate
from .sealing import Sealer, sealer
from .settings import ServerSettings

STREAMS: Final = 3
"""Seconds that requests under way, streams among them, are given when the server stops."""


def serve(settings: ServerSettings, environ: Mapping[str, str], ready: Callable[[Address], None]) -> None:
    """Run until SIGTERM or SIGINT; `ready` is told the address once it answers there.

    UsageError where another server has the data folder or the port, or the database cannot be used.
    """
    _check_free(settings)
    key = settings.credentials_key
    seals = sealer(None if key is None else key.get_secret_value(), settings.data)
    given = database_address(environ)
    embedded = None if given else EmbeddedPostgres.start(settings.data, settings.tz)
    address = given or (embedded.server if embedded else "")
    try:
        migrate(address, settings.tz)
        if embedded is not None:
            embedded.open_to_workers()
        worker_address = embedded.worker if embedded is not None else ""
        check_key(address, seals)
        _listen(settings, address, seals, worker_address, environ, ready)
    finally:
        if embedded is not None:
            embedded.stop()


def _check_free(settings: ServerSettings) -> None:
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    other = Address.read(settings.data)
    if other is not None and is_alive(other.pid):
        raise UsageError(f'a server with the data folder "{settings.data}" runs already, at {other.url}')


def _listen(
    settings: ServerSettings,
    address: str,
    seals: Sealer,
    worker: str,
    environ: Mapping[str, str],
    ready: Callable[[Address], None],
) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise UsageError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    port = listening.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"{'http' if settings.tls_cert is None else 'https'}://{host}:{port}"
    env = {name: environ[name] for name in settings.allow_env if name in environ}
    config = uvicorn.Config(
        build(settings, address, seals, env),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=STREAMS,
        loop="asyncio",
        limit_concurrency=settings.together,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    own = Address(os.getpid(), url, worker)
    try:
        _Server(config, lambda: _ready(own, settings, ready)).run(sockets=[listening])
    except psycopg.Error as error:
        raise UsageError(f"the database of the server: {str(error).partition(chr(10))[0]}") from error
    finally:
        Address.remove(settings.data)


def _ready(own: Address, settings: ServerSettings, tell: Callable[[Address], None]) -> None:
    own.write(settings.data)
    tell(own)


class _Server(uvicorn.Server):
    """Says when it answers, and ends as a process that was stopped on purpose does."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()

    def handle_exit(self, sig: int, frame: object) -> None:
        """As uvicorn does, but the signal is not raised again at the end: to be stopped is no failure."""
        del sig, frame
        self.should_exit = True
