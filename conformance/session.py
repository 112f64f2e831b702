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
from .adapters.base import TIERS, Adapter
from .case import Case
from .claims import contradicted, rows_of
from .conform import Claims, Judged, judge
from .coverage import Coverage
from .deviations import Deviation, expired
from .drawn import case_of, drawn
from .header import Header
from .law import digest as law_digest
from .reports import write_case
from .results import Record, Results, Writer
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
    """What is asked of a target, and what came of it so far. Of a case that was judged little is kept."""

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
    coverage: Coverage | None = None
    """Where to note what the reference runtime reaches in the cases; they are run on it for this."""
    left: list[str] = field(default_factory=list)
    """What is not asked at all, and why."""
    header: Header = field(init=False)
    records: list[Record] = field(default_factory=list)
    """Of what was judged so far."""
    _claims: Claims = field(init=False)
    _writer: Writer | None = None
    _contradicted: dict[str, None] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _shrunk: int = 0

    def __post_init__(self) -> None:
        self._claims = Claims.of(self.adapter, tuple(self.deviations))
        self.header = Header(
            self.adapter.name,
            self.suite,
            law_digest(),
            self.seed,
            self.level,
            dict(self.adapter.versions()),
            sorted(self._claims.refuses),
            now(),
            self.adapter.tier,
            [entry.model_dump(mode="json") for entry in self._claims.deviations],
        )

    def write(self, file: Path) -> Writer:
        """Write what is judged from now on, with what was observed, into a report. UsageError if that cannot be."""
        self._writer = Writer(file, self.header)
        return self._writer

    def run(self) -> Iterator[Judged]:
        """Judge the cases; each as soon as it is judged, its record is the last one then."""
        for one in judge(self.adapter, self.cases, self._claims, self.more_time):
            self._keep(one)
            yield one

    def draw(self, count: int | None, folder: Path) -> Iterator[Judged]:
        """Judge drawn playbooks, without a count as many as there is time for.

        One that fails is made smaller and written into `folder` as a case.
        """
        group: list[_Drawn] = []
        for number, (name, playbook) in enumerate(drawn(self.seed, count, self.adapter.table())):
            if not self.more_time():
                if count is not None:
                    self.left.append(f"{count - number} of {count} drawn playbooks: the budget was used up")
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
        for one, found in zip(group, judge(self.adapter, placed, self._claims), strict=True):
            told = self._smaller(one, found) if found.verdict == "failed" else found
            if told.verdict == "failed":
                write_case(folder, told.case)
            self._keep(told)
            yield told

    def _smaller(self, one: _Drawn, found: Judged) -> Judged:
        """The same failure of a smaller playbook, while there is time."""
        if self._shrunk >= SHRUNK or not self.more_time():
            return found
        self._shrunk += 1

        def fails(cases: Sequence[Case]) -> list[bool]:
            placed = [(found.path, case) for case in cases]
            return [tried.verdict == "failed" for tried in judge(self.adapter, placed, self._claims)]

        width = min(self.adapter.batch, WIDTH)
        shrunk = shrink(one.playbook, one.case, lambda p: case_of(one.case.id, p, self.adapter.name), fails, width)
        again = next(iter(judge(self.adapter, [(found.path, shrunk.case)], self._claims)))
        return again if again.verdict == "failed" else found

    def _keep(self, one: Judged) -> None:
        """Everything that a report needs of a case is done here; what was observed is not kept."""
        self.records.append(Record.of(one, self.header))
        if self._writer is not None:
            self._writer.add(one)
        if self.whole:
            self._contradicted |= dict.fromkeys(contradicted(rows_of(self.adapter), one))
        if self.coverage is not None and one.verdict != "not run" and one.case.expect.refused is None:
            covered(one.case, self.coverage)

    def more_time(self) -> bool:
        """Whether something may still be started."""
        return self.budget is None or time.monotonic() - self._began < self.budget

    def results(self) -> Results:
        """What came of all; a report that is written is whole then."""
        tiers = TIERS.get(self.adapter.name, ())
        others = [f"tier {tier}: {_how(tier)}" for tier in tiers if tier != self.adapter.tier]
        notes = (*expired(self._claims.deviations), *self._contradicted)
        results = Results(self.header, tuple(self.records), notes, (*self.left, *others))
        if self._writer is not None:
            self._writer.finish(results)
        return results


def _how(tier: str) -> str:
    """What it takes to ask a tier."""
    return "it needs a cluster, which --kubeconfig names" if tier == "live" else f"--tier {tier} asks it"


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
