"""Values that are good for a time: tokens, secrets from elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Keeps what was fetched until it is no longer good. However many ask at a time, it is fetched once."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, T]] = {}
        self._locks: dict[Hashable, asyncio.Lock] = {}

    async def get(self, key: Hashable, fetch: Callable[[], Awaitable[tuple[T, float]]]) -> T:
        """What is kept for `key`, else what `fetch` gives: the value, and for how many seconds it is good."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._kept.get(key)
            if known is not None and time.monotonic() < known[0]:
                return known[1]
            began = time.monotonic()
            value, seconds = await fetch()
            self._kept[key] = (began + seconds, value)
            return value

    def forget(self, key: Hashable) -> None:
        """Fetch it again the next time."""
        self._kept.pop(key, None)
