"""The log in one SQLite file, which several processes may write.

Write-ahead logging with `synchronous=NORMAL`: what was committed survives the end of the process at any moment (the
crash of the machine may take the last transactions). Claims are locks on single bytes of a file beside the log, which
the system takes back when a process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from errno import EISDIR
from hashlib import blake2b
from pathlib import Path
from typing import Final

from noetl.errors import UsageError

from .database import Change, LogFailed, Row, schema

BUSY: Final = 30.0
"""Seconds to wait for another process that writes."""
AT_ONCE: Final = 100
"""So many rows are read at a time."""


class SqliteDatabase:
    """A file; UsageError if it cannot be opened or, without `create`, is not there."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._path = path
        if not create and not path.exists():
            raise UsageError(f'there is no log "{path}"; noetl run keeps one unless told otherwise')
        try:
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
                _make(path)
            self._connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None)
            try:
                self._set_up(create)
            except sqlite3.Error:
                self._connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            hint = "; --log says where to keep one, --no-log keeps none" if create else ""
            raise UsageError(f'cannot open the log "{path}": {reason}{hint}') from error
        self._locks: int | None = None

    @property
    def name(self) -> str:
        """The path."""
        return str(self._path)

    def create(self) -> None:
        """Make the tables that are not there yet."""
        with self._said():
            self._connection.execute("BEGIN IMMEDIATE")
            for statement in schema("sqlite.sql").split(";\n"):
                self._connection.execute(statement)
            self._connection.execute("COMMIT")

    def version(self) -> int | None:
        """The version of the tables."""
        with self._said():
            known = "SELECT 1 FROM sqlite_master WHERE name = 'noetl_log'"
            if self._connection.execute(known).fetchone() is None:
                return None
            found = self._connection.execute("SELECT version FROM noetl_log").fetchone()
            return None if found is None else int(found[0])

    def write(self, changes: Sequence[Change]) -> None:
        """One transaction."""
        connection = self._connection
        with self._said():
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement, rows in changes:
                    connection.executemany(statement, rows)
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """The rows of a query, by the hundred."""
        with self._said():
            cursor = self._connection.execute(query, values)
        while found := self._fetched(cursor):  # not read further, a cursor need not be closed before the connection
            yield from found

    def claim(self, execution_id: str) -> bool:
        """Lock the execution's byte."""
        if self._locks is None:
            with self._said():
                self._locks = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(execution_id))
        except (BlockingIOError, PermissionError):
            return False
        return True

    def release(self, execution_id: str) -> None:
        """Unlock the execution's byte."""
        if self._locks is not None:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, _place(execution_id))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        if self._locks is not None:
            os.close(self._locks)
            self._locks = None

    def _fetched(self, cursor: sqlite3.Cursor) -> list[Row]:
        with self._said():
            return cursor.fetchmany(AT_ONCE)

    def _set_up(self, create: bool) -> None:
        if create and self._connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            # Of several processes that find a new file one changes the mode; the others meet its lock without waiting.
            while True:
                try:
                    self._connection.execute("PRAGMA journal_mode = wal")
                    break
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                        raise
        self._connection.execute("PRAGMA synchronous = normal")

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise LogFailed(f'the log "{self._path}" failed: {error}') from error


def _make(path: Path) -> None:
    """A file that only its owner reads. One that is there is not opened: closing it would end SQLite's locks on it."""
    if path.is_dir():
        raise IsADirectoryError(EISDIR, "it is a folder")
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _place(execution_id: str) -> int:
    """The byte of the lock file that stands for an execution; the file itself stays empty."""
    return int.from_bytes(blake2b(execution_id.encode(), digest_size=8).digest()) >> 2
