"""How far a long row of cases is."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from noetl.conformance.conform import Judged

EVERY: Final = 60.0
"""Seconds between two lines where standard error is no terminal, as in the log of a CI run."""


class Progress:
    """One line on standard error that is written again and again on a terminal, and a line a minute elsewhere."""

    def __init__(self, total: int | None, *, shown: bool) -> None:
        """`total` is None where nobody knows how many there will be."""
        self._total = "" if total is None else f"/{total}"
        self._shown = shown
        self._terminal = sys.stderr.isatty()
        self._told = time.monotonic()
        self._done = 0
        self._red = 0

    def show(self, one: Judged) -> None:
        """One more is done."""
        self._done += 1
        self._red += one.verdict in ("failed", "stale", "broken")
        if not self._shown:
            return
        line = f"{self._done}{self._total}{f', {self._red} not green' if self._red else ''} {one.case.id}"
        if self._terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._told >= EVERY:
            self._told = time.monotonic()
            print(line, file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Give the line back."""
        if self._shown and self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
