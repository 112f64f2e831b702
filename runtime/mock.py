"""Outcomes from a file instead of tools: `noetl run --mock FILE`, and `--record FILE`, which writes such a file.

The file is YAML or JSON, `{format: 1, outcomes: [...]}`. An entry says where it counts and what the tool then answers;
the first entry that fits an attempt is taken. Its shape is `schema/outcomes`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TextIO

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noetl.compiler.ir import Json
from noetl.compiler.values import NotSerializable, to_json
from noetl.errors import UsageError

from .events import Event, Listener
from .ports import Outcome, ResultKind, ToolCall, ToolRunner

EVENT_LOG: Final = "event_log"
THROUGH: Final = frozenset({EVENT_LOG, "playbook"})
"""Kinds that need no entry: they reach nothing outside, or only by calls that are asked for in their turn."""
ANSWERS: Final = ("error", "http", "response")
"""The keys of an entry of which there is exactly one."""
_VIEWS: Final[Mapping[str, ResultKind]] = {"http": "http", "postgres": "sql", "duckdb": "sql"}
_FIRST_FAILURE: Final = 400
_Count = Annotated[int, Field(ge=1)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class HttpAnswer(_Closed):
    """An answer of an http tool; a status of 400 and more is a failed call (TOO-1)."""

    status: Annotated[int, Field(ge=100, le=599)] = 200
    headers: dict[str, str] = {}
    data: JsonValue = None
    """The body, parsed."""


class MockedOutcome(_Closed):
    """One entry. What is left out of the place fits everything; exactly one of response, error and http is given."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in ANSWERS]})

    step: str | None = None
    occurrence: _Count | None = None
    """The n-th run of the step in this process, from 1, in the order in which they begin."""
    key: str | None = None
    """The run's key as the events show it; `-` is the run of `start`."""
    iteration: Annotated[int, Field(ge=0)] | None = None
    """Of a loop step, from 0."""
    call: Annotated[int, Field(ge=0)] | None = None
    """From 1; 0 is a sink before the first call."""
    attempt: _Count | None = None
    sink: Literal[True] | str | None = None
    """True for any sink, or a sink by its event and place; an entry without it is about calls."""
    caller: str | None = None
    """The places of the calls that lead to a sub-playbook, a `/` after each; an empty text is the main playbook."""
    response: JsonValue = None
    error: dict[str, JsonValue] | None = None
    """The error of a failed call: `{type, message, ...}`."""
    http: HttpAnswer | None = None
    view: ResultKind | None = None
    """The kind of the response (VAL-2); without it that of the tool."""
    answered: JsonValue = None
    """What an http call that failed was answered: `response` beside the error (RUL-4)."""
    stdout: str = ""
    stderr: str = ""
    delay: Annotated[float, Field(ge=0, strict=False)] = 0
    """Seconds that the call takes."""

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        given = [name for name in ANSWERS if name in self.model_fields_set]
        if len(given) != 1:
            raise ValueError(f"an entry has one of error, http and response, not {' and '.join(given) or 'none'}")
        if self.error is not None and not isinstance(self.error.get("type"), str):
            raise ValueError("an error has a type, which is a text")
        return self

    def fits(self, request: ToolCall, occurrence: int) -> bool:
        """Whether the entry is about this attempt of the n-th run of its step."""
        place = request.place
        if self.sink is None if place.sink else self.sink is not None:
            return False
        return (
            self.step in (None, request.step)
            and self.occurrence in (None, occurrence)
            and self.caller in (None, request.caller)
            and self.key in (None, place.key)
            and self.iteration in (None, place.iteration)
            and self.call in (None, place.call)
            and self.attempt in (None, place.attempt)
            and (self.sink in (None, place.sink) or self.sink is True)
        )

    def outcome(self, request: ToolCall) -> Outcome:
        """What the tool answers."""
        if self.http is not None:
            return _answer(self.http, request, self.stdout)
        view = self.view or _VIEWS.get(request.kind, "plain")
        error: Json = None if self.error is None else {"message": "", **self.error}
        return Outcome(self.response, error, view, stdout=self.stdout, stderr=self.stderr, answered=self.answered)


class OutcomeFile(_Closed):
    """The whole file."""

    format: Literal[1]
    outcomes: list[MockedOutcome]


def read_outcomes(path: Path) -> OutcomeFile:
    """The outcomes of a file; UsageError that names every problem."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f'cannot read the outcomes "{path}": {reason}') from error
    try:
        return OutcomeFile.model_validate(_parsed(text))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, p['loc'])) or 'the file'}: {_said(p['msg'])}" for p in error.errors()]
        raise UsageError(f'the outcomes "{path}" do not fit: {"; ".join(problems)}') from error
    except ValueError as error:
        raise UsageError(f'the outcomes "{path}" are neither JSON nor YAML: {error}') from error


def _parsed(text: str) -> object:
    try:
        return to_json(_json_or_yaml(text))
    except RecursionError:
        raise ValueError("they nest too deep") from None
    except (YAMLError, NotSerializable) as error:
        raise ValueError(" ".join(str(error).split())) from error


def _json_or_yaml(text: str) -> object:
    """JSON is YAML too, but is read many times as fast."""
    if text.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return YAML(typ="safe").load(text)


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")


class Outcomes:
    """The entries of a file, and how many runs of each step have begun."""

    def __init__(self, file: OutcomeFile, origin: str) -> None:
        """`origin` is what the file is called in messages."""
        self.origin = origin
        self._entries = file.outcomes
        self._exact: dict[tuple[str | None, str, str], int] = {}
        self._loose: list[int] = []
        self._runs: dict[tuple[str, str], dict[str, int]] = {}
        for number, entry in enumerate(self._entries):
            place = _exact_place(entry)
            if place is None:
                self._loose.append(number)
            else:
                self._exact.setdefault(place, number)

    def listener(self, execution_id: str) -> Listener:
        """Counts the runs of an execution as they begin: where it goes on after a kill, not all of them make a call."""

        def listen(event: Event) -> None:
            if event.name == "step.enter" and event.step is not None and event.key is not None:
                self._occurrence(execution_id, event.step, event.key.identity())

        return listen

    def find(self, request: ToolCall) -> MockedOutcome | None:
        """The first entry that fits."""
        occurrence = self._occurrence(request.execution_id, request.step, request.place.key)
        places = [(caller, request.step, str(request.place)) for caller in (request.caller, None)]
        exact = min((self._exact[place] for place in places if place in self._exact), default=None)
        for number in self._loose:
            if exact is not None and number > exact:
                break
            if self._entries[number].fits(request, occurrence):
                return self._entries[number]
        return None if exact is None else self._entries[exact]

    def _occurrence(self, execution_id: str, step: str, key: str) -> int:
        runs = self._runs.setdefault((execution_id, step), {})
        return runs.setdefault(key, len(runs) + 1)


class Mocked:
    """A runner that answers from a file. What has no entry is a UsageError, or with `rest` is run by another runner."""

    def __init__(self, outcomes: Outcomes, runner: ToolRunner, *, rest: bool = False) -> None:
        self._outcomes = outcomes
        self._runner = runner
        self._rest = rest

    async def call(self, request: ToolCall) -> Outcome:
        """The outcome of the first entry that fits."""
        entry = self._outcomes.find(request)
        if entry is not None:
            if entry.delay:
                await asyncio.sleep(entry.delay)
            return entry.outcome(request)
        if self._rest or request.kind in THROUGH:
            return await self._runner.call(request)
        place = request.place
        made = f'sink "{place.sink}"' if place.sink else f"attempt {place.attempt}"
        raise UsageError(
            f'"{self._outcomes.origin}" has no outcome for step "{request.step}", key {place.key},'
            f" iteration {place.iteration}, call {place.call}, {made};"
            " add an entry, or have it run for real with --mock-rest real"
        )

    async def close(self) -> None:
        """Close the other runner."""
        await self._runner.close()


class Recording:
    """A runner that writes what another one answers into a file that `--mock` takes; complete when it is closed.

    A sub-playbook is one outcome: what its own calls were answered is not written. Where it is their tools that are
    recorded, `callers` says from where each playbook was called.
    """

    def __init__(self, runner: ToolRunner, stream: TextIO, *, callers: bool = False) -> None:
        self._runner = runner
        self._stream = stream
        self._callers = callers
        stream.write('{"format": 1, "outcomes": [')
        self._before = "\n"

    async def call(self, request: ToolCall) -> Outcome:
        """Make the call and write the outcome down."""
        outcome = await self._runner.call(request)
        if request.kind != EVENT_LOG:
            told = _entry_of(request, outcome)
            entry = json.dumps({"caller": request.caller, **told} if self._callers else told, ensure_ascii=False)
            self._stream.write(f"{self._before}{entry}")
            self._before = ",\n"
        return outcome

    async def close(self) -> None:
        """Close the other runner and finish the file."""
        await self._runner.close()
        self._stream.write("\n]}\n")


def _entry_of(request: ToolCall, outcome: Outcome) -> dict[str, Json]:
    place = request.place
    entry: dict[str, Json] = {"step": request.step, "key": place.key, "iteration": place.iteration, "call": place.call}
    entry |= {"sink": place.sink} if place.sink else {"attempt": place.attempt}
    kept = outcome.to_json()
    if outcome.error is not None:
        del kept["response"]
    if outcome.view == _VIEWS.get(request.kind, "plain"):
        kept.pop("view", None)
    elif outcome.view == "plain":
        kept["view"] = "plain"
    return {**entry, **kept}


def _exact_place(entry: MockedOutcome) -> tuple[str | None, str, str] | None:
    """Caller, step and place of an entry that says all of it, as recorded ones do: these are looked up, not tried."""
    end = entry.sink if isinstance(entry.sink, str) else entry.attempt if entry.sink is None else None
    place = (entry.key, entry.iteration, entry.call, end)
    if entry.step is None or entry.occurrence is not None or None in place:
        return None
    return entry.caller, entry.step, ":".join(map(str, place))


def _answer(given: HttpAnswer, request: ToolCall, stdout: str) -> Outcome:
    """As the tool answers (TOO-1)."""
    url = str(request.fields.get("url", ""))
    data: Json = given.data
    envelope: dict[str, Json] = {
        "status": given.status,
        "status_code": given.status,
        "headers": {name.lower(): value for name, value in given.headers.items()},
        "url": url,
        "elapsed": 0.0,
        "data": data,
        "body": data,
        "metadata": {"status_code": given.status, "url": url, "elapsed": 0.0},
    }
    if given.status < _FIRST_FAILURE:
        return Outcome(response=envelope, view="http", stdout=stdout)
    method = str(request.fields.get("method") or "GET").upper()
    error: dict[str, Json] = {
        "type": "HttpStatus",
        "message": f"{method} {url} answered {given.status} {_phrase(given.status)}".rstrip(),
        **{name: envelope[name] for name in ("status", "status_code", "headers", "body")},
    }
    return Outcome(error=error, answered=envelope, view="http", stdout=stdout)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
