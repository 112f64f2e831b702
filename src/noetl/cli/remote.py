"""A server as commands ask it: what it refuses is told as it tells it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noetl.errors import ExecutionError, UsageError

if TYPE_CHECKING:
    import httpx

Server = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="The server; default NOETL_SERVER_URL, or a local one.")
]


class RefusedByServer(ExecutionError):
    """The server does not do it."""


def client(server: str | None) -> httpx.Client:
    """A client for a server, with the token of `NOETL_TOKEN`."""
    import httpx

    from noetl.runtime.queue.address import server_url, trust

    token = os.environ.get("NOETL_TOKEN")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    base = f"{(server or server_url(os.environ)).rstrip('/')}/api/v2"
    return httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False, verify=trust(os.environ))


def ask(asked: httpx.Client, method: str, path: str, **given: Any) -> dict[str, Any]:
    """The answer to a request; RefusedByServer with the server's words, UsageError where it does not answer."""
    import httpx

    try:
        answer = asked.request(method, path, **given)
        told = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise UsageError(f"no server answers at {asked.base_url}: {type(error).__name__} {error}") from error
    if answer.is_success and isinstance(told, dict):
        return told
    raise RefusedByServer("\n".join(_lines(told)))


def _lines(told: object) -> list[str]:
    if not isinstance(told, dict):
        return ["the server refuses it"]
    error = told.get("error")
    lines = [str(error.get("message")) if isinstance(error, dict) else "the server refuses it"]
    if isinstance(error, dict):
        lines += [f"  {problem}" for problem in error.get("problems", [])]
    lines += [
        f"{d['path']}:{d['line']}:{d['column']}: {d['severity']}[{d['code']}] {d['message']}"
        for d in told.get("diagnostics", [])
    ]
    return lines
