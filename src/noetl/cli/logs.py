"""`noetl logs`: the events of an execution of a server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .remote import Server, ask, client

if TYPE_CHECKING:
    import httpx

PAGE: Final = 500
AGAIN: Final = 1.0
"""Seconds until a stream that broke off is asked for again."""
TRIES: Final = 5
"""So many streams in a row may bring nothing before that is an error."""


def command(
    execution_id: Annotated[str, typer.Argument(metavar="ID", help="The execution.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the execution has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, as noetl events --json.")] = False,
    server: Server = None,
) -> None:
    """Print the events of an execution.

    \b
    Examples:
      noetl logs exec-123
      noetl logs exec-123 --follow --json
    """
    with client(server) as asked:
        for event in followed(asked, execution_id) if follow else _kept(asked, execution_id):
            print(json.dumps(event) if as_json else _line(event), flush=follow)


def followed(asked: httpx.Client, execution_id: str) -> Iterator[dict[str, Any]]:
    """All events, as they come, until the execution has ended; a stream that breaks off is taken up where it was."""
    import httpx

    after, idle = 0, 0
    where = f"/executions/{execution_id}/events"
    while idle < TRIES:
        ask(asked, "GET", where, params={"after": after, "limit": 1})
        idle += 1
        try:
            headers = {"accept": "text/event-stream"}
            with asked.stream("GET", where, params={"after": after}, headers=headers) as answer:
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        event: dict[str, Any] = json.loads(line.removeprefix("data: "))
                        after, idle = int(event["position"]), 0
                        yield event
        except httpx.HTTPError:
            time.sleep(AGAIN)
        if ask(asked, "GET", f"/executions/{execution_id}")["status"] != "running":
            yield from _kept(asked, execution_id, after)
            return


def _kept(asked: httpx.Client, execution_id: str, after: int = 0) -> Iterator[dict[str, Any]]:
    while True:
        params = {"after": after, "limit": PAGE}
        found = ask(asked, "GET", f"/executions/{execution_id}/events", params=params)["events"]
        if not found:
            return
        yield from found
        after = found[-1]["position"]


def _line(event: dict[str, Any]) -> str:
    place = " ".join(str(event[part]) for part in ("step", "key") if event[part] is not None)
    told = json.dumps(event["data"])
    return f"{event['time']} {event['name']} {place} {told if len(told) <= 200 else told[:200] + '...'}"
