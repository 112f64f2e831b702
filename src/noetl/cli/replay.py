"""`noetl replay`: an execution made again from its log, beside the events that the log holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from noetl.compiler.ir import Json

from . import FINDINGS, OK
from .options import ExecutionId, LogPlace

if TYPE_CHECKING:
    from noetl.runtime.events import Event
    from noetl.runtime.store.log import Entry, Log
    from noetl.runtime.store.rows import LoggedEvent

SHOWN: Final = 10
"""So many differences are shown."""


def command(
    execution: ExecutionId = None,
    log: LogPlace = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as one object.")] = False,
) -> None:
    """Make an execution again from its log, print its timeline, and check that the same events come out.

    Nothing is called: the engine is given the answers that were kept. Exits with 1 where an event differs.

    \b
    Examples:
      noetl replay
      noetl replay --execution 5f0f1e0c --json | jq .same
    """
    from .opening import reading

    with reading(log, execution) as (kept, entry):
        found = _replayed(kept, entry, timeline=not as_json)
    if as_json:
        print(json.dumps(found.to_json(entry), indent=2))
    else:
        for line in found.lines(entry):
            print(line)
    raise typer.Exit(OK if found.same else FINDINGS)


@dataclass(slots=True)
class _Found:
    """What a replay came to."""

    replies: int
    outcome: dict[str, Json] = field(default_factory=dict)
    events: int = 0
    """That were made."""
    kept: int = 0
    """Of these, those that the log holds too: it may lack the last ones of a process that was killed."""
    differing: list[tuple[int, LoggedEvent | None, LoggedEvent | None]] = field(default_factory=list)
    """Position, and the event as it was kept and as it was made; the first `SHOWN`."""
    differences: int = 0

    @property
    def same(self) -> bool:
        """Whether every event of the log came out again."""
        return not self.differences

    def compare(self, kept: LoggedEvent | None, made: LoggedEvent | None) -> None:
        """Count the events at one position."""
        if made is not None:
            self.events += 1
        if kept is None:
            return
        self.kept += 1
        if kept != made:
            self.differences += 1
            if len(self.differing) < SHOWN:
                self.differing.append((kept.position, kept, made))

    def to_json(self, entry: Entry) -> dict[str, Json]:
        """The object of `--json`."""
        return {
            "execution": entry.execution_id,
            "path": entry.path,
            "status": entry.status,
            "replies": self.replies,
            "events": self.events,
            "same": self.same,
            "differences": [
                {"position": position, "kept": _json(kept), "made": _json(made)}
                for position, kept, made in self.differing
            ],
            "outcome": self.outcome,
        }

    def lines(self, entry: Entry) -> Iterator[str]:
        """The same for people, below the timeline."""
        for position, kept, made in self.differing:
            yield f"event {position} was kept as {json.dumps(_json(kept))}"
            yield f"      and made again as {json.dumps(_json(made))}"
        told = f"{self.differences} differ" if self.differences else "all as they were kept"
        status = entry.status or "not ended"
        yield f"{entry.execution_id}: {status}; {self.replies} replies made {self.events} events, {told}"


def _replayed(log: Log, entry: Entry, *, timeline: bool) -> _Found:
    from noetl.runtime.rebuilding import rebuilt
    from noetl.runtime.store.rows import LoggedEvent

    identity = entry.execution_id
    start = log.kept(identity)
    found = _Found(len(start.replies))
    clock = datetime.fromisoformat(start.start.time)

    def listen(event: Event) -> None:
        made = LoggedEvent.of(identity, found.events + 1, event)
        found.compare(next(events, None), made)
        if timeline:
            _print(event, (datetime.fromisoformat(event.time) - clock).total_seconds())

    with closing(log.events(identity)) as events:
        execution = rebuilt(start, listen, cancelled=log.cancelled_at(entry))
        for left in events:
            found.compare(left, None)
    found.outcome = execution.outcome() if execution.ended else {}
    return found


def _print(event: Event, seconds: float) -> None:
    from .progress import lines

    for line in lines(event.name, event.step, event.iteration, event.data):
        print(f"{seconds:>10.3f} {line}")


def _json(event: LoggedEvent | None) -> Json:
    return None if event is None else event.to_json()
