"""An execution cut into parts, run one after the other, is the execution in one piece (CAU-1, CAU-4, RUN-6)."""

from __future__ import annotations

import json
from random import Random  # noqa: TID251  # a seeded schedule, drawn by Hypothesis

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.compiler.passes.components import components
from noetl.compiler.passes.facts import Facts
from noetl.compiler.passes.graph import graph
from noetl.compiler.passes.reachability import reachability
from noetl.conformance.judge import differences
from noetl.conformance.strategies import Playbook, playbooks
from noetl.runtime.engine import Execution
from noetl.runtime.events import silent
from noetl.runtime.outcome import summarise
from noetl.runtime.packet import Token
from noetl.runtime.records import RunRecord
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.starting import first_token

from .driving import TIME, Tools, driven

INFO = ExecutionInfo("drawn", {})


def parts(workflow: ir.Workflow, chance: Random) -> list[frozenset[str]]:
    """The steps cut between cycles, anywhere: no edge leads from a part to one before it."""
    facts = components(workflow, reachability(workflow, graph(workflow, Facts())))
    found: list[set[str]] = [set()]
    for group in facts.components.members:
        if found[-1] and chance.random() < 0.5:
            found.append(set())
        found[-1].update(group)
    return [frozenset(part) for part in found]


def in_parts(playbook: Playbook, workflow: ir.Workflow, chance: Random) -> dict[str, Json]:
    tokens = [first_token(workflow, {}, INFO, TIME)]
    records: list[RunRecord] = []
    failed: set[str] = set()
    for part in parts(workflow, chance):
        mine = [token for token in tokens if token.target in part]
        chance.shuffle(mine)
        execution = Execution(workflow, INFO, silent, part=part)
        waiting = execution.start_part(mine, sorted(failed), TIME)
        driven(execution, waiting, Tools(playbook.script).answer, chance.randrange)
        carried = [json.loads(json.dumps(token.to_json())) for _, token in execution.left]
        assert all(edge.source in part and edge.target not in part for edge, _ in execution.left)
        tokens = [token for token in tokens if token.target not in part] + [Token.from_json(each) for each in carried]
        records += execution.records
        failed.update(execution.failed_steps())
    assert tokens == []
    return summarise(records)


@given(playbooks(loops=True, cycles=True), st.integers(0, 2**16))
@settings(deadline=None)
def test_parts_give_the_outcome_of_the_whole(playbook: Playbook, seed: int) -> None:
    workflow = load(playbook.text, "drawn.yaml")
    whole = Execution(workflow, INFO, silent)
    driven(whole, whole.start({}, TIME), Tools(playbook.script).answer, Random(seed).randrange)
    assert differences(whole.summary(), in_parts(playbook, workflow, Random(seed))) == []


def test_a_part_has_no_snapshot() -> None:
    workflow = load(
        "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow: [{step: start}]\n", "p.yaml"
    )
    with pytest.raises(ValueError, match="begun again from its tokens"):
        Execution(workflow, INFO, silent, snapshots=True, part=frozenset({"start"})).snapshot()
