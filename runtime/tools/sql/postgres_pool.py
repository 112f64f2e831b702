"""Connections to PostgreSQL: kept, used again, and replaced when they are broken."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus

from ..failure import CallFailed
from ..kind import Attempt
from .postgres_values import Connection, register

CONNECTIONS: Final = 10
"""So many calls with the same settings run side by side; others wait, and that wait is not time of the attempt."""
Key: TypeAlias = "tuple[tuple[str, str], ...]"


class Pool:
    """Connections by their settings. Nothing of a session outlives its call: settings, temporary tables, locks."""

    def __init__(self) -> None:
        self._idle: defaultdict[Key, list[Connection]] = defaultdict(list)
        self._room: defaultdict[Key, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(CONNECTIONS))

    @asynccontextmanager
    async def transaction(self, settings: Mapping[str, str], attempt: Attempt) -> AsyncIterator[Connection]:
        """A connection in a new transaction, which the block has to end: what is left open is rolled back.

        CallFailed (`ConnectionFailed`) where there is no connection.
        """
        key = tuple(sorted(settings.items()))
        async with self._room[key]:
            attempt.start()
            connection = await self._reused(self._idle[key]) or await _connected(settings)
            try:
                await _dates_as_iso(connection)
                yield connection
            except Exception:
                await self._give_back(key, connection)
                raise
            except BaseException:  # cancelled, perhaps in the middle of an answer
                await connection.close()
                raise
            await self._give_back(key, connection)

    async def close(self) -> None:
        """Close all connections."""
        for connections in self._idle.values():
            while connections:
                await connections.pop().close()

    async def _reused(self, idle: list[Connection]) -> Connection | None:
        while idle:
            connection = idle.pop()
            try:
                await connection.execute("BEGIN")
            except psycopg.Error:  # the server has ended the session in the meantime
                await connection.close()
            except BaseException:
                await connection.close()
                raise
            else:
                return connection
        return None

    async def _give_back(self, key: Key, connection: Connection) -> None:
        try:
            if connection.info.transaction_status != TransactionStatus.IDLE:
                await connection.execute("ROLLBACK")
            await connection.execute("DISCARD ALL")
        except BaseException as error:
            await connection.close()
            if not isinstance(error, psycopg.Error):
                raise
        else:
            self._idle[key].append(connection)


async def _connected(settings: Mapping[str, str]) -> Connection:
    try:
        connection = await psycopg.AsyncConnection.connect(
            "",
            autocommit=True,
            prepare_threshold=None,
            cursor_factory=psycopg.AsyncRawCursor,
            **settings,  # type: ignore[arg-type]  # libpq's own settings, all of them text
        )
    except (psycopg.Error, ValueError) as error:
        raise CallFailed("ConnectionFailed", str(error).strip() or type(error).__name__) from None
    register(connection)
    try:
        await connection.execute("BEGIN")
    except BaseException as error:
        await connection.close()
        if isinstance(error, psycopg.Error):
            raise CallFailed("ConnectionFailed", str(error).strip()) from None
        raise
    return connection


async def _dates_as_iso(connection: Connection) -> None:
    """Where the server writes dates in another way, let it write ISO 8601 in this transaction."""
    style = connection.info.parameter_status("DateStyle") or ""
    if not style.startswith("ISO"):
        await connection.execute("SET LOCAL datestyle TO ISO")
