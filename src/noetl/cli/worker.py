"""`noetl worker`: carries out the commands of a server's queue."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noetl.errors import UsageError

if TYPE_CHECKING:
    from noetl.runtime.worker.settings import WorkerSettings

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@group.callback()
def _of() -> None:
    """Carry out the commands of a server's queue.

    \b
    Examples:
      noetl worker start
    """


@group.command()
def start(
    server: Annotated[str | None, typer.Option("--server", metavar="URL", help="The server.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The name of the pool: that of its token.")] = None,
    kinds: Annotated[
        str | None, typer.Option("--kinds", metavar="KIND,...", help="The tool kinds to run; default all.")
    ] = None,
    size: Annotated[int | None, typer.Option("--size", metavar="N", help="So many calls beside each other.")] = None,
    limits: Annotated[
        str | None, typer.Option("--limits", metavar="KIND=N,...", help="Of a kind no more than N beside each other.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where the paths of playbooks start: their scripts.")
    ] = None,
    credentials: Annotated[
        str | None, typer.Option("--credentials", metavar="FILE|URL", help="The credential store of this place.")
    ] = None,
    v2: Annotated[bool, typer.Option("--v2", help="Changes nothing: every worker is one of version 2.")] = False,
) -> None:
    """Start a worker; it listens on no port.

    The database of the queue is named by NOETL_DATABASE or POSTGRES_*; a server with a PostgreSQL of its own is found
    by its data folder (NOETL_DATA). SIGTERM lets it finish what is under way, and gives back the rest.

    \b
    Examples:
      noetl worker start
      noetl worker start --kinds http,python --size 16
      noetl worker start --name etl --limits postgres=2
    """
    from .server import needed

    del v2  # commands that were written for noetlctl say it
    needed()
    from noetl.runtime.worker.settings import read_settings

    settings = read_settings(name=name, kinds=kinds, size=size, limits=limits, folder=folder)
    asyncio.run(_work(settings, server, credentials))


async def _work(settings: WorkerSettings, server: str | None, credentials: str | None) -> None:
    from noetl.runtime.credentials import ChainedCredentials, local_credentials
    from noetl.runtime.queue.address import server_url, trust
    from noetl.runtime.queue.claims import Queue
    from noetl.runtime.queue.settings import check_zone
    from noetl.runtime.tools import ToolBox
    from noetl.runtime.worker.boxes import Boxes
    from noetl.runtime.worker.credentials import LentCredentials
    from noetl.runtime.worker.posting import Posting
    from noetl.runtime.worker.worker import Worker

    own = local_credentials(credentials, os.environ)
    url = server or server_url(os.environ)
    token = None if settings.token is None else settings.token.get_secret_value()
    identity = settings.identity()
    async with (
        Queue(_database(), identity, settings.kinds, settings.lease) as queue,
        Posting(url, token, trust(os.environ)) as posting,
    ):
        check_zone(await queue.zone(), settings.tz, "worker")
        store = ChainedCredentials(own, LentCredentials(posting))
        boxes = Boxes(settings.folder, lambda folder: ToolBox(store, folder=folder))
        worker = Worker(queue, posting, boxes, settings)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, worker.stop)
        print(f"noetl worker {identity} for {url}", flush=True)
        await worker.run()


def _database() -> str:
    from noetl.runtime.queue.address import Address, data_folder, database_address

    given = database_address(os.environ)
    if given is not None:
        return given
    folder = data_folder(os.environ)
    left = Address.read(folder)
    if left is None:
        raise UsageError(
            f'no database is named by NOETL_DATABASE or POSTGRES_HOST, and no server has the data folder "{folder}"'
        )
    if not left.worker_database:
        raise UsageError("the server has a database of its own choice: name it with NOETL_DATABASE or POSTGRES_HOST")
    return left.worker_database
