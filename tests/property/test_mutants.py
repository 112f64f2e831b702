"""Every fault of `conformance.mutants` is seen: an engine that has it differs from the spec somewhere.

The playbooks are those of the hand-written cases, whose tools answer by script here, and drawn ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import pytest

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.case import cases_in
from noetl.conformance.conform import CASES
from noetl.conformance.judge import differences
from noetl.conformance.mutants import MUTANTS, Mutant, applied
from noetl.conformance.strategies import Script, playbooks
from noetl.runtime.scope import ExecutionInfo, Limits

from .drawing import drawn
from .driving import Answers
from .pairs import MAIN, Both
from .sharp import HEAD, SHARP

DRAWN: Final = int(os.environ.get("NOETL_MUTANT_PLAYBOOKS", "300"))
"""So many playbooks are drawn from a seed."""
SEEDS: Final = range(3)
"""A fault that shows in none of the written playbooks is looked for in those drawn from all of these."""
COMMANDS: Final = 400
"""More than any of these playbooks issues: a fault that goes on for ever is seen, too."""
INFO: Final = ExecutionInfo("drawn", {}, Limits(runs=COMMANDS))
PLAYBOOKS: Final = playbooks(loops=True, cycles=True, children=True, sql=True, wide=True)


@dataclass(frozen=True, slots=True)
class Subject:
    """A playbook, what its tools answer, and what must come of it."""

    both: Both
    script: Answers
    expected: Mapping[str, Json]

    def differs(self, schedule: int) -> bool:
        """Whether the engine, as it is now, comes to something else."""
        try:
            return bool(differences(self._run(schedule), dict(self.expected)))
        except Exception:  # a fault may show in any way
            return True

    def ends(self) -> bool:
        """Whether the engine comes to an end soon; of a long cycle the spec keeps too much."""
        try:
            summary = self._run(0)
        except AssertionError:
            return False
        error = summary.get("error")
        return not (isinstance(error, dict) and error.get("type") == "LimitExceeded")

    def _run(self, schedule: int) -> dict[str, Json]:
        return self.both.by_engine(self.script, schedule, INFO, most=COMMANDS)


def subjects_of(texts: Mapping[str, str], *scripts: Answers) -> list[Subject]:
    """A playbook with each of the scripts, and what the spec says of it, where it ends within `COMMANDS`."""
    both = Both.of(texts)
    ending = [script for script in scripts if Subject(both, script, {}).ends()]
    return [Subject(both, script, both.by_spec(script)) for script in ending]


@cache
def written_subjects() -> list[Subject]:
    """Those that are made to tell faults apart, and the cases of the suite."""
    found: list[Subject] = []
    for steps, told in SHARP.values():
        found += subjects_of({MAIN: HEAD + steps}, told)
    for _, case in cases_in(CASES):
        text, others = case.text(), dict(case.playbooks or {})
        if compile_source(text, MAIN).ok and not case.env and "RUN-7" not in case.clauses:
            found += subjects_of({**others, MAIN: text}, Script(0, 0), Script(2, 2))
    return found


@cache
def drawn_subjects(start: int) -> list[Subject]:
    """Drawn playbooks with their scripts."""
    found: list[Subject] = []
    for playbook in drawn(PLAYBOOKS, DRAWN, start):
        found += subjects_of({**playbook.library, MAIN: playbook.text}, playbook.script)
    return found


def differing(subjects: list[Subject]) -> Iterator[Subject]:
    """Those of which the engine, as it is now, makes something else."""
    return (one for number, one in enumerate(subjects) if one.differs(number))


def test_the_right_engine_differs_nowhere() -> None:
    subjects = [*written_subjects(), *drawn_subjects(SEEDS[0])]
    assert [one.both.texts[MAIN] for one in differing(subjects)] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_killed(mutant: Mutant) -> None:
    def killed(subjects: list[Subject]) -> bool:
        with applied(mutant):
            return any(differing(subjects))

    by_chance = (killed(drawn_subjects(start)) for start in SEEDS)
    assert killed(written_subjects()) or any(by_chance), f"{mutant.name} breaks {mutant.clause}"


def test_there_are_at_least_forty_and_each_has_a_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 40
