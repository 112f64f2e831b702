"""The `duckdb` tool (TOO-2): the statements of a call in one transaction, or rows into a table (SNK-1).

DuckDB blocks while it works, so each call has a thread. A database in memory lives for one call; a file is opened for
one call, and calls for the same file wait for each other.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from noetl.runtime.ports import Outcome, ToolCall

from ..failure import CallFailed
from ..kind import Attempt, KindRunner, Place
from .command import sql_texts
from .duckdb_call import MEMORY, DuckdbCall, Work
from .table import table_write

CALLS: Final = 8
"""So many calls run side by side; others wait, and that wait is not time of the attempt."""
_STOP_STEP: Final = 0.05
"""Seconds between two interrupts of a call that is to stop."""


class Duckdb:
    """Runs SQL in databases of this machine."""

    default_timeout: Final = None

    def __init__(self, place: Place) -> None:
        self._place = place
        self._threads = ThreadPoolExecutor(CALLS, "duckdb")
        self._room = asyncio.Semaphore(CALLS)
        self._files: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def call(self, request: ToolCall, attempt: Attempt) -> Outcome:
        """One transaction: it is committed when the answer is known to be JSON, and undone by any failure."""
        fields = request.fields
        if fields.get("auth") or fields.get("credentials"):
            raise CallFailed("Unsupported", 'duckdb takes no "auth"; its SQL may hold {{ secret.NAME }} instead')
        write = table_write(fields, request.args)
        texts = [] if write else await sql_texts(fields, self._place)
        work = Work(self._database(fields), self._place.folder.resolve(), texts, fields.get("params"), write)
        async with AsyncExitStack() as held:
            if work.database != MEMORY:
                await held.enter_async_context(self._files[work.database])
            await held.enter_async_context(self._room)
            attempt.start()
            return await self._done(DuckdbCall(work))

    async def close(self) -> None:
        """End the threads; no call is under way any more."""
        self._threads.shutdown()

    async def _done(self, call: DuckdbCall) -> Outcome:
        """The outcome of a call; when this is cancelled, the call is interrupted and waited for."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, call.run)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            while not running.done():
                call.stop()
                await asyncio.wait([running], timeout=_STOP_STEP)
            running.exception()
            raise

    def _database(self, fields: Mapping[str, object]) -> str:
        """The file of `database` or `path`, relative to the playbook; without one a database in memory."""
        if fields.get("database") is not None and fields.get("path") is not None:
            raise CallFailed("ValueError", 'duckdb has its file in either "database" or "path", not in both')
        given = fields.get("database") or fields.get("path")
        if given is None or (isinstance(given, str) and given.startswith(MEMORY)):
            return MEMORY
        if not isinstance(given, str) or "://" in given:
            raise CallFailed("ValueError", f'"database" is the path of a file or "{MEMORY}", not "{given}"')
        return str((self._place.folder / Path(given)).resolve())


def make(place: Place) -> KindRunner:
    """The runner of kind `duckdb`."""
    return Duckdb(place)
