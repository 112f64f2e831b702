"""`noetl execute`: begin an execution on a server."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from . import FINDINGS, OK
from .inputs import read_payload
from .remote import Server, ask, client


def command(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The path of a registered playbook.")],
    payload: Annotated[
        str | None, typer.Option("--payload", metavar="FILE", help="A JSON object; - is standard input.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A value of the payload; repeatable.")
    ] = None,
    version: Annotated[int | None, typer.Option("--version", help="Default the latest.")] = None,
    execution_id: Annotated[str | None, typer.Option("--execution-id", metavar="ID", help="Default a new one.")] = None,
    priority: Annotated[int, typer.Option("--priority", help="Higher ones are claimed first.")] = 0,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its end and print it; exit code 1 if it failed.")
    ] = False,
    server: Server = None,
) -> None:
    """Begin an execution of a registered playbook; prints its id.

    \b
    Examples:
      noetl execute etl/daily
      noetl execute etl/daily --set region=eu --wait
    """
    body = {
        "path": path,
        "payload": read_payload(payload, set_ or []),
        "version": version,
        "execution_id": execution_id,
        "priority": priority,
    }
    with client(server) as asked:
        identity = ask(asked, "POST", "/executions", json=body)["execution_id"]
        if not wait:
            print(identity)
            return
        from .logs import followed

        for _ in followed(asked, identity):
            continue
        told = ask(asked, "GET", f"/executions/{identity}")
    print(json.dumps({name: told[name] for name in ("execution_id", "status", "output", "error") if name in told}))
    raise typer.Exit(OK if told["status"] == "completed" else FINDINGS)
