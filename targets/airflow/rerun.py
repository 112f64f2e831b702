"""An execution whose parts ran in several tasks, made again as one in the event log."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.runtime.commands import Invoke, Reply
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.journal import ExecutionStart, Journal, Replied
from noetl.runtime.ports import Outcome
from noetl.runtime.scope import ExecutionInfo


def rerun(
    journal: Journal,
    start: ExecutionStart,
    calls: Mapping[str, tuple[str, Mapping[str, Json]]],
    outcome: Mapping[str, Json],
) -> None:
    """Keep an execution with its replies and its events; `calls` has time and outcome of each call by its place.

    What no reply is known of is left open, as in a task that was killed. `outcome` is what the execution came to.
    """
    journal.open(start)
    workflow: ir.Workflow = load(start.text, start.path, check=False)
    info = ExecutionInfo(start.execution_id, start.env, records=False)
    execution = Execution(workflow, info, journal.listener(start.execution_id))
    now = start.time
    due: list[tuple[str, int, Mapping[str, Json] | None]] = []

    def expect(issued: Iterable[Issued]) -> None:
        for one in issued:
            if not isinstance(one.command, Invoke):
                heapq.heappush(due, (_later(now, one.command.seconds), one.number, None))
            elif (known := calls.get(str(one.command.request.place))) is not None:
                heapq.heappush(due, (known[0], one.number, known[1]))

    expect(execution.start(start.payload, start.time))
    while due:
        time, number, kept = heapq.heappop(due)
        now = max(now, time)
        reply = Reply(now, None if kept is None else Outcome.from_json(kept))
        journal.replied(start.execution_id, Replied(number, reply))
        expect(execution.apply(number, reply))
    journal.ended(start.execution_id, outcome, now)


def _later(time: str, seconds: float) -> str:
    return (datetime.fromisoformat(time) + timedelta(seconds=seconds)).isoformat(timespec="microseconds")
