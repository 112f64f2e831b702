"""Every fault of `conformance.mutants` is seen: an engine that has it differs from the spec somewhere.

The playbooks are those of the hand-written cases, whose tools answer by script here, and drawn ones.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random  # noqa: TID251  # a seeded schedule
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.case import cases_in
from noetl.conformance.conform import CASES
from noetl.conformance.judge import differences
from noetl.conformance.mutants import MUTANTS, Mutant, applied
from noetl.conformance.strategies import Playbook, Script, playbooks
from noetl.runtime.commands import Invoke, Reply
from noetl.runtime.engine import Execution
from noetl.runtime.events import silent
from noetl.runtime.scope import ExecutionInfo, Limits
from noetl.runtime.tools.playbook import Playbooks

from .sharp import HEAD, SHARP
from .test_engine_and_spec import ENV, MAIN, TIME, Answers, Both, Standing, Tools

DRAWN: Final = int(os.environ.get("NOETL_MUTANT_PLAYBOOKS", "300"))
COMMANDS: Final = 400
"""More than any of these playbooks issues: a fault that goes on for ever is seen, too."""
INFO: Final = ExecutionInfo("drawn", ENV, Limits(runs=COMMANDS))


@dataclass(frozen=True, slots=True)
class Subject:
    """A playbook, what its tools answer, and what must come of it."""

    both: Both
    script: Answers
    expected: Mapping[str, Json]

    def differs(self, schedule: int) -> bool:
        """Whether the engine, as it is now, comes to something else."""
        try:
            return bool(differences(self._run(Random(schedule)), dict(self.expected)))
        except Exception:  # a fault may show in any way
            return True

    def ends(self) -> bool:
        """Whether the engine comes to an end soon; of a long cycle the spec keeps too much."""
        try:
            summary = self._run(Random(0))
        except AssertionError:
            return False
        error = summary.get("error")
        return not (isinstance(error, dict) and error.get("type") == "LimitExceeded")

    def _run(self, chance: Random) -> dict[str, Json]:
        tools = Tools(self.script, chance)
        children = Playbooks(lambda _: tools, self.both.library, Standing(), folder=Path(), env=ENV)
        execution = Execution(self.both.workflow, INFO, silent)
        waiting = execution.start({}, TIME)
        for _ in range(COMMANDS):
            if not waiting:
                return {**execution.summary(), "calls": tools.sorted()}
            issued = waiting.pop(chance.randrange(len(waiting)))
            outcome = None
            if isinstance(issued.command, Invoke):
                request = issued.command.request
                outcome = asyncio.run(children.call(request)) if request.kind == "playbook" else tools.answer(request)
            waiting += execution.apply(issued.number, Reply(TIME, outcome))
        raise AssertionError("no end")


def subjects_of(texts: Mapping[str, str], *scripts: Answers) -> list[Subject]:
    """A playbook with each of the scripts, and what the spec says of it, where it ends within `COMMANDS`."""
    both = Both.of(texts)
    ending = [script for script in scripts if Subject(both, script, {}).ends()]
    return [Subject(both, script, both.by_spec(script)) for script in ending]


@lru_cache(1)
def subjects() -> tuple[Subject, ...]:
    """All of them, made once: written ones first, which are made to tell faults apart."""
    found: list[Subject] = []
    for steps, told in SHARP.values():
        found += subjects_of({MAIN: HEAD + steps}, told)
    for _, case in cases_in(CASES):
        text, others = case.text(), dict(case.playbooks or {})
        if compile_source(text, MAIN).ok and not case.env and "RUN-7" not in case.clauses:
            found += subjects_of({**others, MAIN: text}, Script(0, 0), Script(2, 2))

    @seed(0)
    @given(playbooks(loops=True, cycles=True, children=True, sql=True, wide=True))
    @settings(
        max_examples=DRAWN,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def draw(playbook: Playbook) -> None:
        found.extend(subjects_of({**playbook.library, MAIN: playbook.text}, playbook.script))

    draw()
    return tuple(found)


def test_the_right_engine_differs_nowhere() -> None:
    wrong = [one.both.texts[MAIN] for number, one in enumerate(subjects()) if one.differs(number)]
    assert wrong == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_killed(mutant: Mutant) -> None:
    with applied(mutant):
        assert any(one.differs(number) for number, one in enumerate(subjects())), (
            f"{mutant.name} breaks {mutant.clause}"
        )


def test_there_are_at_least_forty_and_each_has_a_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 40
