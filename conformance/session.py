"""One run of the suite from its beginning to its report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from noetl.compiler.frontend import compile_source

from .adapters import runtime
from .adapters.base import Adapter
from .case import Case
from .claims import unproven
from .conform import Claims, Judged, judge
from .coverage import Coverage
from .deviations import Deviation, expired
from .drawn import case_of, drawn
from .law import digest as law_digest
from .reports import write_case
from .results import Header, Results
from .shrink import shrink
from .suite import Level, Placed

if TYPE_CHECKING:
    from .strategies import Playbook


SHRUNK: Final = 3
"""So many failures of drawn playbooks are made smaller; that takes long."""
WIDTH: Final = 24
"""So many smaller playbooks a target that takes batches is asked at once."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    playbook: Playbook
    case: Case


@dataclass(slots=True)
class Session:
    """What is asked of a target, and what came of it so far."""

    adapter: Adapter
    cases: Sequence[Placed]
    suite: str
    """The digest of the suite that the cases are from."""
    level: Level
    seed: int
    budget: float | None = None
    """Seconds, after which nothing more is started."""
    deviations: Sequence[Deviation] = ()
    whole: bool = False
    """Whether every case of the suite is asked, so that what the target claims can be judged, too."""
    coverage: Coverage = field(default_factory=Coverage)
    _began: float = field(default_factory=time.monotonic)
    _records: list[Judged] = field(default_factory=list)
    _shrunk: int = 0

    def run(self) -> Iterator[Judged]:
        """Judge the cases; each as soon as it is judged."""
        for one in judge(self.adapter, self.cases, self.claims(), self.more_time):
            self.keep(one)
            yield one

    def draw(self, count: int, folder: Path) -> Iterator[Judged]:
        """Judge drawn playbooks; one that fails is made smaller and written into `folder` as a case."""
        group: list[_Drawn] = []
        for name, playbook in drawn(self.seed, count, self.adapter.table()):
            if not self.more_time():
                break
            case = case_of(name, playbook, self.adapter.name)
            if case is not None:
                group.append(_Drawn(playbook, case))
            if len(group) >= self.adapter.batch:
                yield from self._judge_drawn(group, folder)
                group = []
        yield from self._judge_drawn(group, folder)

    def _judge_drawn(self, group: Sequence[_Drawn], folder: Path) -> Iterator[Judged]:
        placed = [(folder / f"{one.case.id}.yaml", one.case) for one in group]
        for one, found in zip(group, judge(self.adapter, placed, self.claims()), strict=True):
            told = self._smaller(one, found) if found.verdict == "failed" else found
            if told.verdict == "failed":
                write_case(folder, told.case)
            self.keep(told)
            yield told

    def _smaller(self, one: _Drawn, found: Judged) -> Judged:
        """The same failure of a smaller playbook, while there is time."""
        if self._shrunk >= SHRUNK or not self.more_time():
            return found
        self._shrunk += 1
        claims = self.claims()

        def fails(cases: Sequence[Case]) -> list[bool]:
            placed = [(found.path, case) for case in cases]
            return [tried.verdict == "failed" for tried in judge(self.adapter, placed, claims)]

        width = min(self.adapter.batch, WIDTH)
        shrunk = shrink(one.playbook, one.case, lambda p: case_of(one.case.id, p, self.adapter.name), fails, width)
        again = next(iter(judge(self.adapter, [(found.path, shrunk.case)], claims)))
        return again if again.verdict == "failed" else found

    def keep(self, one: Judged) -> None:
        """A case that was judged belongs to the report."""
        self._records.append(one)

    def claims(self) -> Claims:
        """What the cases are judged against."""
        return Claims.of(self.adapter, tuple(self.deviations))

    def more_time(self) -> bool:
        """Whether something may still be started."""
        return self.budget is None or time.monotonic() - self._began < self.budget

    def results(self, began: str) -> Results:
        """The report."""
        claims = self.claims()
        notes = expired(claims.deviations)
        if self.whole:
            notes += unproven(self.adapter, self._records)
        header = Header(
            self.adapter.name,
            self.suite,
            law_digest(),
            self.seed,
            self.level,
            dict(self.adapter.versions()),
            sorted(claims.refuses),
            began,
            self.adapter.tier,
        )
        return Results(header, tuple(self._records), tuple(notes))

    def cover(self) -> list[str]:
        """What the reference runtime reached in the cases that were judged; they are run on it for this."""
        for one in self._records:
            if one.verdict != "not run" and one.case.expect.refused is None:
                covered(one.case, self.coverage)
        return self.coverage.lines()


def covered(case: Case, coverage: Coverage) -> set[tuple[str, int]]:
    """Run a case on the reference runtime and note what it reaches; the rules that fired."""
    workflow = compile_source(case.text(), case.path).workflow
    if workflow is None:
        return set()
    watcher = coverage.watch(workflow)
    runtime.observe(case, runtime.Watch(watcher))
    return watcher.fired


def now() -> str:
    """The time as reports have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
