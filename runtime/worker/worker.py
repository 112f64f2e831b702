"""Claims commands, runs them beside each other, posts what they came to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from dataclasses import dataclass
from typing import Final

from ..ports import Outcome
from ..queue import faults
from ..queue.claims import CANCELLED, Claimed, Queue, QueueLost
from .boxes import Tools
from .posting import Posting
from .settings import WorkerSettings

AGAIN: Final = 0.5
"""Seconds until a lost connection is made again."""
_log = logging.getLogger("noetl.worker")


@dataclass(slots=True)
class _Running:
    claimed: Claimed
    task: asyncio.Task[None]


class Worker:
    """One process of a pool. Belongs to one event loop."""

    def __init__(self, queue: Queue, posting: Posting, tools: Tools, settings: WorkerSettings) -> None:
        self._queue = queue
        self._posting = posting
        self._tools = tools
        self._settings = settings
        self._running: dict[str, _Running] = {}
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._beat = asyncio.Event()

    def stop(self) -> None:
        """Claim nothing more, finish what is under way within the grace, give back the rest, and end."""
        self._stopping.set()
        self._woken.set()

    async def run(self) -> None:
        """Work until it is stopped. What the database or the server do not answer is tried again."""
        beside = [asyncio.create_task(self._listen()), asyncio.create_task(self._heartbeats())]
        try:
            while not self._stopping.is_set():
                self._woken.clear()
                found = await self._take()
                if not found and not self._stopping.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), self._settings.poll)
            await self._finish()
        finally:
            for task in (*beside, *(one.task for one in self._running.values())):
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._tools.close()

    async def _take(self) -> bool:
        """Claim as much as there is room for; whether there was something."""
        limits = self._settings.limits
        under_way = Counter(one.claimed.request.kind for one in self._running.values())
        found = False
        try:
            for kind, most in limits.items():
                found |= await self._claim(most - under_way[kind], kind)
            found |= await self._claim(self._settings.size, None)
        except QueueLost as lost:
            _log.warning("the queue does not answer: %s", lost)
            await asyncio.sleep(AGAIN)
        return found

    async def _claim(self, most: int, kind: str | None) -> bool:
        """Claim up to so many commands of a kind that has a limit, or of those that have none."""
        most = min(most, self._settings.size - len(self._running))
        if most <= 0:
            return False
        claimed = await self._queue.claim(most, kind, self._settings.limits)
        for one in claimed:
            faults.point("worker.claimed")
            task = asyncio.create_task(self._carry_out(one))
            self._running[one.claim] = _Running(one, task)
        return bool(claimed)

    async def _carry_out(self, claimed: Claimed) -> None:
        try:
            outcome = await self._call(claimed)
            faults.point("worker.called")
            await self._posting.outcome(claimed, outcome)
        finally:
            self._running.pop(claimed.claim, None)
            self._woken.set()

    async def _call(self, claimed: Claimed) -> Outcome:
        try:
            return await self._tools.call(claimed)
        except Exception as failure:  # a bug of a runner, whose every failure is an outcome: nobody else would tell
            _log.exception("a tool of kind %s raised", claimed.request.kind)
            return Outcome(error={"type": type(failure).__name__, "message": str(failure)})

    async def _listen(self) -> None:
        while True:
            async for channel in self._queue.bells():
                if channel == CANCELLED:
                    self._beat.set()
                else:
                    self._woken.set()
            await asyncio.sleep(AGAIN)

    async def _heartbeats(self) -> None:
        """Renew the leases; a call whose claim is lost is abandoned."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._beat.wait(), self._settings.lease / 3)
            self._beat.clear()
            asked = list(self._running)
            if not asked:
                continue
            try:
                held = await self._queue.heartbeat(asked)
            except QueueLost as lost:
                _log.warning("the queue does not answer: %s", lost)
                continue
            for claim in set(asked) - held:
                running = self._running.get(claim)
                if running is not None:
                    running.task.cancel()

    async def _finish(self) -> None:
        tasks = [one.task for one in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.grace)
        left = list(self._running)
        for one in list(self._running.values()):
            one.task.cancel()
        if left:
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(QueueLost):
                await self._queue.release(left)
