"""The `event_log` sink: the engine writes the event from the rendered fields, so nothing is left to do (TOO-7)."""

from __future__ import annotations

from typing import Final

from noetl.runtime.ports import Outcome, ToolCall

from .kind import Attempt, KindRunner, Place


class EventLog:
    """Accepts every call; the response is null."""

    default_timeout: Final = None

    async def call(self, request: ToolCall, attempt: Attempt) -> Outcome:
        """The response is null."""
        del request, attempt
        return Outcome()

    async def close(self) -> None:
        """Holds nothing."""


def make(place: Place) -> KindRunner:
    """The runner of kind `event_log`."""
    del place
    return EventLog()
