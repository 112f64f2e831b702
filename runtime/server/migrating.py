"""Brings the tables of a database to what this version needs, in numbered steps that are never changed afterwards."""

from __future__ import annotations

from typing import Final

import psycopg

from noetl.errors import UsageError

from ..queue.settings import check_zone
from .statements import migrations, text

_LOCK: Final = 7_663_826
"""The advisory lock of whoever changes the tables."""


def migrate(address: str, zone: str, upto: int | None = None) -> list[int]:
    """Carry out what is missing (up to a number), each in a transaction of its own; the numbers that were.

    UsageError if the database cannot be reached, was made by a newer version, refuses a step, or if its time zone is
    not `zone`.
    """
    try:
        with psycopg.connect(address, autocommit=True, application_name="noetl migrate") as connection:
            _check_zone(connection, zone)
            return _migrated(connection, upto)
    except psycopg.Error as error:
        raise UsageError(f"the database of the server: {str(error).partition(chr(10))[0]}") from error


def _migrated(connection: psycopg.Connection, upto: int | None) -> list[int]:
    known = migrations()
    done: list[int] = []
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        connection.execute(text("begin.sql").encode())
        applied = {int(n) for (n,) in connection.execute("SELECT number FROM noetl.migration").fetchall()}
        newer = applied - {number for number, _, _ in known}
        if newer:
            raise UsageError(
                f"the database has migration {max(newer)}, and this noetl knows up to {known[-1][0]}: "
                "it was used by a newer version"
            )
        for number, name, statements in known:
            if number in applied or (upto is not None and number > upto):
                continue
            with connection.transaction():
                connection.execute(statements.encode())
                connection.execute("INSERT INTO noetl.migration (number, name) VALUES (%s, %s)", (number, name))
            done.append(number)
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    return done


def _check_zone(connection: psycopg.Connection, zone: str) -> None:
    row = connection.execute("SELECT current_setting('TimeZone')").fetchone()
    check_zone("" if row is None else str(row[0]), zone, "server")
