"""One playbook, one outcome: whatever the schedule, whatever is carried as JSON (CAU-4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random  # noqa: TID251  # a seeded schedule, drawn by Hypothesis
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.conformance.strategies import Playbook, playbooks
from noetl.runtime.commands import Invoke
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.events import Event, Listener, silent
from noetl.runtime.packet import Token
from noetl.runtime.scope import ExecutionInfo

from .driving import TIME, Tools, driven, reply


def workflow_of(playbook: Playbook) -> ir.Workflow:
    return load(playbook.text, "drawn.yaml")


def run(
    playbook: Playbook, choose: Callable[[int], int], carry: bool = False, listener: Listener = silent
) -> dict[str, Json]:
    """The summary when `choose(n)` says which of n open commands is answered next."""
    kind = Carrying if carry else Execution
    execution = kind(workflow_of(playbook), ExecutionInfo("drawn", {}), listener)
    driven(execution, execution.start({}, TIME), Tools(playbook.script).answer, choose)
    summary = execution.summary()
    assert {**execution.outcome(), "runs": summary["runs"]} == summary
    return summary


class Carrying(Execution):
    """Sends every token through its JSON text before it arrives, as a target does."""

    def _arrive(self, token: Token, time: str) -> None:
        super()._arrive(Token.from_json(json.loads(json.dumps(token.to_json()))), time)


@given(playbooks(), st.integers(0, 2**16))
@settings(deadline=None)
def test_any_schedule_gives_the_same_outcome(playbook: Playbook, seed: int) -> None:
    chance = Random(seed)
    first = run(playbook, lambda n: 0)
    assert run(playbook, lambda n: n - 1) == first
    assert run(playbook, chance.randrange) == first


@given(playbooks(), st.integers(0, 2**16))
@settings(deadline=None)
def test_tokens_carried_as_json_give_the_same_outcome(playbook: Playbook, seed: int) -> None:
    assert run(playbook, Random(seed).randrange, carry=True) == run(playbook, lambda n: 0)


def told(issued: list[Issued]) -> list[tuple[int, str, object]]:
    """Open commands as they can be compared: what a request may ask for is another function each time."""
    found: list[tuple[int, str, object]] = []
    for item in sorted(issued, key=lambda item: item.number):
        command = item.command
        if isinstance(command, Invoke):
            request = command.request
            shown = (request.kind, request.fields, request.args, request.timeout, command.sink)
            found.append((item.number, str(request.place), shown))
        else:
            found.append((item.number, "wait", command.seconds))
    return found


@given(playbooks(), st.integers(0, 2**16))
@settings(deadline=None)
def test_a_snapshot_at_any_moment_changes_nothing(playbook: Playbook, seed: int) -> None:
    chance = Random(seed)
    workflow, info, answer = workflow_of(playbook), ExecutionInfo("drawn", {}), Tools(playbook.script).answer
    heard: list[Event] = []
    execution = Execution(workflow, info, heard.append, snapshots=True)
    waiting: list[Issued] = execution.start({}, TIME)
    while waiting:
        if chance.random() < 0.3:
            state = json.loads(json.dumps(execution.snapshot()))
            execution = Execution.restored(workflow, info, heard.append, state)
            assert told(execution.open_commands()) == told(waiting)
            assert execution.snapshot() == state
            waiting = execution.open_commands()
        issued = waiting.pop(chance.randrange(len(waiting)))
        waiting += execution.apply(issued.number, reply(issued, answer))
    plain: list[Event] = []
    assert execution.summary() == run(playbook, Random(seed).randrange, listener=plain.append)
    assert sorted(map(str, heard)) == sorted(map(str, plain))


@given(playbooks())
@settings(deadline=None)
def test_keys_are_unique_and_in_causal_order(playbook: Playbook) -> None:
    runs = cast("list[dict[str, list[list[int]]]]", run(playbook, lambda n: 0)["runs"])
    keys = [r["key"] for r in runs]
    assert keys == sorted(keys)
    assert len({json.dumps(k) for k in keys}) == len(keys)
