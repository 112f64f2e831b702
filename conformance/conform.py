"""Cases judged on a target: what each of them came to, and what all of them say of the target."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from noetl.diagnostics import Severity

from .adapters.base import Adapter, Broken, Observed
from .case import Case
from .deviations import Deviation
from .observation import Observation, unmet
from .suite import Placed

CASES: Final = Path(__file__).parent / "cases"
"""The suite's own cases, one folder for each area."""
Verdict: TypeAlias = Literal["passed", "failed", "declared", "known", "stale", "broken", "not run"]
"""`declared`: refused as the target's table says; `known`: it fails as a deviation predicts; `stale`: it passes, though
the table or a deviation says otherwise; `broken`: the harness, which says nothing of the target."""
VERDICTS: Final[tuple[Verdict, ...]] = ("passed", "failed", "declared", "known", "stale", "broken", "not run")
RED: Final[frozenset[Verdict]] = frozenset({"failed", "stale"})


@dataclass(frozen=True, slots=True)
class Judged:
    """A case and what it came to."""

    case: Case
    path: Path
    verdict: Verdict
    said: tuple[str, ...] = ()
    """What was unmet, what broke, or why it was not run; a line each."""
    seen: Observation | None = None
    deviation: str | None = None
    """The code of the deviation that it is known by."""
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a target says of itself, against which its cases are judged."""

    refuses: frozenset[str] = frozenset()
    """The codes of the diagnostics with which its table refuses."""
    deviations: tuple[Deviation, ...] = ()

    @classmethod
    def of(cls, adapter: Adapter, more: Sequence[Deviation] = ()) -> Claims:
        """Those of an adapter, and deviations that the user names."""
        codes = {row.code.code for row in adapter.table() if row.code is not None}
        return cls(frozenset(codes), (*adapter.deviations(), *more))


def judge(
    adapter: Adapter,
    cases: Sequence[Placed],
    claims: Claims,
    more_time: Callable[[], bool] = lambda: True,
) -> Iterator[Judged]:
    """Run the cases, in their order and by the adapter's batches, as long as there is `more_time`."""
    for first in range(0, len(cases), adapter.batch):
        group = cases[first : first + adapter.batch]
        asked = [(path, case) for path, case in group if case.asked_of(adapter.name, adapter.tier)]
        if not more_time():
            yield from (Judged(case, path, "not run", ("the budget was used up",)) for path, case in group)
            continue
        yield from (
            Judged(case, path, "not run", (f"the case does not make sense on {adapter.name}",))
            for path, case in group
            if (path, case) not in asked
        )
        began = time.monotonic()
        for path, case, seen in _observed(adapter, asked):
            spent, began = time.monotonic() - began, time.monotonic()
            yield judged(case, path, seen, claims, spent)


def judged(case: Case, path: Path, seen: Observed, claims: Claims, seconds: float = 0.0) -> Judged:
    """The verdict on what was observed."""
    if isinstance(seen, Broken):
        return Judged(case, path, "broken", (seen.said,), seconds=seconds)
    said = tuple(unmet(case, seen))
    if case.expect.refused is None and _declared(seen, claims.refuses):
        return Judged(case, path, "declared", said, seen, seconds=seconds)
    known = next((entry for entry in claims.deviations if entry.covers(case.id)), None)
    if known is None:
        return Judged(case, path, "failed" if said else "passed", said, seen, seconds=seconds)
    if not said:
        stale = (f"it passes, though deviation {known.code} says that it does not: {known.reason}",)
        return Judged(case, path, "stale", stale, seen, known.code, seconds)
    verdict: Verdict = "known" if known.predicts(said) else "failed"
    return Judged(case, path, verdict, said, seen, known.code, seconds)


def _declared(seen: Observation, refuses: Iterable[str]) -> bool:
    """Whether it was refused, and for nothing but what the table refuses."""
    codes = {d.code for d in seen.diagnostics if d.severity is Severity.ERROR}
    return seen.summary is None and bool(codes) and codes <= set(refuses)


def _observed(adapter: Adapter, asked: Sequence[Placed]) -> Iterator[tuple[Path, Case, Observed]]:
    """What breaks in the adapter must not be taken for a verdict: it breaks all cases that have none yet."""
    done = 0
    broken = Broken("the adapter left it out")
    try:
        for seen in adapter.observe([case for _, case in asked]) if asked else ():
            yield (*asked[done], seen)
            done += 1
    except Exception as error:
        broken = Broken(_told(error))
    for path, case in asked[done:]:
        yield path, case, broken


def _told(error: Exception) -> str:
    broken = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(broken.filename).name}:{broken.lineno})"
