"""What clients send. Payloads are JSON of any shape and checked as such (VAL-1)."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from noetl.compiler.ir import Json
from noetl.compiler.jsonable import NotSerializable, to_json

from ..ports import Outcome
from .executions import Answered
from .refusals import Refused

ExecutionId: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
EventId: TypeAlias = Annotated[str, Field(pattern=r"^[!-~]{1,256}$")]


def _keepable(text: str) -> str:
    """Text that a database takes."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a text without NUL and lone surrogates is wanted")
    return text


Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_keepable)]
_VIEWS = frozenset({"http", "sql", "secret", "plain"})


class BadPayload(Refused):
    """The payload does not fit."""


class Closed(BaseModel):
    """A body with these fields and no others."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Register(Closed):
    """A playbook for the catalog."""

    playbook_yaml: str
    execution_id: ExecutionId | None = None
    """The execution that is to run it: it begins with the event `workflow.start`."""
    path: Name | None = None
    """The path of the file, where the playbook says none of its own."""


class Execute(Closed):
    """An execution of a registered playbook."""

    path: Name | None = None
    """Without it the execution runs the playbook that was registered for its `execution_id` last."""
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """By default the latest."""
    payload: dict[str, Any] = {}
    """Overlays the playbook's workload (RUN-1)."""
    execution_id: ExecutionId | None = None
    """By default a new one."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Commands of executions with a higher one are claimed first."""
    env: dict[Name, str] = {}
    """Values that templates read as `env.NAME`, over those that the server allows."""


class Post(Closed):
    """An event."""

    execution_id: ExecutionId
    name: Literal["workflow.start", "call.done", "call.error", "step.enter", "step.exit"]
    payload: dict[str, Any] = {}
    event_id: EventId | None = None
    """An event with this id is accepted once for its execution."""
    step: Name | None = None
    """Of `step.enter` and `step.exit`."""


def start_payload(value: dict[str, Any]) -> dict[str, Json]:
    """The payload of an execution as it was sent: one that is no JSON value fails the execution that it starts (VAL-1).

    BadPayload where it cannot even be kept.
    """
    try:
        json.dumps(value)
    except RecursionError as error:
        raise BadPayload("the payload nests too deep") from error
    return value


def json_map(value: dict[str, Any]) -> dict[str, Json]:
    """A payload as JSON; BadPayload where it holds what is no JSON value (VAL-1)."""
    try:
        found = to_json(value)
    except NotSerializable as failure:
        raise BadPayload(f"the payload: {failure}") from failure
    assert isinstance(found, dict)
    return found


def answered(name: str, payload: dict[str, Json]) -> Answered:
    """The payload of `call.done` or `call.error`: `{number, claim, outcome}`; BadPayload where it is another shape."""
    number, claim, outcome = payload.get("number"), payload.get("claim"), payload.get("outcome")
    if (
        payload.keys() - {"number", "claim", "outcome"}
        or isinstance(number, bool)
        or not isinstance(number, int)
        or not 0 < number < 2**63
        or not isinstance(claim, str)
        or not isinstance(outcome, dict)
    ):
        raise BadPayload(f'the payload of "{name}" is {{number, claim, outcome}}')
    return Answered(number, claim, _outcome(name, outcome))


def _outcome(name: str, kept: dict[str, Json]) -> Outcome:
    error = kept.get("error")
    fits = (
        "response" in kept
        and not kept.keys() - {"response", "error", "view", "stdout", "stderr", "answered"}
        and (error is None or (isinstance(error, dict) and isinstance(error.get("type"), str)))
        and kept.get("view", "plain") in _VIEWS
        and all(isinstance(kept.get(stream, ""), str) for stream in ("stdout", "stderr"))
    )
    if not fits:
        raise BadPayload("an outcome is {response, error?, view?, stdout?, stderr?, answered?}; an error has a type")
    if (name == "call.error") != (error is not None):
        raise BadPayload(f'the outcome of "{name}" has {"no error" if error is None else "an error"}')
    return Outcome.from_json(kept)
