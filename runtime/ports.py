"""What the runtime needs from outside, as data and protocols: tools, time, identity, credentials.

The engine makes a `ToolCall` and reads an `Outcome`; whoever drives it supplies the rest. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias, cast, runtime_checkable

from noetl.compiler.ir import Json
from noetl.errors import ExecutionError

ResultKind: TypeAlias = Literal["http", "sql", "secret", "plain"]
"""The kind that a result keeps beside its JSON (VAL-2)."""


@dataclass(frozen=True, slots=True)
class CallPlace:
    """Where in an execution an attempt is made. As text it is the idempotency key without the execution (TOO-10)."""

    key: str
    """The run's key, as `Key.identity` gives it."""
    iteration: int
    """The iteration's index, from 0; 0 without a loop; after the last iteration the loop's length (CAU-3)."""
    call: int
    """From 1; 0 before the first call of the run (of the iteration)."""
    attempt: int = 0
    """From 1; 0 for a sink."""
    sink: str = ""
    """A sink's event and its place in the step, such as `call.done:rule0.1`; empty for a call."""

    def __str__(self) -> str:
        return f"{self.key}:{self.iteration}:{self.call}:{self.sink or self.attempt}"


NOWHERE: Final = CallPlace("-", 0, 0)
"""The place of a request that is not issued yet."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One attempt of a call, or a sink, with everything rendered."""

    kind: str
    fields: Mapping[str, object]
    """The tool's fields without `args` and `timeout`, names normalised (DOC-11); may hold `SecretRef`, `SecretText`."""
    args: Mapping[str, object]
    """The args as STP-4 merges them; may hold secrets like `fields`."""
    names: Callable[[str], object]
    """Any name of TPL-7 as plain JSON, or `MISSING`: what python code may ask for (TOO-3)."""
    root_names: Callable[[], Iterable[str]]
    """All names that are bound: what `context` holds (TOO-3)."""
    step: str
    execution_id: str
    place: CallPlace
    timeout: float | None = None
    """Seconds for this attempt (TOO-9); None leaves it to the kind."""
    caller: str = ""
    """In a sub-playbook: the places of the calls that lead there from the main execution, a `/` after each."""

    @property
    def where(self) -> str:
        """The place among all executions of a run of the main playbook; in the main one itself `str(place)`."""
        return f"{self.caller}{self.place}"

    @property
    def idempotency_key(self) -> str:
        """TOO-10."""
        return f"{self.execution_id}:{self.place}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to: it failed where `error` is not None, else `response` is its answer."""

    response: Json = None
    error: Json | None = None
    """`{type, message, ...}` (TOO-1, TOO-3, TOO-12)."""
    view: ResultKind = "plain"
    """The kind of `response` and of `answered`."""
    stdout: str = ""
    """What python code printed; bounded, never part of a result."""
    stderr: str = ""
    """What it wrote to its standard error, likewise."""
    answered: Json | None = None
    """The envelope of an http call that failed but was answered: bound as `response` beside the error (RUL-4)."""

    def to_json(self) -> dict[str, Json]:
        """As JSON; what is as usual is left out."""
        kept: dict[str, Json] = {"response": self.response}
        usual = Outcome()
        for name in ("error", "view", "stdout", "stderr", "answered"):
            if (value := getattr(self, name)) != getattr(usual, name):
                kept[name] = value
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Json]) -> Outcome:
        """The outcome written by `to_json`."""
        return cls(
            response=kept["response"],
            error=kept.get("error"),
            view=cast(ResultKind, kept.get("view", "plain")),
            stdout=str(kept.get("stdout", "")),
            stderr=str(kept.get("stderr", "")),
            answered=kept.get("answered"),
        )


class ToolRunner(Protocol):
    """Runs tools. One runner belongs to one event loop."""

    async def call(self, request: ToolCall) -> Outcome:
        """Make one attempt. Every failure of the tool is an `Outcome`; cancelling abandons the attempt (RUN-8)."""
        ...

    async def close(self) -> None:
        """Give back connections and processes; the runner is not used afterwards."""
        ...


class Clock(Protocol):
    """Where time comes from."""

    @property
    def virtual(self) -> bool:
        """Whether sleeping takes no time, so that calls under way come before any wait."""
        ...

    def now(self) -> str:
        """The time as ISO 8601 in UTC with microseconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when at least so many seconds have gone by."""
        ...


class IdSource(Protocol):
    """Where identity comes from."""

    def execution_id(self) -> str:
        """A new id that no other execution has."""
        ...


class CredentialMissing(ExecutionError):
    """The credential is not in any store of this place."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A named credential. Its `repr` shows no field."""

    name: str
    type: str
    """Such as `bearer`, `basic`, `api_key`, `postgres`; `text` for one that is a bare secret."""
    fields: Mapping[str, Json] = field(repr=False)


class Credentials(Protocol):
    """The credential store of the place where tools run (TOO-6)."""

    def get(self, name: str) -> Credential:
        """The credential called `name`; CredentialMissing, which names it, if there is none."""
        ...


@runtime_checkable
class FarCredentials(Credentials, Protocol):
    """A store whose answers take time: they are fetched before they are asked for."""

    async def fetch(self, name: str) -> None:
        """Have the credential called `name` ready for `get`; CredentialMissing if it cannot be had."""
        ...
