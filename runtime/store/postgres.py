"""The log in a PostgreSQL database, for several machines. Claims are advisory locks of the session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Final

from noetl.errors import UsageError

from .database import Change, LogFailed, Row, schema

NOTICED: Final = 1_000
"""Milliseconds to wait for a claim."""
_CREATING: Final = 7_663_823
"""The advisory lock of whoever makes the tables."""


class PostgresDatabase:
    """A database by its address; UsageError if it cannot be reached."""

    def __init__(self, address: str) -> None:
        try:
            import psycopg
        except ImportError:
            raise UsageError('a log in PostgreSQL needs the extra "postgres": install noetl[postgres]') from None
        self._error = psycopg.Error
        self._taken = psycopg.errors.LockNotAvailable
        try:
            self._name = _without_password(psycopg.conninfo.conninfo_to_dict(address))
        except psycopg.Error as error:  # behind the colon it quotes the address, and so the password
            reason = _first_line(error).partition(":")[0]
            raise UsageError(f'cannot open the log "postgresql://...": {reason}') from None
        try:
            self._connection = psycopg.connect(address, autocommit=True, application_name="noetl")
        except psycopg.Error as error:
            raise UsageError(f'cannot open the log "{self._name}": {_first_line(error)}') from error

    @property
    def name(self) -> str:
        """The address without user, password and options."""
        return self._name

    def create(self) -> None:
        """Make the tables that are not there yet."""
        with self._said(), self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_CREATING,))
            self._connection.execute(_own(schema("postgres.sql")))

    def version(self) -> int | None:
        """The version of the tables."""
        with self._said():
            if self._connection.execute("SELECT to_regclass('noetl_log')").fetchone() == (None,):
                return None
            found = self._connection.execute("SELECT version FROM noetl_log").fetchone()
            return None if found is None else int(found[0])

    def write(self, changes: Sequence[Change]) -> None:
        """One transaction, sent in one go."""
        with (
            self._said(),
            self._connection.pipeline(),
            self._connection.transaction(),
            self._connection.cursor() as cursor,
        ):
            for statement, rows in changes:
                cursor.executemany(_own(statement), rows)

    def rows(self, query: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """The rows of a query, by the hundred."""
        with self._said(), self._connection.transaction(), self._connection.cursor("noetl_rows") as cursor:
            yield from cursor.execute(_own(query), values)

    def claim(self, execution_id: str) -> bool:
        """Take the execution's lock; the server may need a moment to notice that its holder's process has ended."""
        with self._said():
            try:
                with self._connection.transaction():
                    self._connection.execute(f"SET LOCAL lock_timeout = {NOTICED}")
                    self._connection.execute("SELECT pg_advisory_lock(%s)", (_place(execution_id),))
            except self._taken:
                return False
            return True

    def release(self, execution_id: str) -> None:
        """Give the lock back."""
        with self._said():
            self._connection.execute("SELECT pg_advisory_unlock(%s)", (_place(execution_id),))

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise LogFailed(f'the log "{self._name}" failed: {_first_line(error)}') from error


def _own(statement: str) -> str:
    """A statement of this folder as psycopg writes it. None of them holds data, a percent sign or a literal `?`."""
    return statement.replace("?", "%s")


def _place(execution_id: str) -> int:
    return int.from_bytes(blake2b(execution_id.encode(), digest_size=8).digest(), signed=True)


def _without_password(parts: Mapping[str, object]) -> str:
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    port = f":{parts['port']}" if "port" in parts else ""
    return f"postgresql://{host}{port}/{parts.get('dbname', '')}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
