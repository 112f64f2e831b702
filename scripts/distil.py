"""Makes `conformance/distilled.txt`: few cases that tell every fault from what is right, three times over.

    python scripts/distil.py [engine] [lowering] [--check]

Each fault of `noetl.conformance.mutants` is put into the engine, each one of `lowering_mutants` into the lowering to
Airflow, and cases are run until three of them fail: those about the clause that it breaks first. One of the two only
leaves what is kept for the other. With --check nothing is written, and only distilled cases are run: the exit code is 1
where a fault is seen by none of them.
"""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from noetl.conformance.adapters.airflow_cases import Airflow
from noetl.conformance.adapters.base import Broken
from noetl.conformance.adapters.runtime import observe
from noetl.conformance.case import Case
from noetl.conformance.conform import CASES
from noetl.conformance.lowering_mutants import LOWERING_MUTANTS
from noetl.conformance.mutants import MUTANTS, Mutant, applied
from noetl.conformance.observation import unmet
from noetl.conformance.suite import DISTILLED, chosen, distilled
from noetl.conformance.suite import killers as kept

TIMES: Final = 3
"""By so many cases a fault is to be seen."""
TRIED: Final = 80
"""Cases that are tried for a fault at most, those about its clause aside."""
ASKED: Final = 60
"""Cases that are tried on Airflow for a fault of the lowering at most."""
WIDTH: Final = 5
"""So many of them at once."""
SECONDS: Final = 5
"""After so long a case has failed: a fault may go on for ever."""


def fails(case: Case) -> bool:
    """Whether the engine, as it is now, does not pass a case."""
    try:
        with alarm():
            return bool(unmet(case, observe(case)))
    except Exception:  # a fault may show in any way
        return True


@contextmanager
def alarm() -> Iterator[None]:
    """TimeoutError inside of the block when it takes too long."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def ordered(mutant: Mutant, cases: Sequence[Case], preferred: Sequence[str]) -> list[Case]:
    """The cases that are tried: those about the clause first, then those that are distilled already, then some."""
    about = [case for case in cases if mutant.clause in case.clauses]
    known = [case for case in cases if case.id in preferred and case not in about]
    others = [case for case in cases if case not in about and case not in known]
    about.sort(key=lambda case: case.id not in preferred)
    return [*about, *known, *others[:: max(1, len(others) // TRIED)]]


def of_engine(cases: Sequence[Case]) -> dict[str, list[str]]:
    """For each fault of the engine up to three cases that see it."""
    seen: dict[str, list[str]] = {}
    for mutant in MUTANTS:
        taken = [name for names in seen.values() for name in names]
        seen[mutant.name] = found = killers(mutant, ordered(mutant, cases, taken))
        print(f"{mutant.name}: {', '.join(found) or 'no case sees it'}", flush=True)
    return seen


def of_lowering(cases: Sequence[Case]) -> dict[str, list[str]]:
    """For each fault of the lowering up to three cases that see it; many faults share one Airflow."""
    asked = [case for case in cases if case.asked_of("airflow", "inproc")]
    preferred = sorted(distilled(1))
    left = {mutant.name: ordered(mutant, asked, preferred)[:ASKED] for mutant in LOWERING_MUTANTS}
    seen: dict[str, list[str]] = {name: [] for name in left}
    with Airflow() as airflow:
        while open_ := [name for name in left if left[name] and len(seen[name]) < TIMES]:
            pairs = [(case, name) for name in open_ for case in left[name][:WIDTH]]
            for name in open_:
                left[name] = left[name][WIDTH:]
            for (case, name), found in zip(pairs, airflow.observe_faulty(pairs), strict=True):
                if isinstance(found, Broken):
                    raise SystemExit(f"{case.id}: {found.said}")
                if unmet(case, found) and len(seen[name]) < TIMES:
                    seen[name].append(case.id)
                    verified = (found.problem or "").startswith("the lowering is refuted")
                    print(f"{name}: {case.id}{' (by verify)' if verified else ''}", flush=True)
    return seen


def killers(mutant: Mutant, cases: Sequence[Case]) -> list[str]:
    """Up to three of the cases that see a fault of the engine."""
    found: list[str] = []
    with applied(mutant):
        for case in cases:
            if fails(case):
                found.append(case.id)
            if len(found) == TIMES:
                break
    return found


def main(arguments: Sequence[str]) -> int:
    """Distil, or check what is distilled."""
    check = "--check" in arguments
    wanted = distilled(TIMES)
    cases = [case for _, case in chosen(CASES) if case.expect.refused is None and (not check or case.id in wanted)]
    both = not {"engine", "lowering"} & set(arguments)
    fresh = of_engine(cases) if both or "engine" in arguments else {}
    fresh |= of_lowering(cases) if both or "lowering" in arguments else {}
    unseen = sorted(name for name, names in fresh.items() if not names)
    print(f"{len(fresh) - len(unseen)} of {len(fresh)} faults are seen; not seen: {', '.join(unseen) or 'none'}")
    if not check:
        DISTILLED.write_text("".join(lines({**kept(), **fresh})), encoding="utf-8")
    return 1 if unseen else 0


def lines(seen: Mapping[str, Sequence[str]]) -> list[str]:
    """The file: each case with the fold that it belongs to; those of fold 1 together see every fault."""
    first: list[str] = []
    left = {fault: set(names) for fault, names in seen.items() if names}
    while left:
        counts = Counter(name for names in left.values() for name in names)
        best = min(counts, key=lambda name: (-counts[name], name))
        first.append(best)
        left = {fault: names for fault, names in left.items() if best not in names}
    every: dict[str, list[str]] = {}
    for fault, names in seen.items():
        for name in names:
            every.setdefault(name, []).append(fault)
    return [f"{1 if name in first else TIMES} {name} {' '.join(every[name])}\n" for name in sorted(every)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
