"""What the database tells: one connection that listens, and everybody in this process who waits for something."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import psycopg

from .database import EVENTS, WAKE

AGAIN: Final = 1.0
"""Seconds until a lost connection is made again."""
_CHANNELS: Final = (WAKE, EVENTS)


class Bells:
    """Rings events of asyncio. Whoever waits must look for itself now and then: what rings while nobody is connected
    is never heard."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._woken = asyncio.Event()
        self._watched: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def waiting(self) -> asyncio.Event:
        """Is set when something of the server's own is due, from this moment on."""
        self._woken.clear()
        return self._woken

    @contextlib.contextmanager
    def watching(self, execution_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever an execution has new events."""
        bell = asyncio.Event()
        self._watched[execution_id].add(bell)
        try:
            yield bell
        finally:
            self._watched[execution_id].discard(bell)
            if not self._watched[execution_id]:
                del self._watched[execution_id]

    async def run(self) -> None:
        """Listen until it is cancelled."""
        while True:
            with contextlib.suppress(psycopg.Error):
                async with await psycopg.AsyncConnection.connect(self._address, autocommit=True) as connection:
                    for channel in _CHANNELS:
                        await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
                    self._woken.set()
                    async for heard in connection.notifies():
                        self._ring(heard.channel, heard.payload)
            await asyncio.sleep(AGAIN)

    def _ring(self, channel: str, payload: str) -> None:
        if channel == WAKE:
            self._woken.set()
        else:
            for bell in self._watched.get(payload, ()):
                bell.set()
