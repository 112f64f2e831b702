"""The `event_log` sink: the engine writes the event from the rendered fields, so nothing is left to do (TOO-7)."""

from __future__ import annotations

from typing import Final

from noetl.runtime.ports import Outcome, ToolCall

from .kind import KindRunner, Place, Printed


class EventLog:
    """Accepts every call; the response is null."""

    default_timeout: Final = None

    async def call(self, request: ToolCall, printed: Printed) -> Outcome:
        """The response is null."""
        del request, printed
        return Outcome()

    async def close(self) -> None:
        """Holds nothing."""


def make(place: Place) -> KindRunner:
    """The runner of kind `event_log`."""
    del place
    return EventLog()
