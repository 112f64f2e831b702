"""Replies and events as the rows of a log, and back. JSON is text in which numbers and the order of keys survive."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from noetl.compiler.ir import Json

from ..commands import Reply
from ..events import Event
from ..journal import Replied
from ..ports import Outcome

_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode


def encoded(value: object) -> str:
    """The shortest JSON text of a JSON value; ASCII, so that any database takes any text."""
    return _ENCODE(value)


def decoded(text: object) -> Json:
    """The value of a JSON text."""
    value: Json = json.loads(str(text))
    return value


EventRow: TypeAlias = "tuple[str, int, str, str, str | None, str | None, int | None, str]"


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event of a log, as `noetl events` shows it."""

    execution_id: str
    position: int
    """From 1, without gaps."""
    time: str
    name: str
    step: str | None
    key: str | None
    """The run's key as text (`Key.identity`)."""
    iteration: int | None
    """The index of the iteration that it belongs to, from 0."""
    data: str
    """JSON."""

    @classmethod
    def of(cls, execution_id: str, position: int, event: Event) -> LoggedEvent:
        """The entry of an event that the engine made."""
        key = None if event.key is None else event.key.identity()
        return cls(
            execution_id, position, event.time, event.name, event.step, key, event.iteration, encoded(event.data)
        )

    @property
    def row(self) -> EventRow:
        """As a row of `noetl_event`."""
        return (
            *(self.execution_id, self.position, self.time, self.name),
            *(self.step, self.key, self.iteration, self.data),
        )

    def to_json(self) -> dict[str, Json]:
        """The line of `noetl events --json`; its shape is `schema/event`."""
        return {
            "execution": self.execution_id,
            "position": self.position,
            "time": self.time,
            "name": self.name,
            "step": self.step,
            "key": self.key,
            "iteration": self.iteration,
            "data": decoded(self.data),
        }


def outcome_row(outcome: Outcome | None) -> str | None:
    """The outcome of a reply; None for a wait."""
    return None if outcome is None else encoded(outcome.to_json())


def replied(number: object, time: object, outcome: object) -> Replied:
    """The reply of a row."""
    kept = None if outcome is None else Outcome.from_json(cast("dict[str, Json]", decoded(outcome)))
    return Replied(cast(int, number), Reply(str(time), kept))
