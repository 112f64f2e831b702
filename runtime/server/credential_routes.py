"""The routes of credentials. A value goes over TLS or stays on this machine, and only ever to who must have it."""

import ipaddress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field

from noetl.compiler.ir import Json

from ..credentials import credential
from .bodies import Closed, ExecutionId, Name, json_map
from .credentials import Claim
from .refusals import NotPrivate
from .routes import told
from .services import Here, User, Worker

router = APIRouter(prefix="/api/v2")


class Keep(Closed):
    """A credential to keep; one with this name is replaced."""

    name: Name
    type: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "text"
    """As docs/credentials.md has them."""
    fields: dict[Name, Any]
    """Its values by field; a bare secret is the field `value`."""


class Open(Closed):
    """What a worker shows to have a credential: the command that it has claimed."""

    name: Name
    execution_id: ExecutionId
    number: Annotated[int, Field(ge=1, le=2**63 - 1)]
    claim: Annotated[str, Field(pattern=r"^[0-9a-f-]{1,64}$")]


def _private(request: Request) -> None:
    """NotPrivate unless nobody between here and the caller can read along."""
    host = "" if request.client is None else request.client.host
    if request.url.scheme == "https":
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        raise NotPrivate from None
    raise NotPrivate


Private = Depends(_private)


@router.post("/credentials", status_code=201, dependencies=[Private])
async def keep(body: Keep, services: Here, _: User) -> dict[str, Any]:
    """Keep a credential, sealed."""
    found = credential(body.name, {**json_map(body.fields), "type": body.type})
    return {"name": body.name, "type": found.type, "new": await services.credentials.keep(found)}


@router.get("/credentials")
async def credentials(services: Here, _: User) -> Response:
    """Names and types of the credentials that are kept, and what their fields are called."""
    return told({"credentials": [*(await services.credentials.listed())]})


@router.delete("/credentials/{name:path}")
async def remove(name: Name, services: Here, _: User) -> dict[str, str]:
    """Forget a credential."""
    await services.credentials.remove(name)
    return {"name": name}


@router.post("/credentials/open", dependencies=[Private])
async def lend(body: Open, services: Here, worker: Worker) -> Response:
    """A credential, for the worker that has claimed a command which names it."""
    claim = Claim(body.execution_id, body.number, body.claim)
    found = await services.credentials.lent(body.name, claim, worker)
    fields: Json = dict(found.fields)
    answer = told({"name": found.name, "type": found.type, "fields": fields})
    answer.headers["cache-control"] = "no-store"
    return answer
