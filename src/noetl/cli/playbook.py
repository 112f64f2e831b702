"""`noetl playbook`: the catalog of a server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from noetl.errors import UsageError

from .remote import Server, ask, client

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@group.callback()
def _of() -> None:
    """Register and show the playbooks of a server.

    \b
    Examples:
      noetl playbook register etl/daily.yaml
      noetl playbook list
      noetl playbook show etl/daily
    """


@group.command()
def register(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The playbook; - is standard input.")],
    path: Annotated[
        str | None, typer.Option("--path", help="Its path where it has no metadata.path; default the file's name.")
    ] = None,
    execution_id: Annotated[
        str | None, typer.Option("--execution-id", metavar="ID", help="The execution that it belongs to.")
    ] = None,
    server: Server = None,
) -> None:
    """Register a playbook as the latest version of its path.

    \b
    Examples:
      noetl playbook register etl/daily.yaml
      noetl playbook register daily.yaml --path etl/daily
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f'cannot read the playbook "{file}": {error}') from error
    body = {"playbook_yaml": text, "path": path or (None if file == "-" else file), "execution_id": execution_id}
    with client(server) as asked:
        told = ask(asked, "POST", "/playbooks/register", json=body)
    print(f"{told['path']} version {told['version']}{'' if told['new'] else ' (no change)'}")


@group.command("list")
def list_(
    server: Server = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List every path with its versions."""
    with client(server) as asked:
        told = ask(asked, "GET", "/playbooks")["playbooks"]
    if as_json:
        print(json.dumps(told))
        return
    for one in told:
        print(f"{one['path']}\t{one['name']}\tversion {one['latest']}")


@group.command()
def show(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The path in the catalog.")],
    version: Annotated[int | None, typer.Option("--version", help="Default the latest.")] = None,
    server: Server = None,
) -> None:
    """Print the text of a registered playbook."""
    with client(server) as asked:
        told = ask(asked, "GET", f"/playbooks/{path}", params={} if version is None else {"version": version})
    print(told["playbook_yaml"], end="")
