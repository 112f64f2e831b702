"""`noetl credential`: the credentials that a server keeps."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import typer

from noetl.errors import UsageError

from . import FINDINGS, OK
from .remote import Server, ask, client

if TYPE_CHECKING:
    import httpx

    from noetl.compiler.ir import Json

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
TEST: Final = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: credential_test, path: noetl/credential_test}
workload: {name: "", type: "", url: ""}
workflow:
  - step: start
    case:
      - when: "{{ workload.type == 'postgres' }}"
        then: {next: [{step: connect}]}
      - when: "{{ workload.url }}"
        then: {next: [{step: request}]}
      - when: true
        then: {next: [{step: named}]}
  - step: connect
    tool: {kind: postgres, auth: "{{ workload.name }}", command: SELECT 1 AS one}
    case: [{when: true, then: {result: {from: "'connected'"}}}]
  - step: request
    tool: {kind: http, url: "{{ workload.url }}", auth: "{{ workload.name }}"}
    case: [{when: true, then: {result: {from: "'answered ' ~ response.status"}}}]
  - step: named
    tool: {kind: secrets, name: "{{ workload.name }}"}
    next: open
  - step: open
    tool: {kind: event_log, data: {of: "{{ named.FIELD }}"}}
    case: [{when: true, then: {result: {from: "'opened'"}}}]
"""
"""What `noetl credential test` has a worker do; `FIELD` is the one that is opened where nothing else is done."""


@group.callback()
def _of() -> None:
    """Keep credentials on a server, sealed; a worker is lent one with the command that names it.

    \b
    Examples:
      noetl credential add warehouse --type postgres < warehouse.json
      noetl credential list
      noetl credential test warehouse
    """


@group.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What playbooks call it.")],
    file: Annotated[
        str, typer.Option("--file", metavar="FILE", help="A JSON object of its fields, or one bare text; - is stdin.")
    ] = "-",
    type_: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Default the field type, else text.")
    ] = None,
    server: Server = None,
) -> None:
    """Keep a credential; one of this name is replaced. Its values are read from a file or standard input, so that they
    stand in no list of processes.

    \b
    Examples:
      noetl credential add stripe --type bearer --file stripe.txt
      echo '{"type": "postgres", "host": "db", "user": "etl", "password": "..."}' | noetl credential add warehouse
    """
    body = {"name": name, **_entry(file, type_)}
    with _private(server) as asked:
        told = ask(asked, "POST", "/credentials", json=body)
    print(f"{told['name']}: {told['type']}, {'new' if told['new'] else 'replaced'}")


@group.command("list")
def list_(
    server: Server = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List names, types and what their fields are called; no value."""
    with client(server) as asked:
        told = ask(asked, "GET", "/credentials")["credentials"]
    if as_json:
        print(json.dumps(told))
        return
    for one in told:
        print(f"{one['name']}\t{one['type']}\t{', '.join(one['fields'])}")


@group.command("test")
def try_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A credential that the server keeps.")],
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Send it to this address, as http does.")] = "",
    server: Server = None,
) -> None:
    """Have a worker open a credential: connect with it (postgres), send it (with --url), or open it.

    Exit code 1 if that fails.

    \b
    Examples:
      noetl credential test warehouse
      noetl credential test stripe --url https://api.example.com/v1/balance
    """
    from noetl.runtime.system import RandomIds

    from .logs import followed

    identity = RandomIds().execution_id()
    with client(server) as asked:
        known = {one["name"]: one for one in ask(asked, "GET", "/credentials")["credentials"]}
        if name not in known:
            raise UsageError(f'the server keeps no credential "{name}"')
        given = {"name": name, "type": known[name]["type"], "url": url}
        text = TEST.replace(".FIELD", _field(known[name]))
        ask(asked, "POST", "/playbooks/register", json={"playbook_yaml": text, "execution_id": identity})
        ask(asked, "POST", "/executions", json={"execution_id": identity, "payload": given})
        for _ in followed(asked, identity):
            continue
        told = ask(asked, "GET", f"/executions/{identity}")
    done = told["status"] == "completed"
    print(f"{name}: {told['output'] if done else told['error']['message']}")
    raise typer.Exit(OK if done else FINDINGS)


@group.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A credential that the server keeps.")],
    server: Server = None,
) -> None:
    """Forget a credential."""
    with client(server) as asked:
        ask(asked, "DELETE", f"/credentials/{quote(name, safe='')}")
    print(f"{name}: removed")


def _field(known: dict[str, Any]) -> str:
    """A field with a dot before it, if there is one that is a secret and can be written so; else nothing: all of it."""
    from noetl.runtime.tools.vault import PUBLIC_FIELDS

    secret = [str(field) for field in known["fields"] if field.lower() not in PUBLIC_FIELDS]
    return next((f".{field}" for field in secret if field.isidentifier()), "")


def _entry(file: str, type_: str | None) -> dict[str, Json]:
    """The type and fields of a credential; UsageError, which shows no value, if it cannot be read."""
    from noetl.runtime.credentials import credential

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f'the credential cannot be read from "{file}"') from error
    try:
        entry: Json = json.loads(text) if text.lstrip().startswith("{") else text.strip("\r\n")
    except ValueError as error:
        raise UsageError("the credential begins like a JSON object and is none") from error
    found = credential("given", entry)
    fields: Json = dict(found.fields)
    return {"type": type_ or found.type, "fields": fields}


def _private(server: str | None) -> httpx.Client:
    from noetl.runtime.queue.address import is_private

    asked = client(server)
    if not is_private(str(asked.base_url)):
        asked.close()
        raise UsageError(f"credentials are sent over TLS or to this machine, not to {asked.base_url}")
    return asked
