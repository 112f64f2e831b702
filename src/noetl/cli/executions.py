"""`noetl executions`: the executions of a server."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .remote import Server, ask, client


def command(
    execution_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One of them; default a list.")] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="Only running, completed, failed or cancelled ones.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="So many at most.")] = 50,
    runs: Annotated[bool, typer.Option("--runs", help="With ID: every run, as noetl run --json shows them.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="With ID: cancel it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The list as JSON.")] = False,
    server: Server = None,
) -> None:
    """List executions, the latest first; show or cancel one.

    \b
    Examples:
      noetl executions
      noetl executions --status failed --json
      noetl executions 0190f6c2-1d7b-4a8e-9c0a-5b8f3a6d2e41 --runs
      noetl executions 0190f6c2-1d7b-4a8e-9c0a-5b8f3a6d2e41 --cancel
    """
    with client(server) as asked:
        if execution_id is not None:
            where = f"/executions/{execution_id}"
            told = ask(asked, "POST", f"{where}/cancel") if cancel else ask(asked, "GET", where, params={"runs": runs})
            print(json.dumps(told, indent=2))
            return
        given: dict[str, str | int] = {"limit": limit} if status is None else {"limit": limit, "status": status}
        found = ask(asked, "GET", "/executions", params=given)["executions"]
    if as_json:
        print(json.dumps(found))
        return
    for one in found:
        print(f"{one['execution_id']}\t{one['status']}\t{one['started']}\t{one['path']} version {one['version']}")
