"""A run of a parallel loop in pieces is the run in one piece: what comes before its iterations, these, and the rest."""

from __future__ import annotations

import asyncio
import json
from random import Random  # noqa: TID251  # a seeded order, drawn by Hypothesis

from hypothesis import event, given, settings
from hypothesis import strategies as st

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.conformance.adapters.runtime import VirtualClock
from noetl.conformance.judge import differences
from noetl.conformance.strategies import Playbook, playbooks
from noetl.runtime.commands import Reply
from noetl.runtime.engine import Execution
from noetl.runtime.events import silent
from noetl.runtime.mapping import Entered, Piece, enter, gather, iterate
from noetl.runtime.packet import Token
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.starting import first_token
from noetl.targets.airflow.layout import StepTask, lay_out
from noetl.targets.mapping import why_not
from noetl.targets.plan import plan
from noetl.targets.verify import verify

from .airflow_model import Model
from .driving import TIME, Tools, driven

INFO = ExecutionInfo("drawn", {})


class Noting:
    """Tools that note what they are asked."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.asked: list[str] = []

    async def call(self, request: ToolCall) -> Outcome:
        self.asked.append(request.idempotency_key)
        return await self._tools.call(request)

    async def close(self) -> None:
        """Nothing is open."""


def in_pieces(piece: Piece, tools: Noting, chance: Random) -> Execution:
    """The pieces, some iterations at a time and in any order; what one leaves for the next is JSON."""
    clock = VirtualClock()
    entered = asyncio.run(enter(piece, tools, clock))
    entered = Entered(entered.time, [told(reply) for reply in entered.replies], entered.length)
    found: dict[int, list[Reply]] = {}
    size = chance.randint(1, 3)
    chunks = [range(n, min(n + size, entered.length or 0)) for n in range(0, entered.length or 0, size)]
    chance.shuffle(chunks)
    for indexes in chunks:
        for lane, replies in asyncio.run(iterate(piece, entered, indexes, tools, clock)).items():
            assert lane in indexes
            found[lane] = [told(reply) for reply in replies]
    if chunks:
        event(f"{min(len(chunks), 3)} or more chunks")
    return asyncio.run(gather(piece, entered, found, tools, clock))


def told(reply: Reply) -> Reply:
    return Reply.from_json(json.loads(json.dumps(reply.to_json())))


def mapped(workflow: ir.Workflow) -> frozenset[str]:
    return frozenset(step.name for step in workflow.steps if why_not(step) is None)


@given(playbooks(loops=True, cycles=True), st.integers(0, 2**16))
@settings(deadline=None)
def test_pieces_give_the_outcome_of_the_whole(playbook: Playbook, seed: int) -> None:
    workflow = load(playbook.text, "drawn.yaml")
    made = plan(workflow, mapped=mapped(workflow))
    verify(made, workflow)
    chance, start, tools = Random(seed), first_token(workflow, {}, INFO, TIME), Noting(Tools(playbook.script))
    whole = Execution(workflow, INFO, silent)
    once = Noting(Tools(playbook.script))

    def answer(request: ToolCall) -> Outcome:
        return asyncio.run(once.call(request))

    driven(whole, whole.start({}, TIME), answer, chance.randrange)

    def run_steps(task: StepTask, tokens: list[Token], failed: set[str]) -> Execution:
        unit = task.unit
        given = [start] if not task.copy.arriving else tokens
        if unit.kind == "map":
            event("a unit is mapped")
            return in_pieces(Piece(workflow, unit.step.name, tuple(given), tuple(sorted(failed)), INFO), tools, chance)
        execution = Execution(workflow, INFO, silent, part=frozenset(step.name for step in unit.steps))
        return driven(execution, execution.start_part(given, sorted(failed), TIME), answer_here, chance.randrange)

    def answer_here(request: ToolCall) -> Outcome:
        return asyncio.run(tools.call(request))

    outcome = Model(lay_out(workflow, made), run_steps).run()
    assert differences(whole.summary(), outcome) == []
    assert sorted(tools.asked) == sorted(once.asked)
