"""The routes below `/api/v2`. Errors are `{"error": {type, message}}`; those of a playbook come with `diagnostics`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

import noetl
from noetl.compiler.ir import Json
from noetl.diagnostics import as_json

from ..store.rows import encoded
from ..system import RandomIds
from .bodies import EventId, Execute, ExecutionId, Name, Post, Register, answered, json_map, start_payload
from .refusals import NotFound, Refused
from .services import Anyone, Here, Services, User
from .turns import New

router = APIRouter(prefix="/api/v2")
nowhere = APIRouter(prefix="/api/v2")
"""What answers last."""
Id = ExecutionId
Position = Annotated[int, Query(ge=0, le=2**62)]
Limit = Annotated[int, Query(ge=1, le=1000)]


def told(value: Json, status: int = 200) -> Response:
    """An answer in JSON, whatever numbers and texts are in it (VAL-1)."""
    return Response(encoded(value), status, media_type="application/json")


@router.get("/health")
async def health(services: Here) -> dict[str, str]:
    """Whether the server and its database answer."""
    await services.looking.alive()
    return {"status": "ok", "version": noetl.__version__}


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(services: Here, _: Anyone) -> str:
    """Counts, in the text format of Prometheus."""
    return await services.looking.gauges()


@router.post("/playbooks/register", status_code=201)
async def register(body: Register, services: Here, _: User) -> dict[str, Any]:
    """Keep a playbook; with `execution_id` it belongs to that execution, which the event `workflow.start` begins."""
    found = await services.catalog.register(body.playbook_yaml, body.path, body.execution_id)
    return {
        "path": found.playbook.path,
        "version": found.playbook.version,
        "name": found.name,
        "new": found.new,
        "execution_id": body.execution_id,
        "diagnostics": [as_json(one) for one in found.compilation.diagnostics],
    }


@router.get("/playbooks")
async def playbooks(services: Here, _: User) -> dict[str, Any]:
    """Every path with its versions."""
    return {"playbooks": await services.catalog.listed()}


@router.get("/playbooks/{path:path}")
async def playbook(
    path: Name, services: Here, _: User, version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> dict[str, Any]:
    """The text of a version, by default the latest."""
    found = await services.catalog.find(path, version)
    return {"path": found.path, "version": found.version, "playbook_yaml": found.text}


@router.post("/executions", status_code=201)
async def execute(body: Execute, services: Here, _: User) -> dict[str, Any]:
    """Begin an execution of a registered playbook: of a path, or of the one that belongs to `execution_id`."""
    identity = body.execution_id or RandomIds().execution_id()
    if body.path is None:
        playbook = await services.catalog.bound_to(identity)
    else:
        playbook = await services.catalog.find(body.path, body.version)
    env = {**services.env, **body.env}
    await services.executions.start(New(identity, playbook, start_payload(body.payload), env, body.priority))
    return {"execution_id": identity, "path": playbook.path, "version": playbook.version}


@router.get("/executions")
async def executions(
    services: Here,
    _: User,
    status: Literal["running", "completed", "failed", "cancelled"] | None = None,
    before: Position | None = None,
    limit: Limit = 50,
) -> Response:
    """Executions, the latest first; `before` takes the `sequence` of the last one for the next page."""
    return told({"executions": [*(await services.looking.executions(status, before, limit))]})


@router.get("/executions/{execution_id}")
async def execution(execution_id: Id, services: Here, _: User, runs: bool = False) -> Response:
    """An execution: status, output, error; with `runs=true` every run, as `noetl run --json` shows them."""
    return told(await services.looking.execution(execution_id, runs=runs))


@router.post("/executions/{execution_id}/cancel")
async def cancel(execution_id: Id, services: Here, _: User) -> dict[str, str]:
    """End an execution: calls under way are abandoned, nothing new starts (RUN-8)."""
    await services.executions.cancel(execution_id)
    return {"execution_id": execution_id, "status": "cancelled"}


@router.get("/executions/{execution_id}/events")
async def execution_events(
    execution_id: Id,
    request: Request,
    services: Here,
    _: User,
    after: Position = 0,
    limit: Limit = 500,
    last_event_id: Annotated[int | None, Header(ge=0, le=2**62)] = None,
) -> Response:
    """Events behind a position; where `text/event-stream` is accepted as a stream, until the execution ends."""
    found = await services.looking.events(execution_id, after, limit)
    if "text/event-stream" in request.headers.get("accept", ""):
        stream = services.looking.stream(execution_id, after if last_event_id is None else last_event_id)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})
    return told({"events": [*found]})


@router.post("/events")
async def post_event(body: Post, request: Request, services: Here) -> dict[str, Any]:
    """An event: `workflow.start` begins an execution; workers post the others.

    `accepted` is false where the event came before: it is accepted once.
    """
    begins = body.name == "workflow.start"
    caller = services.gate.admit(request.headers.get("authorization"), "user" if begins else "worker")
    accepted = await (_begin(body, services) if begins else _take(body, services, caller))
    return {"accepted": accepted, "execution_id": body.execution_id}


async def _begin(body: Post, services: Services) -> bool:
    event_id: EventId = body.event_id or body.name
    payload = start_payload(body.payload)
    return await services.executions.start_bound(body.execution_id, event_id, payload, dict(services.env))


async def _take(body: Post, services: Services, worker: str | None) -> bool:
    payload = json_map(body.payload)
    if body.name in ("call.done", "call.error"):
        given = answered(body.name, payload)
        event_id = body.event_id or f"{given.number}:{given.claim}"
        return await services.executions.answer(body.execution_id, event_id, body.name, given, worker)
    if body.step is None:
        raise MissingStep(f'event "{body.name}" names its step')
    event_id = body.event_id or RandomIds().execution_id()
    return await services.executions.log(body.execution_id, event_id, body.name, body.step, payload, worker)


class MissingStep(Refused):
    """The event names no step."""


@nowhere.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def nothing(path: str) -> None:
    """What is nowhere else."""
    raise NotFound(f'there is nothing at "/api/v2/{path}"')
