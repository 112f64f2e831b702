"""Time and identity of the real world: the only module through which chance and the clock enter an execution."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4  # noqa: TID251  # this is the IdSource that everything else is told to use


class SystemClock:
    """The machine's clock."""

    virtual: Final = False

    def now(self) -> str:
        """The time, such as `2026-01-31T12:00:00.000000+00:00`."""
        return datetime.now(UTC).isoformat(timespec="microseconds")

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return when at least so many seconds have gone by: a loop's timer may fire a little early (RET-2)."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(left)


class RandomIds:
    """Random identity: a version 4 UUID as text."""

    def execution_id(self) -> str:
        """A new id."""
        return str(uuid4())
