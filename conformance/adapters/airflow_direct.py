"""What costs `dag.test()` most beside the work itself, done with less: requests to the execution API, and commits.

Airflow hands each request of a task in process from thread to thread some fifteen times, and waits for the disk at each
commit of a database that nobody reads again. The routes, their checks and their statements are Airflow's own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx

_PRAGMAS: Final = ("PRAGMA synchronous = OFF", "PRAGMA journal_mode = MEMORY")


class OneThread(httpx.BaseTransport):
    """Requests to an ASGI application, each whole on one thread, which is not that of the tasks: sessions of the
    database belong to threads."""

    def __init__(self, app: Any) -> None:
        self._asgi = httpx.ASGITransport(app=app)
        self._thread = ThreadPoolExecutor(1, "execution-api")
        self._loop = asyncio.Runner()
        _without_more_threads(self._thread.submit(threading.get_ident).result())
        self._lifespan = app.router.lifespan_context(app)
        self._thread.submit(self._loop.run, self._lifespan.__aenter__()).result()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, all of it read."""
        return self._thread.submit(self._loop.run, self._asked(request)).result()

    async def _asked(self, request: httpx.Request) -> httpx.Response:
        answer = await self._asgi.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


def _without_more_threads(thread: int) -> None:
    """What the routes would hand to threads of a pool is done at once, as nothing else waits for the loop."""
    from anyio import to_thread

    pooled: Callable[..., Any] = to_thread.run_sync

    async def at_once(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if threading.get_ident() == thread:
            return function(*args)
        return await pooled(function, *args, **options)

    replace(to_thread, "run_sync", at_once)


def ask_on_one_thread() -> None:
    """Tasks in process ask the execution API by `OneThread`."""
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI

    made: list[OneThread] = []

    def transport(api: Any) -> OneThread:
        if not made:  # a process has one API
            made.append(OneThread(api.app))
        return made[0]

    replace(InProcessExecutionAPI, "transport", property(transport))


def commit_to_memory() -> None:
    """Connections to SQLite that are made from now on do not wait for the disk."""
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def connected(connection: Any, _: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(pragma)


def replace(owner: Any, name: str, new: object) -> None:
    """Put `new` in a place of Airflow; AttributeError if this version has no such place."""
    getattr(owner, name)
    setattr(owner, name, new)
