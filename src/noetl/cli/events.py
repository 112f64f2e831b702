"""`noetl events`: what the log holds of an execution, as it comes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .options import ExecutionId, LogPlace

if TYPE_CHECKING:
    from noetl.runtime.store.log import Entry, Log
    from noetl.runtime.store.rows import LoggedEvent

POLL: Final = 0.2
"""Seconds between two looks at a log that is followed."""


def command(
    execution: ExecutionId = None,
    log: LogPlace = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more until the execution ends.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as one line of JSON.")] = False,
    otlp: Annotated[
        str | None, typer.Option("--otlp", metavar="URL", help="Send them as OpenTelemetry spans by OTLP over HTTP.")
    ] = None,
) -> None:
    """Print the events of an execution, or send them as spans.

    The shape of a line of --json is noetl schema event. With --otlp the execution, its runs, iterations and calls are
    sent as spans to URL, such as http://localhost:4318/v1/traces; their ids do not change from one time to the next.

    \b
    Examples:
      noetl events
      noetl events --follow --json | jq -c 'select(.name == "call.error")'
      noetl events --execution 5f0f1e0c --otlp http://localhost:4318/v1/traces
    """
    from .opening import reading

    with (
        reading(log, execution) as (kept, entry),
        closing(_followed(kept, entry) if follow else kept.events(entry.execution_id)) as events,
    ):
        if otlp is not None:
            from noetl.runtime.telemetry import export

            print(f"{export(kept, entry, events, otlp)} spans sent", file=sys.stderr)
            return
        for event in events:
            print(json.dumps(event.to_json()) if as_json else _line(event), flush=follow)


def _followed(log: Log, entry: Entry) -> Generator[LoggedEvent, None, None]:
    """The events as they come, until the execution has ended or nobody runs it any more."""
    position = 0
    while True:
        over = log.find(entry.execution_id).status is not None or not log.running(entry.execution_id)
        for event in log.events(entry.execution_id, after=position):
            position = event.position
            yield event
        if over:
            break
        time.sleep(POLL)
    if log.find(entry.execution_id).status is None:
        print("the process ended before the execution did; noetl resume goes on with it", file=sys.stderr)


def _line(event: LoggedEvent) -> str:
    from .progress import WIDTH, printable

    iteration = "" if event.iteration is None else f"[{event.iteration}]"
    step = f"{event.step or 'playbook'}{iteration}"
    line = printable(f"{event.time[11:23]} {step:<20} {event.name:<18} {event.key or '':<12} {event.data}")
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
