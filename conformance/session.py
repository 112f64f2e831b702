"""One run of the suite from its beginning to its report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from noetl.compiler.frontend import compile_source

from .adapters import runtime
from .adapters.base import Adapter
from .case import Case
from .claims import unproven
from .conform import Claims, Judged, judge
from .coverage import Coverage
from .deviations import Deviation, expired
from .law import digest as law_digest
from .results import Header, Results
from .suite import Level, Placed


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

    def run(self) -> Iterator[Judged]:
        """Judge the cases; each as soon as it is judged."""
        for one in judge(self.adapter, self.cases, self.claims(), self.more_time):
            self.keep(one)
            yield one

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


def placed(folder: Path) -> Callable[[Judged], str | None]:
    """How the file of a case is shown: nothing for one that lies in `folder`, since its id is enough."""
    return lambda one: None if one.path.is_relative_to(folder) else str(one.path)
