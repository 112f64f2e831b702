"""A picture of a running execution at the foot of a terminal; what has happened scrolls away above it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Self, TextIO

from rich.console import Console, Group
from rich.live import Live as Region
from rich.text import Text

from noetl.runtime.events import Event

from .progress import lines, printable

ROWS: Final = 12
"""So many runs are shown at most."""
PER_SECOND: Final = 8
_PAST: Final = frozenset(
    {
        *("call.error", "rule.error", "collect.missing", "transition.ignored", "log", "stdout"),
        *("iteration.failed", "run.success", "run.failed", "run.skipped", "join.poisoned", "workflow.end"),
    }
)
"""The events that stay as lines."""
_STYLES: Final = {"run.failed": "red", "iteration.failed": "red", "call.error": "yellow", "run.success": "green"}


@dataclass(slots=True)
class _Shown:
    """A run that is under way."""

    step: str
    since: float
    doing: str = ""
    length: int | None = None
    """The iterations of a loop run."""
    ended: int = 0
    failed: int = 0
    in_flight: set[int] = field(default_factory=set)
    waits: dict[int | None, float] = field(default_factory=dict)
    """By iteration, when the wait that is under way is over."""

    def text(self, now: float) -> str:
        """The row."""
        parts = []
        if self.length is not None:
            parts.append(f"{self.ended} of {self.length} iterations")
            if self.failed:
                parts.append(f"{self.failed} failed")
            if len(self.in_flight) > 1:
                parts.append(f"{len(self.in_flight)} in flight")
        if self.doing and len(self.in_flight) <= 1:
            parts.append(self.doing)
        if self.waits:
            parts.append(f"waiting {max(0.0, min(self.waits.values()) - now):.1f} s")
        return f"{self.step:<20} {now - self.since:>6.1f} s  {', '.join(parts)}"


class Picture:
    """What is under way, from the events. `clock` gives seconds that never go back."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._begun = clock()
        self._runs: dict[str, _Shown] = {}
        self._ended = 0

    def take(self, event: Event) -> None:
        """The event has happened."""
        if event.key is None or event.step is None:
            return
        key = event.key.identity()
        if event.name == "step.enter":
            self._runs[key] = _Shown(event.step, self._clock())
        elif (run := self._runs.get(key)) is not None:
            if event.name.startswith("run."):
                del self._runs[key]
                self._ended += 1
            else:
                self._within(run, event)

    def rows(self) -> Iterator[str]:
        """The picture as lines, a head first."""
        now = self._clock()
        yield f"{self._path}  {now - self._begun:.0f} s  {self._ended} runs ended, {len(self._runs)} under way"
        for number, run in enumerate(self._runs.values()):
            if number == ROWS:
                yield f"... {len(self._runs) - ROWS} more"
                return
            yield run.text(now)

    def _within(self, run: _Shown, event: Event) -> None:
        data = event.data
        match event.name:
            case "loop.start":
                length = data["length"]
                run.length = length if isinstance(length, int) else None
            case "iteration.start" if event.iteration is not None:
                run.in_flight.add(event.iteration)
            case "iteration.success" | "iteration.failed" | "iteration.skipped" if event.iteration is not None:
                run.in_flight.discard(event.iteration)
                run.waits.pop(event.iteration, None)
                run.ended += 1
                run.failed += event.name == "iteration.failed"
            case "call.start":
                run.waits.pop(event.iteration, None)
                run.doing = f"call {data['call']}, attempt {data['attempt']}"
            case "retry" | "call":
                wait = data.get("wait")
                if isinstance(wait, int | float) and wait > 0:
                    run.waits[event.iteration] = self._clock() + wait


class Live:
    """The picture on a terminal, drawn anew some times a second."""

    def __init__(self, stream: TextIO, path: str) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._picture = Picture(path)
        self._lock = threading.Lock()
        self._region = Region(
            get_renderable=self._drawn,
            console=self._console,
            refresh_per_second=PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._region.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._region.stop()

    def show(self, event: Event) -> None:
        """Keep it in the picture, and print what stays."""
        with self._lock:
            self._picture.take(event)
        if event.name in _PAST:
            for line in lines(event.name, event.step, event.iteration, event.data):
                self._console.print(Text(line, _STYLES.get(event.name, "")), soft_wrap=True)

    def _drawn(self) -> Group:
        with self._lock:
            rows = list(self._picture.rows())
        width = self._console.width
        return Group(*(Text(printable(row)[:width], "bold" if not i else "") for i, row in enumerate(rows)))
