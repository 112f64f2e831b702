"""Engine and spec on the same playbook with the same answers of its tools."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random  # noqa: TID251  # a seeded schedule
from typing import Final

from noetl.compiler import ir
from noetl.compiler.document import Document
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.compiler.values import MISSING, mask
from noetl.conformance.spec import interpret, read
from noetl.runtime.engine import Execution
from noetl.runtime.events import silent
from noetl.runtime.library import TextLibrary
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.scope import ExecutionInfo

from .driving import TIME, Answers, Tools, driven, with_children

MAIN: Final = "drawn.yaml"
INFO: Final = ExecutionInfo("drawn", {})


class Noting(Tools):
    """Answers by script and notes what every call could see."""

    def __init__(self, script: Answers, chance: Random | None = None) -> None:
        """Where replies come late, `chance` says how late."""
        super().__init__(script)
        self._chance = chance
        self._seen: dict[str, Json] = {}

    def answer(self, request: ToolCall) -> Outcome:
        """The outcome of an attempt."""
        names: dict[str, Json] = {}
        for name in sorted(request.root_names()):
            value = request.names(name)
            names[name] = "no value" if value is MISSING else mask(value)
        self._seen[f"{request.execution_id}:{request.place}:{request.kind}"] = {
            "step": request.step,
            "fields": mask(request.fields),
            "args": mask(request.args),
            "timeout": request.timeout,
            "names": names,
        }
        return super().answer(request)

    async def call(self, request: ToolCall) -> Outcome:
        """The same, as the tools of a sub-playbook give it."""
        for _ in range(self._chance.randrange(3) if self._chance else 0):
            await asyncio.sleep(0)
        return self.answer(request)

    def seen(self) -> dict[str, Json]:
        """What was seen, by place."""
        return dict(sorted(self._seen.items()))


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

    def by_engine(
        self, script: Answers, schedule: int, info: ExecutionInfo = INFO, *, most: int | None = None
    ) -> dict[str, Json]:
        """The summary when open commands are answered in an order left to chance, and what the calls saw.

        AssertionError if there is no end after `most` of them.
        """
        chance = Random(schedule)
        tools = Noting(script, chance)
        execution = Execution(self.workflow, info, silent)
        answer = with_children(tools, self.library)
        driven(execution, execution.start({}, TIME), answer, chance.randrange, most=most)
        return {**execution.summary(), "calls": tools.seen()}

    def by_spec(self, script: Answers) -> dict[str, Json]:
        """The same from the spec, which has an order of its own."""
        tools = Noting(script)
        summary = interpret(self.documents, MAIN, {}, tools.answer, execution_id="drawn", env={})
        return {**summary, "calls": tools.seen()}
