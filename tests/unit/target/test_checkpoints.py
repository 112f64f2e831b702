"""A region that is killed goes on where it was: no call whose reply was kept is made again."""

from __future__ import annotations

import asyncio
import json
from random import Random  # noqa: TID251  # seeded: the same kills in every run
from typing import cast

import pytest

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.conformance.adapters.runtime import VirtualClock
from noetl.runtime.commands import Reply
from noetl.runtime.embedded import run_part
from noetl.runtime.engine import Execution
from noetl.runtime.journal import Replied
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.starting import first_token
from noetl.targets.airflow.checkpoints import KEY, Checkpoints

TEXT = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: pages}
workflow:
  - step: start
    tool: {kind: http, url: "http://api.invalid/{{ args.page | default(1) }}", params: {at: "{{ now() }}"}}
    case:
      - when: "{{ event.name == 'call.done' and response.page < 4 }}"
        then:
          collect: {from: response.page, into: pages}
          next: [{step: start, args: {page: "{{ response.page + 1 }}"}}, {step: item}]
  - step: item
    loop: {in: [1, 2, 3], iterator: i, mode: parallel}
    tool: {kind: http, url: "http://api.invalid/item"}
"""
INFO = ExecutionInfo("01020304-0506-4708-890a-0b0c0d0e0f10", {})


class Killed(Exception):
    """The worker is gone."""


class Memory:
    """A store of task states."""

    def __init__(self) -> None:
        self.values: dict[str, Json] = {}

    def get(self, key: str) -> Json:
        return self.values.get(key)

    def set(self, key: str, value: Json) -> None:
        assert value is not None
        self.values[key] = value

    def clear(self) -> None:
        self.values.clear()


class Counted:
    """A tool that counts its calls by place and dies after some of them."""

    def __init__(self, life: int) -> None:
        self.places: list[str] = []
        self._life = life

    async def call(self, request: ToolCall) -> Outcome:
        if len(self.places) == self._life:
            raise Killed
        self.places.append(str(request.place))
        page = request.fields["url"]
        assert isinstance(page, str)
        return Outcome(response={"page": int(page[-1]) if page[-1].isdigit() else 9})

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


def tried(workflow: ir.Workflow, store: Memory, tool: Counted, clock: VirtualClock) -> Execution:
    token = first_token(workflow, {}, INFO, "2026-01-01T00:00:00.000000+00:00")
    checkpoint = Kept(Checkpoints(store, [token.to_json()]))
    steps = [step.name for step in workflow.steps]
    return asyncio.run(run_part(workflow, steps, [token], [], INFO, tool, clock, checkpoint=checkpoint))


@pytest.mark.parametrize("seed", range(10))
def test_a_killed_region_goes_on(seed: int) -> None:
    chance = Random(seed)
    workflow = load(TEXT, "pages.yaml")
    whole = tried(workflow, Memory(), Counted(99), VirtualClock())
    store, made, clock = Memory(), list[str](), VirtualClock()
    for _ in range(99):
        tool = Counted(chance.randrange(1, 10))
        asyncio.run(clock.sleep(7))
        try:
            done = tried(workflow, store, tool, clock)
            break
        except Killed:
            made += tool.places
    assert len(store.values) > len({*made, *tool.places}) == 13
    keys = [json.dumps(record.key.to_json()) for record in done.records]
    assert sorted(keys) == sorted(json.dumps(record.key.to_json()) for record in whole.records)
    assert done.outcome() == whole.outcome()
    kept = len(store.values)
    Checkpoints(store, []).forget()
    assert (kept, store.values) == (14, {})


def test_what_was_kept_for_other_tokens_counts_as_nothing() -> None:
    store = Memory()
    store.values = {KEY: json.dumps({"given": "other", "time": "t0"}), f"{KEY}.0": "[1, {}]"}
    assert Checkpoints(store, [1]).begin("t1") == ("t1", [])
    assert Checkpoints(store, [1]).begin("t2") == ("t1", [])
    assert list(store.values) == [KEY]
