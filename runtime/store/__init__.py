"""The event log: what is kept of executions, in a file (SQLite) or in a database (PostgreSQL)."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from noetl.errors import UsageError

from .log import Log

DEFAULT: Final = ".noetl/log.sqlite"
"""The log of `noetl run` where nothing else is said, in the current folder."""
_POSTGRES: Final = ("postgres://", "postgresql://")
_SQLITE: Final = "sqlite:///"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def open_log(place: str | None = None, *, create: bool = True) -> Log:
    """The log at a path or an address `postgresql://...`; None is `DEFAULT`.

    `create` makes a log that is not there yet. UsageError where the log is missing, cannot be opened, or was written by
    a newer version.
    """
    place = place or DEFAULT
    if place.startswith(_POSTGRES):
        from .postgres import PostgresDatabase

        return Log(PostgresDatabase(place), create=create)
    from .sqlite import SqliteDatabase

    return Log(SqliteDatabase(_path(place, create), create=create), create=create)


def _path(place: str, create: bool) -> Path:
    place = place.removeprefix(_SQLITE)
    if scheme := _SCHEME.match(place):  # no more of it: an address may hold a password
        raise UsageError(f'a log is a file or an address that begins with postgresql://, not "{scheme[0]}..."')
    path = Path(place)
    if place == DEFAULT and create:
        _make_own_folder(path.parent)
    return path


def _make_own_folder(folder: Path) -> None:
    """A folder that only its owner reads and that git leaves alone. What goes wrong shows when the log is opened."""
    try:
        folder.mkdir(mode=0o700)
        descriptor = os.open(folder / ".gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("*\n")
