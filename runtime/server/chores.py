"""What a server does without being asked: waits that are over, sub-playbooks, orphans, days of the event log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psycopg

from noetl.errors import ExecutionError

from .database import Database, do, one
from .executions import Due, Executions
from .hearing import Bells
from .turns import WAIT

POLL: Final = 1.0
"""Seconds after which it looks, whatever it has heard."""
DAILY: Final = 3600.0
"""Seconds between two looks at the days of the event log."""
TOGETHER: Final = 4
"""So many transactions of its own at a time; the other connections are for requests."""
_log = logging.getLogger("noetl.server")


@dataclass(frozen=True, slots=True)
class _Next:
    seconds: float | None
    """Until something is due; None where nothing waits."""


class Chores:
    """Runs until it is cancelled. What fails is told to the log and tried again."""

    def __init__(self, database: Database, executions: Executions, bells: Bells, kept_days: int) -> None:
        self._database = database
        self._executions = executions
        self._bells = bells
        self._kept_days = kept_days
        self._places = asyncio.Semaphore(TOGETHER)

    async def run(self) -> None:
        """Do what is due, then wait for a bell or for the next wait to be over."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._days())
            group.create_task(self._serve())

    async def _serve(self) -> None:
        while True:
            pause = POLL
            rung = self._bells.waiting()
            with self._told("what is due"):
                due = await self._executions.due()
                await asyncio.gather(*(self._one(item) for item in due))
                if not all(item.kind == WAIT for item in due) or not due:
                    await self._executions.cancel_orphans()
                pause = await self._pause()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), pause)

    async def _one(self, due: Due) -> None:
        async with self._places:
            with self._told(f'command {due.number} of execution "{due.execution_id}"'):
                await self._executions.serve(due)

    async def _pause(self) -> float:
        async with self._database.reading() as connection:
            following = await one(connection, "next_due", {}, _Next)
        if following is None or following.seconds is None:
            return POLL
        return min(POLL, max(following.seconds, 0.0))

    async def _days(self) -> None:
        while True:
            with self._told("the days of the event log"):
                async with self._database.transaction() as connection:
                    await do(connection, "keep_days", {"kept": self._kept_days})
            await asyncio.sleep(DAILY)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, ExecutionError) as error:
            _log.warning("%s: %s", what, str(error).partition("\n")[0])
