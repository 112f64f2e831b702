"""The engine beside what one would write without it; what grows with a loop or cycle grows with its length."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from collections.abc import Callable

from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.conformance.adapters.runtime import VirtualClock
from noetl.runtime.commands import Reply
from noetl.runtime.embedded import execute
from noetl.runtime.engine import Execution
from noetl.runtime.events import Event, Listener, silent
from noetl.runtime.ports import Clock, Outcome, ToolCall
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import SystemClock

from .measure import call_seconds, ratio

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: bench}\nworkflow:\n"
LOOP = """
- step: start
  loop: {in: "{{ workload.items }}", iterator: i, MODE}
  tool: {kind: python, code: "result = 1", args: {i: "{{ i }}"}}
  case:
  - when: "{{ event.name == 'call.done' and response.v == 1 }}"
    then: {collect: {from: "{{ i }}", into: rows, mode: append}}
"""
CYCLE = """
- step: start
  case:
  - when: "{{ event.name == 'step.enter' }}"
    then: {set: {n: 0}}
  next: work
- step: work
  tool: {kind: python, code: "result = 1"}
  case:
  - when: "{{ event.name == 'call.done' and ctx.n < workload.rounds }}"
    then: {set: {n: "{{ ctx.n + 1 }}"}, collect: {from: "{{ ctx.n }}", into: rows}, next: work}
  next: end
- step: end
"""
SLEEPING = """
- step: start
  loop: {in: "{{ workload.items }}", iterator: i, mode: parallel, max_in_flight: 100}
  tool: {kind: python, code: "result = 1", args: {i: "{{ i }}"}}
"""


class Stub:
    """Answers every call at once, or after some seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    async def call(self, request: ToolCall) -> Outcome:
        if self._seconds:
            await asyncio.sleep(self._seconds)
        return Outcome(response={"v": 1})

    async def close(self) -> None:
        """Holds nothing."""


def run(steps: str, workload: dict[str, Json], stub: Stub, clock: Clock) -> Execution:
    workflow = load(HEAD + steps, "bench.yaml")
    info = ExecutionInfo("bench", {}, records=False)
    execution = asyncio.run(execute(workflow, workload, info, stub, clock))
    assert execution.outcome()["status"] == "completed"
    return execution


def loop(length: int, mode: str) -> Callable[[], float]:
    items: list[Json] = list(range(length))
    steps = LOOP.replace("MODE", f"mode: {mode}")
    return lambda: call_seconds(lambda: run(steps, {"items": items}, Stub(), VirtualClock()))


def cycle(rounds: int) -> Callable[[], float]:
    return lambda: call_seconds(lambda: run(CYCLE, {"rounds": rounds}, Stub(), VirtualClock()))


def test_iterations_take_linear_time() -> None:
    for mode in ("sequential", "parallel"):
        found = ratio(f"100,000 {mode} iterations beside 10,000", loop(100_000, mode), loop(10_000, mode), 12, runs=1)
        assert found <= 12


def test_a_cycle_takes_linear_time() -> None:
    assert ratio("a cycle of 10,000 rounds beside 1,000", cycle(10_000), cycle(1_000), 12, runs=3) <= 12


def test_memory_is_that_of_the_results_and_the_store() -> None:
    def peak(length: int) -> int:
        items: list[Json] = [1] * length
        tracemalloc.start()
        run(SLEEPING, {"items": items}, Stub(), VirtualClock())
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    short, long = 2_000, 20_000
    peak(short)
    grown = (peak(long) - peak(short)) / (long - short)
    kept = 8 + 8 + 200  # the item and the result in their lists, and the response itself
    print(f"\nmemory of one more iteration at the peak: {grown:.0f} bytes (at most {2 * kept})")
    assert grown <= 2 * kept


def test_parallel_iterations_beside_plain_asyncio() -> None:
    items: list[Json] = list(range(10_000))

    async def plain() -> list[Json]:
        gate = asyncio.Semaphore(100)

        async def one(item: Json) -> Json:
            async with gate:
                await asyncio.sleep(0.01)
                return {"v": item}

        return await asyncio.gather(*(one(item) for item in items))

    def wall(call: Callable[[], object]) -> Callable[[], float]:
        def measured() -> float:
            begun = time.perf_counter()
            call()
            return time.perf_counter() - begun

        return measured

    ours = wall(lambda: run(SLEEPING, {"items": items}, Stub(0.01), SystemClock()))
    found = ratio(
        "10,000 iterations that wait 10 ms, 100 at a time", ours, wall(lambda: asyncio.run(plain())), 3, runs=3
    )
    assert found <= 3


def test_transitions_beside_writing_their_events() -> None:
    events: list[Event] = []
    workflow = load(HEAD + CYCLE, "bench.yaml")
    rounds = 2_000

    def drive(listener: Listener = silent) -> None:
        execution = Execution(workflow, ExecutionInfo("bench", {}, records=False), listener)
        waiting = execution.start({"rounds": rounds}, "2026-01-01T00:00:00.000000+00:00")
        while waiting:
            reply = Reply("2026-01-01T00:00:00.000000+00:00", Outcome(response={"v": 1}))
            waiting = execution.apply(waiting[0].number, reply)

    drive(events.append)

    def write() -> None:
        for event in events:
            json.dumps({"name": event.name, "time": event.time, "step": event.step, "data": event.data})

    found = ratio(
        "engine beside json.dumps of its events", lambda: call_seconds(drive), lambda: call_seconds(write), 12
    )
    print(f"{rounds / call_seconds(drive):,.0f} transitions a second, {len(events) / rounds:.0f} events each")
    assert found <= 12
