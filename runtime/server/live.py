"""Executions as a server holds them: made from what the database keeps, and kept in memory while they go on.

What is in memory is worth nothing by itself: it counts only where the database holds as many replies as it was given,
and is brought up to that from the kept replies where another server went on with the execution.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final, TypeVar

from noetl.compiler import ir
from noetl.compiler.ir import Json

from ..engine import Execution, Issued
from ..events import Event, silent
from ..journal import ExecutionStart, Kept, Replied
from ..rebuilding import workflow_of
from ..scope import ExecutionInfo
from ..tools.playbook import Watch

_Value = TypeVar("_Value")
_ENGINE: Final = ThreadPoolExecutor(1, "noetl-engine")
HELD: Final = 1_000
"""Executions that are kept in memory; of more the one that was idle longest is made again when it goes on."""


async def thought(work: Callable[[], _Value]) -> _Value:
    """What the engine comes to, on the one thread that it has: while it takes its time, requests are heard."""
    return await asyncio.get_running_loop().run_in_executor(_ENGINE, work)


class Live:
    """One execution in memory."""

    def __init__(self, start: ExecutionStart, return_step: str | None) -> None:
        """It has not begun yet."""
        self.start = start
        self.replies = 0
        """How many replies it was given."""
        self._events: list[Event] = []
        self._watch = None if return_step is None else Watch(return_step)
        info = ExecutionInfo(start.execution_id, start.env, records=False)
        self.execution = Execution(workflow(start.path, start.text), info, self._hear)

    def begin(self) -> list[Issued]:
        """RUN-1, RUN-2."""
        return self.execution.start(self.start.payload, self.start.time)

    def apply(self, replied: Replied) -> list[Issued]:
        """Go on with a reply."""
        self.replies += 1
        return self.execution.apply(replied.number, replied.reply)

    def catch_up(self, kept: Iterable[Replied]) -> None:
        """Be given replies that are in the database, so are the events that they bring up again."""
        for replied in kept:
            self.apply(replied)
        self._events.clear()

    def taken(self) -> list[Event]:
        """The events since they were asked for last."""
        events, self._events = self._events, []
        return events

    def response(self) -> Json:
        """What a parent's call is answered: the result of the step that it named, else the output (TOO-4)."""
        return self.execution.outcome()["output"] if self._watch is None else self._watch.result

    def _hear(self, event: Event) -> None:
        self._events.append(event)
        if self._watch is not None:
            self._watch(event)


class Held:
    """The executions in memory, the least recently used one goes first."""

    def __init__(self) -> None:
        self._live: OrderedDict[str, Live] = OrderedDict()

    def get(self, execution_id: str) -> Live | None:
        """The one with this id, if it is held."""
        return self._live.get(execution_id)

    def keep(self, live: Live) -> None:
        """Hold it while it goes on."""
        execution_id = live.start.execution_id
        if live.execution.ended:
            self._live.pop(execution_id, None)
            return
        self._live[execution_id] = live
        self._live.move_to_end(execution_id)
        if len(self._live) > HELD:
            self._live.popitem(last=False)

    def drop(self, execution_id: str) -> None:
        """Forget it: what it was given may not be in the database."""
        self._live.pop(execution_id, None)


@lru_cache(maxsize=256)
def workflow(path: str, text: str) -> ir.Workflow:
    """The workflow of a playbook that was accepted; UsageError where this version does not take it any more."""
    return workflow_of(ExecutionStart(path, path, text, {}, {}, ""))


def summary_of(kept: Kept, cancelled: str | None) -> dict[str, Json]:
    """The object of `noetl run --json`, all runs in it; `cancelled` is when the execution was cancelled, if it was."""
    start = kept.start
    info = ExecutionInfo(start.execution_id, start.env)
    execution = Execution(workflow(start.path, start.text), info, silent)
    execution.start(start.payload, start.time)
    for replied in kept.replies:
        execution.apply(replied.number, replied.reply)
    if cancelled is not None:
        execution.cancel(cancelled)
    return execution.summary()
