"""What a kind of tool is to the runner: a module with `make(place)`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from noetl.runtime.ports import Outcome, ToolCall

from .failure import clean
from .http_map import HttpMap
from .vault import Vault

PRINTED_BYTES: Final = 64 * 1024
"""So much of what code prints in one attempt is kept."""
RESPONSE_BYTES: Final = 64 * 1024 * 1024
"""The most that one attempt may answer; more is a failed call of type `LimitExceeded`."""


class Printed:
    """What an attempt printed: the first `PRINTED_BYTES` are kept, the rest is counted."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    def write(self, data: bytes) -> None:
        """Add some output."""
        room = PRINTED_BYTES - len(self._kept)
        self._kept += data[:room]
        self._dropped += len(data) - len(data[:room])

    def text(self) -> str:
        """All that was kept, as text that JSON can carry."""
        kept = clean(self._kept.decode("utf-8", "backslashreplace"))
        return f"{kept}\n... {self._dropped} more bytes\n" if self._dropped else kept


class Attempt:
    """What the runner keeps of one attempt while it goes on: its time and what it prints."""

    def __init__(self, limit: asyncio.Timeout, seconds: float | None, printed: Printed) -> None:
        self._limit = limit
        self._seconds = seconds
        self.printed = printed

    def start(self) -> None:
        """The time of the attempt begins (TOO-9): what noetl itself had to get ready before is not counted."""
        if self._seconds is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds)


@dataclass(frozen=True, slots=True)
class Place:
    """What the place where tools run gives them."""

    vault: Vault
    folder: Path
    """Where relative paths of scripts start: the playbook's folder (TOO-5)."""
    environ: Mapping[str, str]
    http_map: HttpMap


class KindRunner(Protocol):
    """Runs the calls of one kind. Its fields and args come with secrets opened."""

    @property
    def default_timeout(self) -> float | None:
        """Seconds for an attempt whose tool has no `timeout`; None for no limit."""
        ...

    async def call(self, request: ToolCall, attempt: Attempt) -> Outcome:
        """Start the attempt and make it, or raise CallFailed. Cancelling leaves nothing of it running."""
        ...

    async def close(self) -> None:
        """Give back connections and processes."""
        ...
