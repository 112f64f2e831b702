"""Engine and spec give one outcome: two readings of the semantics that share no thought (CAU-4, CAU-5).

A pair is a playbook with what its tools answer, and a schedule of the answers. `make pairs PAIRS=100000 SEED=7` tries
more of them (`NOETL_PAIRS`, `NOETL_PAIRS_SEED`), others for every seed. With `NOETL_PAIRS_TO=DIR` one that differs is
kept in a file there, which `NOETL_PAIR=FILE` runs again.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random  # noqa: TID251  # a seeded schedule, drawn by Hypothesis
from typing import Final, Protocol

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from noetl.compiler import ir
from noetl.compiler.document import Document
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.compiler.values import MISSING, mask
from noetl.conformance.judge import differences
from noetl.conformance.spec import interpret, read
from noetl.conformance.strategies import Playbook, Script, playbooks
from noetl.runtime.commands import Invoke, Reply
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.events import silent
from noetl.runtime.library import TextLibrary
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.tools.playbook import Playbooks

TIME: Final = "2026-01-01T00:00:00.000000+00:00"
PAIRS: Final = int(os.environ.get("NOETL_PAIRS", "2000"))
EACH: Final = 20
"""So many pairs are made of each drawn playbook."""
SEED: Final = int(os.environ.get("NOETL_PAIRS_SEED", "0"))
KEPT_IN: Final = os.environ.get("NOETL_PAIRS_TO")
AGAIN: Final = os.environ.get("NOETL_PAIR")
MAIN: Final = "drawn.yaml"
SMALLEST: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow: [{step: start}]\n"
ENV: Final[Mapping[str, str]] = {}


class Answers(Protocol):
    """What tools answer, by the place of the attempt."""

    def outcome(self, place: str) -> Outcome:
        """The same outcome for the same place, always."""
        ...


@dataclass(slots=True)
class Tools:
    """Answers by script and notes what every call could see."""

    script: Answers
    chance: Random | None = None
    """Where replies come late, how late."""
    seen: dict[str, Json] = field(default_factory=dict)

    def answer(self, call: ToolCall) -> Outcome:
        """The outcome of an attempt."""
        names: dict[str, Json] = {}
        for name in sorted(call.root_names()):
            value = call.names(name)
            names[name] = "no value" if value is MISSING else mask(value)
        self.seen[f"{call.execution_id}:{call.place}:{call.kind}"] = {
            "step": call.step,
            "fields": mask(call.fields),
            "args": mask(call.args),
            "timeout": call.timeout,
            "names": names,
        }
        return self.script.outcome(str(call.place))

    def sorted(self) -> dict[str, Json]:
        """What was seen, by place."""
        return dict(sorted(self.seen.items()))

    async def call(self, request: ToolCall) -> Outcome:
        """The same, as the tools of a sub-playbook give it."""
        for _ in range(self.chance.randrange(3) if self.chance else 0):
            await asyncio.sleep(0)
        return self.answer(request)

    async def close(self) -> None:
        """Holds nothing."""


class Standing:
    """A clock that stands still."""

    virtual = True

    def now(self) -> str:
        """The time that every reply has."""
        return TIME

    def monotonic(self) -> float:
        """Always the same."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Takes no time."""


@dataclass(slots=True)
class Both:
    """A playbook and those that it may call, read once for the engine and once for the spec."""

    texts: Mapping[str, str]
    workflow: ir.Workflow
    library: TextLibrary
    documents: Mapping[str, Document]

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Both:
        """From the texts by name, the main one under `MAIN`."""
        documents = {name: read(text) for name, text in texts.items()}
        return cls(texts, load(texts[MAIN], MAIN), TextLibrary(texts), documents)

    def by_engine(self, script: Answers, schedule: int) -> dict[str, Json]:
        """The summary when open commands are answered in an order left to chance, and what the calls saw."""
        chance = Random(schedule)
        tools = Tools(script, chance)
        children = Playbooks(lambda _: tools, self.library, Standing(), folder=Path(), env=ENV)
        execution = Execution(self.workflow, ExecutionInfo("drawn", ENV), silent)
        waiting: list[Issued] = execution.start({}, TIME)
        while waiting:
            issued = waiting.pop(chance.randrange(len(waiting)))
            outcome = None
            if isinstance(issued.command, Invoke):
                request = issued.command.request
                outcome = asyncio.run(children.call(request)) if request.kind == "playbook" else tools.answer(request)
            waiting += execution.apply(issued.number, Reply(TIME, outcome))
        assert execution.ended
        return {**execution.summary(), "calls": tools.sorted()}

    def by_spec(self, script: Answers) -> dict[str, Json]:
        """The same from the spec, which has an order of its own."""
        tools = Tools(script)
        summary = interpret(self.documents, MAIN, {}, tools.answer, execution_id="drawn", env=ENV)
        return {**summary, "calls": tools.sorted()}

    def compare(self, script: Script, schedule: int) -> None:
        """Fails with the pair and all differences."""
        engine, spec = self.by_engine(script, schedule), self.by_spec(script)
        found = differences(engine, spec)
        if not found:
            return
        pair = {"texts": dict(self.texts), "script": asdict(script), "schedule": schedule}
        told = json.dumps({**pair, "engine": engine, "spec": spec}, ensure_ascii=False, indent=1)
        if KEPT_IN:
            name = f"pair-{script.seed}-{script.failing}-{schedule}.json"
            (Path(KEPT_IN) / name).write_text(told, encoding="utf-8")
        lines = "\n".join(found)
        raise AssertionError(f"{lines}\n{told}")


@seed(SEED)
@given(playbooks(loops=True, cycles=True, children=True, sql=True, wide=True), st.integers(0, 2**16))
@settings(max_examples=max(1, PAIRS // EACH), database=None, suppress_health_check=list(HealthCheck))
def test_engine_and_spec_agree(playbook: Playbook, schedule: int) -> None:
    both = Both.of({MAIN: playbook.text, **playbook.library})
    for more in range(EACH):
        both.compare(replace(playbook.script, seed=playbook.script.seed + more), schedule + more)


def test_a_kept_pair_agrees() -> None:
    """Runs the file of `NOETL_PAIR`; without one, the smallest pair."""
    if AGAIN is None:
        Both.of({MAIN: SMALLEST}).compare(Script(0, 0), 0)
        return
    pair = json.loads(Path(AGAIN).read_text(encoding="utf-8"))
    Both.of(pair["texts"]).compare(Script(**pair["script"]), pair["schedule"])
