"""One playbook, one outcome: whatever the schedule, whatever is carried as JSON (CAU-4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random  # noqa: TID251  # a seeded schedule, drawn by Hypothesis

from hypothesis import given, settings
from hypothesis import strategies as st

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.conformance.strategies import Playbook, playbooks
from noetl.runtime.commands import Invoke, Reply
from noetl.runtime.embedded import silent
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.packet import Token
from noetl.runtime.scope import ExecutionInfo

TIME = "2026-01-01T00:00:00.000000+00:00"


def workflow_of(playbook: Playbook) -> ir.Workflow:
    return load(playbook.text, "drawn.yaml")


def run(playbook: Playbook, choose: Callable[[int], int], carry: bool = False) -> dict[str, Json]:
    """The summary when `choose(n)` says which of n open commands is answered next."""
    kind = Carrying if carry else Execution
    execution = kind(workflow_of(playbook), ExecutionInfo("drawn", {}), silent)
    waiting: list[Issued] = execution.start({}, TIME)
    while waiting:
        issued = waiting.pop(choose(len(waiting)))
        outcome = None
        if isinstance(issued.command, Invoke):
            outcome = playbook.script.outcome(str(issued.command.request.place))
        waiting += execution.apply(issued.number, Reply(TIME, outcome))
    assert execution.ended
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


@given(playbooks())
@settings(deadline=None)
def test_keys_are_unique_and_in_causal_order(playbook: Playbook) -> None:
    runs = run(playbook, lambda n: 0)["runs"]
    assert isinstance(runs, list)
    keys = [r["key"] for r in runs if isinstance(r, dict)]
    assert keys == sorted(keys)  # type: ignore[type-var]
    assert len({json.dumps(k) for k in keys}) == len(keys)
