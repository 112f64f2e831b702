"""The HTTP interface of the server, as FastAPI serves it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

import noetl
from noetl.compiler.ir import Json

from ..store.rows import encoded
from .admission import Admission, Allowance
from .catalog import Catalog
from .chores import Chores
from .credential_routes import router as credential_router
from .credentials import KeptCredentials
from .database import Database
from .executions import Executions
from .hearing import Bells
from .limits import SizeLimit
from .looking import Looking
from .refusals import Refused
from .routes import nowhere, router
from .sealing import Sealer
from .services import Services
from .settings import ServerSettings
from .tokens import Gate

_SHOWN: Final = 20
"""Problems of a request that are told."""


def build(settings: ServerSettings, address: str, sealer: Sealer, env: Mapping[str, str]) -> FastAPI:
    """The application over a migrated database; it connects when it is started.

    `sealer` has the key of the credentials; `env` is what templates may read (TPL-6).
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Database(address, settings.connections) as database:
            executions, bells = Executions(database), Bells(address)
            looking = Looking(database, bells)
            credentials = KeptCredentials(database, sealer)
            app.state.services = Services(Catalog(database), executions, looking, credentials, gate, env)
            chores = Chores(database, executions, bells, settings.kept_days)
            tasks = [asyncio.create_task(bells.run()), asyncio.create_task(chores.run())]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    gate = Gate(settings.tokens())
    api = "/api/v2"
    app = FastAPI(
        title="NoETL",
        version=noetl.__version__,
        lifespan=lifespan,
        openapi_url=f"{api}/openapi.json",
        docs_url=f"{api}/docs",
        redoc_url=None,
    )
    for part in (router, credential_router, nowhere):
        app.include_router(part)
    app.add_middleware(SizeLimit, largest=settings.largest)
    app.add_middleware(Admission, gate=gate, allowance=Allowance(settings.rate))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _unread)
    app.add_exception_handler(psycopg.OperationalError, _unavailable)
    app.add_exception_handler(psycopg.InterfaceError, _unavailable)
    app.add_exception_handler(PoolTimeout, _unavailable)
    return app


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _answer(error.to_json(), error.status, error.headers)


async def _unfit(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems: list[Json] = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()[:_SHOWN]
    ]
    told: dict[str, Json] = {"type": "BadRequest", "message": "the request does not fit", "problems": problems}
    return _answer({"error": told}, 422)


async def _unread(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer({"error": {"type": "BadRequest", "message": str(error.detail)}}, error.status_code)


async def _unavailable(_: Request, __: Exception) -> Response:
    told: dict[str, Json] = {"type": "Unavailable", "message": "the database does not answer; try again"}
    return _answer({"error": told}, 503, {"retry-after": "1"})


def _answer(body: Json, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encoded(body), status, headers, media_type="application/json")
