"""What a task's calls were answered, left as an XCom for the event log, where one is asked for.

The setting `log` in the section `noetl` of Airflow's configuration, or `AIRFLOW__NOETL__LOG`, names the log: a file on
a disk that all workers share, or `postgresql://...`. Without it nothing is left.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from noetl.compiler.ir import Json
    from noetl.runtime.ports import Clock, Outcome, ToolCall, ToolRunner

CALLS: Final = "noetl.calls"
"""The key of the XCom: the time at which the task's runs began, and place, time and outcome of every call."""
SECTION: Final = "noetl"
OPTION: Final = "log"


def log_place() -> str | None:
    """Where the log is; None if none is kept."""
    from airflow.configuration import conf

    found: str | None = conf.get(SECTION, OPTION, fallback=None)
    return found or None


class Heard:
    """A runner that keeps what another one answers."""

    def __init__(self, runner: ToolRunner, clock: Clock) -> None:
        self._runner = runner
        self._clock = clock
        self._began = clock.now()
        self._calls: list[Json] = []

    async def call(self, request: ToolCall) -> Outcome:
        """Make the call and keep the outcome."""
        outcome = await self._runner.call(request)
        self._calls.append([str(request.place), self._clock.now(), outcome.to_json()])
        return outcome

    async def close(self) -> None:
        """Close the other runner."""
        await self._runner.close()

    def text(self) -> str:
        """What the XCom holds."""
        return json.dumps({"began": self._began, "calls": self._calls})
