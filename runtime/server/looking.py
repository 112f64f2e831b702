"""What is told of executions: at a glance, with all runs, event by event as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from noetl.compiler.ir import Json
from noetl.compiler.jsonable import NotSerializable, to_json

from ..journal import Kept
from ..store.rows import decoded, encoded
from .database import Database, many, one
from .executions import RUNNING
from .hearing import Bells
from .live import summary_of, thought
from .refusals import NotFound
from .turns import kept_replies, kept_start

PAGE: Final = 500
"""Events that are read at a time."""
ALIVE: Final = 10.0
"""Seconds after which a stream looks by itself, and says that it is there."""


@dataclass(frozen=True, slots=True)
class _Execution:
    id: str
    path: str
    version: int
    started: str
    status: str
    outcome: str | None
    ended: str | None
    parent: str | None
    priority: int
    payload: str
    events: int


@dataclass(frozen=True, slots=True)
class _Listed:
    id: str
    path: str
    version: int
    started: str
    status: str
    ended: str | None
    parent: str | None
    sequence: int


@dataclass(frozen=True, slots=True)
class _Event:
    execution_id: str
    position: int
    time: str
    name: str
    step: str | None
    key: str | None
    iteration: int | None
    data: str
    worker: str | None

    def to_json(self) -> dict[str, Json]:
        told: dict[str, Json] = {
            "execution": self.execution_id,
            "position": self.position,
            "time": self.time,
            "name": self.name,
            "step": self.step,
            "key": self.key,
            "iteration": self.iteration,
            "data": decoded(self.data),
        }
        return told if self.worker is None else {**told, "worker": self.worker}


@dataclass(frozen=True, slots=True)
class _Gauge:
    name: str
    value: int


class Looking:
    """Reads, and changes nothing."""

    def __init__(self, database: Database, bells: Bells) -> None:
        self._database = database
        self._bells = bells

    async def execution(self, execution_id: str, *, runs: bool) -> dict[str, Json]:
        """An execution; with `runs` all that `noetl run --json` tells. NotFound if there is none."""
        row = await self._row(execution_id)
        told: dict[str, Json] = {
            "execution_id": row.id,
            "path": row.path,
            "version": row.version,
            "status": row.status,
            "started": row.started,
            "ended": row.ended,
            "parent": row.parent,
            "priority": row.priority,
            "payload": _shown(row.payload),
            "events": row.events,
        }
        outcome = None if row.outcome is None else decoded(row.outcome)
        if isinstance(outcome, dict):
            told |= outcome
        if runs:
            async with self._database.reading() as connection:
                start, cancelled = await kept_start(connection, execution_id)
                replies = await kept_replies(connection, execution_id)
            told["runs"] = (await thought(lambda: summary_of(Kept(start, replies), cancelled)))["runs"]
        return told

    async def executions(self, status: str | None, before: int | None, limit: int) -> list[dict[str, Json]]:
        """Executions, the latest first."""
        values = {"status": status, "before": before, "limit": limit}
        async with self._database.reading() as connection:
            rows = await many(connection, "executions", values, _Listed)
        return [
            {
                "execution_id": row.id,
                "path": row.path,
                "version": row.version,
                "status": row.status,
                "started": row.started,
                "ended": row.ended,
                "parent": row.parent,
                "sequence": row.sequence,
            }
            for row in rows
        ]

    async def events(self, execution_id: str, after: int, limit: int) -> list[dict[str, Json]]:
        """Events behind a position, in order; NotFound if there is no such execution."""
        await self._row(execution_id)
        return [event.to_json() for event in await self._events(execution_id, after, limit)]

    async def stream(self, execution_id: str, after: int) -> AsyncIterator[str]:
        """Events as server-sent events, as they come, until the execution has ended."""
        with self._bells.watching(execution_id) as bell:
            while True:
                bell.clear()
                ended = (await self._row(execution_id)).status != RUNNING
                found = await self._events(execution_id, after, PAGE)
                for event in found:
                    after = event.position
                    yield f"id: {event.position}\nevent: {event.name}\ndata: {encoded(event.to_json())}\n\n"
                if found:
                    continue
                if ended:
                    return
                try:
                    await asyncio.wait_for(bell.wait(), ALIVE)
                except TimeoutError:
                    yield ": still here\n\n"

    async def gauges(self) -> str:
        """Counts in the text format of Prometheus."""
        async with self._database.reading() as connection:
            rows = await many(connection, "gauges", {}, _Gauge)
        lines = [f"# TYPE noetl_{row.name} gauge\nnoetl_{row.name} {row.value}" for row in rows]
        return "\n".join(sorted(lines)) + "\n"

    async def alive(self) -> None:
        """The database answers; psycopg.Error or PoolTimeout if it does not."""
        async with self._database.reading() as connection:
            await connection.execute("SELECT 1")

    async def _row(self, execution_id: str) -> _Execution:
        async with self._database.reading() as connection:
            row = await one(connection, "execution", {"id": execution_id}, _Execution)
        if row is None:
            raise NotFound(f'there is no execution "{execution_id}"')
        return row

    async def _events(self, execution_id: str, after: int, limit: int) -> list[_Event]:
        values = {"id": execution_id, "after": after, "limit": limit}
        async with self._database.reading() as connection:
            return await many(connection, "events", values, _Event)


def _shown(payload: str) -> Json:
    """A payload; null where it is no JSON value, and so its execution failed (VAL-1)."""
    try:
        return to_json(decoded(payload))
    except NotSerializable:
        return None
