"""What a kind of tool is to the runner: a module with `make(place)`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from noetl.runtime.ports import Outcome, ToolCall

from .failure import clean
from .vault import Vault
from .web import Web

PRINTED_BYTES: Final = 64 * 1024
"""So much of what code writes to a stream in one attempt is kept."""
_BEYOND: Final = 64 * 1024
"""Bytes that are held past it, so that a secret across the end is found; longer ones are not kept by anyone."""
RESPONSE_BYTES: Final = 64 * 1024 * 1024
"""The most that one attempt may answer; more is a failed call of type `LimitExceeded`."""


class Printed:
    """What an attempt wrote to one stream: the first `PRINTED_BYTES` are kept, the rest is counted."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Add some output."""
        self._kept += data[: PRINTED_BYTES + _BEYOND - len(self._kept)]
        self._size += len(data)

    def text(self, redacted: Callable[[str], str]) -> str:
        """All that is kept, as text that JSON can carry. What is cut off is cut after `redacted`, so no secret is."""
        kept = redacted(clean(self._kept.decode("utf-8", "backslashreplace")))
        dropped = self._size - PRINTED_BYTES
        if dropped <= 0:
            return kept
        return f"{kept.encode()[:PRINTED_BYTES].decode(errors='ignore')}\n... {dropped} more bytes\n"


class Attempt:
    """What the runner keeps of one attempt while it goes on: its time and what it writes."""

    def __init__(self, limit: asyncio.Timeout, seconds: float | None) -> None:
        self._limit = limit
        self._seconds = seconds
        self._started = False
        self.stdout = Printed()
        self.stderr = Printed()

    def start(self) -> None:
        """The time of the attempt begins (TOO-9): what noetl itself had to get ready before is not counted."""
        if self._seconds is not None and not self._started:
            self._started = True
            self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds)


@dataclass(frozen=True, slots=True)
class Place:
    """What the place where tools run gives them."""

    vault: Vault
    folder: Path
    """Where relative paths of scripts start: the playbook's folder (TOO-5)."""
    environ: Mapping[str, str]
    web: Web
    """HTTP connections, kept warm and shared by all that use them here."""


class Maker(Protocol):
    """What the module of a kind is, and what an entry point of group `noetl.tools` gives (docs/tools.md)."""

    def make(self, place: Place) -> KindRunner:
        """The runner of the kind at a place: called once, at the first call."""
        ...


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
