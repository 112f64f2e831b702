"""How long a step may wait, and what a task keeps when it leaves for a wait."""

from __future__ import annotations

import asyncio
import json
from math import inf
from typing import cast

import pytest

from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.conformance.adapters.runtime import VirtualClock
from noetl.runtime.commands import Reply
from noetl.runtime.embedded import run_part
from noetl.runtime.journal import Replied
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.starting import first_token
from noetl.targets.airflow.checkpoints import KEY, Checkpoints
from noetl.targets.airflow.waiting import WAITS, Leaving, LongWait
from noetl.targets.waits import longest_wait

TEXT = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {{name: waits}}
workflow:
  - step: start
    tool: {{kind: http, url: "http://api.invalid/"}}
    case:
      - when: "{{{{ event.name == 'call.error' }}}}"
        then: {{retry: {retry}}}
"""
INFO = ExecutionInfo("01020304-0506-4708-890a-0b0c0d0e0f10", {})


@pytest.mark.parametrize(
    ("retry", "longest"),
    [
        ("{}", 1.0),
        ("{max_attempts: 8}", 32.0),
        ("{max_attempts: 1, initial_delay: 60}", 0.0),
        ("{max_attempts: 9, initial_delay: 60, max_delay: 90}", 90.0),
        ("{max_attempts: 9, initial_delay: 60, backoff_multiplier: 0.5}", 60.0),
        ("{max_attempts: 9, initial_delay: 0}", 0.0),
        ("{max_attempts: 9999, initial_delay: 1}", inf),
        ('{max_attempts: "{{ 3 }}", initial_delay: 1}', inf),
        ('{max_attempts: "{{ 3 }}", initial_delay: 1, max_delay: 2}', 2.0),
        ('{max_attempts: "{{ 3 }}", initial_delay: 1, backoff_multiplier: 1}', 1.0),
        ('{initial_delay: "{{ 1 }}"}', inf),
        ("{url: other}", 0.0),
        ("{url: other, initial_delay: 45}", 45.0),
    ],
)
def test_the_longest_wait_of_a_step(retry: str, longest: float) -> None:
    workflow = load(TEXT.format(retry=retry), "waits.yaml", check=False)
    assert longest_wait(workflow.steps[0]) == longest


class Memory:
    """A store of task states that counts what is written."""

    def __init__(self) -> None:
        self.values: dict[str, Json] = {}
        self.written = 0

    def get(self, key: str) -> Json:
        return self.values.get(key)

    def set(self, key: str, value: Json) -> None:
        self.written += 1
        self.values[key] = value

    def clear(self) -> None:
        self.values.clear()


class Failing:
    """A tool that fails some times."""

    def __init__(self, failures: int) -> None:
        self.places: list[str] = []
        self._failures = failures

    async def call(self, request: ToolCall) -> Outcome:
        self.places.append(request.idempotency_key)
        if len(self.places) <= self._failures:
            return Outcome(error={"type": "HttpStatus", "message": "503"})
        return Outcome(response={"ok": True})

    async def close(self) -> None:
        """Nothing is open."""


class Kept:
    """A checkpoint as the runtime asks for it; the one of the operators needs Airflow."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints

    def begin(self, time: str) -> tuple[str, list[Replied]]:
        start, kept = self._checkpoints.begin(time)
        return start, [Replied(n, Reply.from_json(reply)) for n, reply in cast("list[tuple[int, Json]]", kept)]

    def replied(self, execution_id: str, replied: Replied) -> None:
        assert execution_id == INFO.execution_id
        self._checkpoints.keep([replied.number, replied.reply.to_json()])


def test_a_task_that_leaves_for_its_waits_does_what_one_does_that_stays() -> None:
    """Waits of 10, 20, 40 and 80 s, of which those from 30 s on are long; the clock stands still while nobody runs."""
    workflow = load(TEXT.format(retry="{max_attempts: 9, initial_delay: 10}"), "waits.yaml")
    token = first_token(workflow, {}, INFO, "2026-01-01T00:00:00.000000+00:00")
    clock, whole = VirtualClock(), Failing(4)
    expected = asyncio.run(run_part(workflow, ["start"], [token], [], INFO, whole, clock))
    store, tool, clock, left = Memory(), Failing(4), VirtualClock(), list[float]()
    for tries in range(9):
        checkpoints = Checkpoints(store, [token.to_json()], tries=tries, at_once=False)
        try:
            done = asyncio.run(
                run_part(
                    workflow,
                    ["start"],
                    [token],
                    [],
                    INFO,
                    tool,
                    Leaving(clock, 30, checkpoints),
                    checkpoint=Kept(checkpoints),
                )
            )
            break
        except LongWait as wait:
            checkpoints.leave()
            left.append(wait.seconds)
            asyncio.run(clock.sleep(wait.seconds))
    assert left == [40.0, 80.0]
    assert (checkpoints.waits, checkpoints.lost) == (2, 0)
    assert tool.places == whole.places
    assert len(set(tool.places)) == 5
    assert done.summary() == expected.summary()
    assert clock.now() == "2026-01-01T00:02:30.000000+00:00"  # 10 + 20 + 40 + 80 s, no wait twice
    assert len(store.values) == 8  # the start, four outcomes, and that three waits are over


def test_a_wait_goes_on_from_when_it_began() -> None:
    """A try that begins when half of a wait is over waits for the other half."""
    workflow = load(TEXT.format(retry="{max_attempts: 2, initial_delay: 100}"), "waits.yaml")
    token = first_token(workflow, {}, INFO, "2026-01-01T00:00:00.000000+00:00")
    store, tool, clock = Memory(), Failing(1), VirtualClock()
    left = []
    for slept in (60.0, 30.0, 10.0):
        checkpoints = Checkpoints(store, [token.to_json()], at_once=False)
        leaving = Leaving(clock, 5, checkpoints)
        with pytest.raises(LongWait) as found:
            asyncio.run(run_part(workflow, ["start"], [token], [], INFO, tool, leaving, checkpoint=Kept(checkpoints)))
        checkpoints.leave()
        left.append(found.value.seconds)
        asyncio.run(clock.sleep(slept))
    assert left == [100.0, 40.0, 10.0]


def test_tries_that_were_lost_are_told_from_those_that_left() -> None:
    store = Memory()
    first = Checkpoints(store, [1], tries=0)
    first.begin("t")
    first.leave()
    second = Checkpoints(store, [1], tries=1)
    second.begin("t")
    assert (second.waits, second.lost) == (1, 0)
    third = Checkpoints(store, [1], tries=2)
    third.begin("t")
    assert (third.waits, third.lost) == (1, 1)
    cleared = Checkpoints(store, [1], cleared=3, tries=0)
    assert cleared.begin("t") == ("t", [])
    assert (cleared.waits, cleared.lost) == (0, 0)


def test_replies_are_written_at_once_or_when_the_task_leaves() -> None:
    at_once, later = Memory(), Memory()
    for store in (at_once, later):
        checkpoints = Checkpoints(store, [1], at_once=store is at_once)
        checkpoints.begin("t")
        checkpoints.keep([1, {}])
    assert (at_once.written, later.written) == (2, 1)
    checkpoints.leave()
    assert json.loads(str(later.values[f"{KEY}.0"])) == [1, {}]


def test_a_task_leaves_a_bounded_number_of_times() -> None:
    store, clock = Memory(), VirtualClock()
    checkpoints = Checkpoints(store, [1])
    checkpoints.begin("t")
    for _ in range(WAITS):
        with pytest.raises(LongWait):
            asyncio.run(Leaving(clock, 30, checkpoints).sleep(31))
        checkpoints.leave()
    asyncio.run(Leaving(clock, 30, checkpoints).sleep(31))
    assert clock.monotonic() == 31
