"""The queue as a worker sees it: claim, heartbeat, release, and a bell that rings when there is something new."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from noetl.errors import ExecutionError

from ..ports import ToolCall
from .wire import unpacked

COMMANDS: Final = "noetl_command"
"""The channel that tells of new commands."""
CANCELLED: Final = "noetl_cancelled"
"""The channel that tells of commands that were taken back."""


class QueueLost(ExecutionError):
    """The database that holds the queue does not answer."""


@dataclass(frozen=True, slots=True)
class _Row:
    execution_id: str
    number: int
    kind: str
    step: str | None
    request: str
    claim: UUID
    claims: int
    file: str
    root: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A command that belongs to this worker until its lease lapses."""

    claim: str
    number: int
    file: str
    """The playbook's path, below which its scripts are."""
    root: str
    """The execution at the top."""
    request: ToolCall


class Queue:
    """A connection for claims and one that listens. Belongs to one event loop; `async with` opens and closes it."""

    def __init__(self, address: str, worker: str, kinds: Iterable[str] | None, lease: float) -> None:
        """`kinds` None takes every kind; `lease` is in seconds."""
        self._address = address
        self._worker = worker
        self._kinds = None if kinds is None else sorted(kinds)
        self._lease = timedelta(seconds=lease)
        self._connection: psycopg.AsyncConnection | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Queue:
        await self._connected()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._dropped()

    async def zone(self) -> str:
        """The time zone of the database. QueueLost if it does not answer."""
        async with self._asking() as connection:
            row = await (await connection.execute("SELECT current_setting('TimeZone')")).fetchone()
        return "" if row is None else str(row[0])

    async def claim(self, most: int, kind: str | None = None, others: Iterable[str] = ()) -> list[Claimed]:
        """Up to `most` commands: of one of this worker's kinds, or of all but some.

        QueueLost if the database does not answer.
        """
        kinds, but = (self._kinds, sorted(others)) if kind is None else ([kind], [])
        if kind is not None and self._kinds is not None and kind not in self._kinds:
            return []
        query = "SELECT * FROM noetl.claim(%s, %s, %s, %s, %s)"
        async with self._asking() as connection, connection.cursor(row_factory=class_row(_Row)) as cursor:
            await cursor.execute(query, (self._worker, kinds, but, most, self._lease))
            rows = await cursor.fetchall()
        return [Claimed(str(r.claim), r.number, r.file, r.root, unpacked(json.loads(r.request))) for r in rows]

    async def heartbeat(self, claims: Iterable[str]) -> set[str]:
        """Renew the leases; the claims that still hold. QueueLost if the database does not answer."""
        query = "SELECT noetl.heartbeat(%s, %s::uuid[], %s)"
        async with self._asking() as connection:
            cursor = await connection.execute(query, (self._worker, list(claims), self._lease))
            return {str(claim) for (claim,) in await cursor.fetchall()}

    async def release(self, claims: Iterable[str]) -> None:
        """Give claims back. QueueLost if the database does not answer."""
        async with self._asking() as connection:
            await connection.execute("SELECT noetl.release(%s, %s::uuid[])", (self._worker, list(claims)))

    async def bells(self) -> AsyncIterator[str]:
        """The channels that ring, on a connection of its own; ends when that is lost."""
        with contextlib.suppress(psycopg.Error):
            async with await psycopg.AsyncConnection.connect(self._address, autocommit=True) as connection:
                for channel in (COMMANDS, CANCELLED):
                    await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
                async for heard in connection.notifies():
                    yield heard.channel

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[psycopg.AsyncConnection]:
        async with self._turn:
            connection = await self._connected()
            try:
                yield connection
            except psycopg.OperationalError as error:
                await self._dropped()
                raise QueueLost(str(error).partition("\n")[0]) from error

    async def _connected(self) -> psycopg.AsyncConnection:
        if self._connection is None or self._connection.closed:
            try:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._address, autocommit=True, application_name=f"noetl worker {self._worker}"
                )
            except psycopg.Error as error:
                raise QueueLost(str(error).partition("\n")[0]) from error
        return self._connection

    async def _dropped(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
