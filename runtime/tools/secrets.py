"""The `secrets` tool (TOO-7): responds with the name of a secret; its value is opened where a tool's field reads it."""

from __future__ import annotations

from typing import Final

from noetl.compiler.ir import Json
from noetl.runtime.ports import Outcome, ToolCall

from .failure import CallFailed
from .kind import Attempt, KindRunner, Place
from .vault import STORE


class Secrets:
    """Looks nothing up: a secret that is not there fails the call that needs it."""

    default_timeout: Final = None

    async def call(self, request: ToolCall, attempt: Attempt) -> Outcome:
        """`{provider, name, auth?}`, of a kind that data cannot have; CallFailed where one of them is no text."""
        attempt.start()
        named: dict[str, Json] = {"provider": STORE}
        for field in ("provider", "name", "auth"):
            value = request.fields.get(field)
            if isinstance(value, str) and value:
                named[field] = value
            elif value or field == "name":
                raise CallFailed("TypeError", f'"{field}" of a secrets tool is a name')
        return Outcome(response=named, view="secret")

    async def close(self) -> None:
        """Holds nothing."""


def make(place: Place) -> KindRunner:
    """The runner of kind `secrets`."""
    del place
    return Secrets()
