"""Replies and events as the rows of a log, and back. JSON is text in which numbers and the order of keys survive."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from noetl.compiler.ir import Json

from ..commands import Reply
from ..events import Event
from ..journal import Replied
from ..ports import Outcome
from .database import Row

_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode


def encoded(value: object) -> str:
    """The shortest JSON text of a JSON value; ASCII, so that any database takes any text."""
    return _ENCODE(value)


def decoded(text: object) -> Json:
    """The value of a JSON text."""
    value: Json = json.loads(str(text))
    return value


def decoded_map(text: object, name: str) -> dict[str, Json]:
    """The map of a JSON text in the column `name`; ValueError, which names it, if it is none."""
    try:
        value = decoded(text)
    except ValueError as error:
        raise ValueError(f"{name} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not a map")
    return value


def checked_time(text: object, name: str) -> str:
    """The time in the column `name`; ValueError, which names it, if it is none with an offset."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{name} is not a time in ISO 8601 with its offset")
    return str(text)


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

    @classmethod
    def kept(cls, row: Row) -> LoggedEvent:
        """The entry of a row; ValueError, which says what is wrong with it, if it is damaged."""
        execution_id, position, time, name, step, key, iteration, data = row
        if not isinstance(position, int) or not isinstance(iteration, int | None):
            raise ValueError("position and iteration are not both whole numbers")
        decoded_map(data, "data")
        return cls(
            str(execution_id),
            position,
            checked_time(time, "time"),
            str(name),
            None if step is None else str(step),
            None if key is None else str(key),
            iteration,
            str(data),
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
    """The reply of a row; ValueError, which says what is wrong with it, if it is damaged."""
    if not isinstance(number, int):
        raise ValueError("number is not a whole number")
    kept = None
    if outcome is not None:
        told = decoded_map(outcome, "outcome")
        if "response" not in told:
            raise ValueError("outcome has no response")
        kept = Outcome.from_json(told)
    return Replied(number, Reply(checked_time(time, "time"), kept))
