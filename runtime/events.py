"""The events of an execution's log, in the order in which the engine handled them.

| name | data |
|---|---|
| `workflow.start`, `workflow.end` | workload; status and output |
| `step.enter`, `step.exit` | args; status |
| `call.start`, `call.done`, `call.error` | call, attempt, request; call, attempt, response or error |
| `rule.fired`, `retry.exhausted` | the rule's index, of the one that fired; of one whose retry is used up (RET-4) |
| `rule.error` | the rule's index and why its `when` counts as false (TPL-4) |
| `rule.tried` | where a trace is asked for: rule, fired, what it reads, its value, kinds of results |
| `transition`, `transition.ignored` | target, args and key; the action that came too late (STP-7) |
| `retry`, `call`, `call.dropped` | the wait; the number of the call; the number of calls made (RET-5) |
| `collect.missing` | the name that collected nothing (COL-1, COL-3) |
| `sink.done`, `log`, `event_log`, `skip` | kind; text; fields; reason |
| `stdout`, `stderr` | what python code wrote |
| `loop.start`, `iteration.start` | the length; the item |
| `iteration.success`, `iteration.failed`, `iteration.skipped` | result; error; null |
| `loop.done` | the response: results and stats (LOP-5) |
| `run.success`, `run.failed`, `run.skipped` | result; error; null |
| `join.poisoned` | the step whose tokens end (RUN-6) |

Events of an iteration carry its index beside their data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from noetl.compiler.ir import Json

from .keys import Key


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log; `time` is ISO 8601 in UTC, from the clock of whoever fed the engine."""

    name: str
    time: str
    step: str | None
    key: Key | None
    data: dict[str, Json]
    iteration: int | None = None
    """The index of the iteration that it belongs to."""


Listener: TypeAlias = Callable[[Event], None]


def silent(event: Event) -> None:
    """A listener that keeps nothing."""
    del event
