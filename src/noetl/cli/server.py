"""`noetl server`: the server of the event-driven runtime."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from noetl.errors import UsageError

from . import FINDINGS, OK

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
READY: Final = 120.0
"""Seconds that a server in the background has to answer."""
STOPPED: Final = 60.0
"""Seconds that a server has to end."""
Data = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="The data folder; default .noetl/server.")]


@group.callback()
def _of() -> None:
    """Run the server that owns the queue; workers carry commands out.

    \b
    Examples:
      noetl server start
      noetl server status
      noetl server stop
    """


@group.command()
def start(
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="The port; 0 takes a free one; default 8000.")] = None,
    data: Data = None,
    background: Annotated[bool, typer.Option("--background", help="Return as soon as it answers.")] = False,
) -> None:
    """Start the server.

    Without a database named by NOETL_DATABASE or POSTGRES_HOST it brings a PostgreSQL of its own, in the data folder.
    Without tokens it listens on this machine only.

    \b
    Examples:
      noetl server start
      noetl server start --port 8080 --background
      NOETL_DATABASE=postgresql://noetl@db/noetl noetl server start
    """
    from noetl.runtime.queue.address import Address

    if background:
        given = [("--host", host), ("--port", port), ("--data", data)]
        _in_background([str(part) for name, value in given if value is not None for part in (name, value)], data)
        raise typer.Exit(OK)
    needed()
    from noetl.runtime.server.process import serve
    from noetl.runtime.server.settings import read_settings

    def ready(address: Address) -> None:
        print(f"noetl server at {address.url}", flush=True)

    serve(read_settings(host=host, port=port, data=data), os.environ, ready)


@group.command()
def stop(data: Data = None) -> None:
    """Stop the server of a data folder, and its own PostgreSQL."""
    from noetl.runtime.queue.address import Address, ended, is_alive

    folder = _folder(data)
    address = Address.read(folder)
    if address is None or not is_alive(address.pid):
        from noetl.runtime.queue.address import is_left

        if is_left(folder):
            needed()
            from noetl.runtime.server.embedded_postgres import stop_left

            stop_left(folder)
            print("no server runs; stopped the PostgreSQL that one had left")
        else:
            print(f"no server runs for {folder}")
        Address.remove(folder)
        raise typer.Exit(OK)
    if not ended(address, STOPPED):
        raise UsageError(f"the server with process {address.pid} did not end within {STOPPED:g} s")
    print("stopped")


@group.command()
def status(data: Data = None) -> None:
    """Say whether the server of a data folder answers. Exit code 1 if it does not."""
    import httpx

    from noetl.runtime.queue.address import server_url, trust

    url = server_url({**os.environ, "NOETL_DATA": str(_folder(data))})
    try:
        answer = httpx.get(f"{url}/api/v2/health", timeout=10, trust_env=False, verify=trust(os.environ))
        told = answer.json()
        healthy = answer.is_success
    except (httpx.HTTPError, ValueError):
        told, healthy = {"status": "no answer"}, False
    print(f"{url}: {told.get('status', 'not well')}")
    raise typer.Exit(OK if healthy else FINDINGS)


def needed() -> None:
    """UsageError where the extra `server` is not installed."""
    try:
        import cryptography  # noqa: F401
        import fastapi  # noqa: F401
        import psycopg_pool  # noqa: F401
        import pydantic_settings  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(f'"{error.name}" is missing: install noetl[server]') from None


def _folder(data: Path | None) -> Path:
    from noetl.runtime.queue.address import data_folder

    return data_folder(os.environ) if data is None else data


def _in_background(arguments: list[str], data: Path | None) -> None:
    folder = _folder(data)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "noetl", "server", "start", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    from noetl.runtime.queue.address import Address

    end = time.monotonic() + READY
    while time.monotonic() < end:
        address = Address.read(folder)
        if address is not None and address.pid == process.pid:
            print(f"noetl server at {address.url}, process {address.pid}")
            return
        if process.poll() is not None:
            lines = log.read_text("utf-8", "replace").splitlines()
            raise UsageError(f"the server did not start: {lines[-1] if lines else 'see ' + str(log)}")
        time.sleep(0.05)
    raise UsageError(f"the server did not answer within {READY:g} s; see {log}")
