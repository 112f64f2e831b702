"""The server's connections, and what its transactions are made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, TypeVar

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg_pool import AsyncConnectionPool

from .statements import query

Connection: TypeAlias = "psycopg.AsyncConnection[dict[str, Any]]"
Values: TypeAlias = "Mapping[str, object]"
_Row = TypeVar("_Row")
WAKE: Final = "noetl_wake"
"""The channel that tells the servers that something of theirs is due."""
EVENTS: Final = "noetl_event"
"""The channel that tells of an execution that has new events."""


class Database:
    """A pool of connections. Belongs to one event loop; `async with` opens and closes it."""

    def __init__(self, address: str, size: int) -> None:
        self.address = address
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            address,
            connection_class=psycopg.AsyncConnection[dict[str, Any]],
            kwargs={"row_factory": dict_row, "application_name": "noetl server", "autocommit": True},
            min_size=1,
            max_size=size,
            open=False,
            check=AsyncConnectionPool.check_connection,
        )

    async def __aenter__(self) -> Database:
        await self._pool.open(wait=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """All that is done with the connection happens, or nothing."""
        async with self._pool.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection for single statements."""
        async with self._pool.connection() as connection:
            yield connection


async def one(connection: Connection, name: str, values: Values, shape: type[_Row]) -> _Row | None:
    """The only row of a query as an object of a dataclass; None if there is none."""
    async with connection.cursor(row_factory=class_row(shape)) as cursor:
        await cursor.execute(query(name), values)
        return await cursor.fetchone()


async def many(connection: Connection, name: str, values: Values, shape: type[_Row]) -> list[_Row]:
    """All rows of a query as objects of a dataclass."""
    async with connection.cursor(row_factory=class_row(shape)) as cursor:
        await cursor.execute(query(name), values)
        return await cursor.fetchall()


async def do(connection: Connection, name: str, values: Values) -> int:
    """Carry out a statement; how many rows it touched."""
    cursor = await connection.execute(query(name), values)
    return cursor.rowcount


async def do_each(connection: Connection, name: str, rows: Sequence[Values]) -> None:
    """Carry out a statement for every row of values, in one go."""
    if rows:
        async with connection.cursor() as cursor:
            await cursor.executemany(query(name), rows)


async def copied(connection: Connection, name: str, rows: Iterable[Sequence[object]]) -> None:
    """Write rows with a COPY."""
    async with connection.cursor() as cursor, cursor.copy(query(name)) as copy:
        for row in rows:
            await copy.write_row(row)


async def ring(connection: Connection, channel: str, payload: str = "") -> None:
    """Tell those who listen, once the transaction is committed."""
    await connection.execute(query("notify"), {"channel": channel, "payload": payload})
