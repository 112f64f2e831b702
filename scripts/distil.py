"""Makes `conformance/distilled.txt`: few cases that tell every fault from what is right, three times over.

    python scripts/distil.py [engine] [lowering] [FAULT...] [--check]

Each fault of `noetl.conformance.mutants` is put into the engine, each one of `lowering_mutants` into the lowering to
Airflow, and cases are run until three of them fail: those about the clause that it breaks first. One of the two only,
or some faults by name, leave what is kept for the others. With --check nothing is written, and only distilled cases are
run. The exit code is 1 where a fault is seen by fewer than three.

The same faults and cases make the same file, whatever it held before: what goes on for too long is told by its events,
not by a clock.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from noetl.conformance.adapters.airflow_cases import Airflow
from noetl.conformance.adapters.base import Broken
from noetl.conformance.adapters.runtime import Watch, observe
from noetl.conformance.case import Case
from noetl.conformance.conform import CASES
from noetl.conformance.lowering_mutants import LOWERING_MUTANTS
from noetl.conformance.mutants import MUTANTS, Mutant, applied
from noetl.conformance.observation import unmet
from noetl.conformance.suite import DISTILLED, TIMES, chosen, distilled, first_fold, lines_of
from noetl.conformance.suite import killers as kept
from noetl.runtime.events import Event

TRIED: Final = 80
"""Cases that are tried for a fault at most, those about its clause aside."""
ASKED: Final = 60
"""Cases that are tried on Airflow for a fault of the lowering at most."""
WIDTH: Final = 5
"""So many of them at once."""
EVENTS: Final = 3_000
"""After so many events a case has failed: a fault may go on for ever. Few cases have more than a hundred."""
SECONDS: Final = 120
"""After so long a case has failed that has no more events, and does not end: none takes a second."""
ENDLESS: Final = "RUN-7"
"""Cases about this clause have more events on the right engine, and are not asked."""


def fails(case: Case) -> bool:
    """Whether the engine, as it is now, does not pass a case."""
    heard = 0

    def hear(_event: Event) -> None:
        nonlocal heard
        heard += 1
        if heard > EVENTS:
            raise TimeoutError

    try:
        with alarm():
            return bool(unmet(case, observe(case, Watch(hear))))
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


def of_engine(faults: Sequence[Mutant], cases: Sequence[Case]) -> dict[str, list[str]]:
    """For each fault of the engine up to three cases that see it."""
    seen: dict[str, list[str]] = {}
    for mutant in faults:
        taken = [name for names in seen.values() for name in names]
        seen[mutant.name] = found = killers(mutant, ordered(mutant, cases, taken))
        print(f"{mutant.name}: {', '.join(found) or 'no case sees it'}", flush=True)
    return seen


def of_lowering(faults: Sequence[Mutant], cases: Sequence[Case], preferred: Sequence[str]) -> dict[str, list[str]]:
    """For each fault of the lowering up to three cases that see it; many faults share one Airflow."""
    asked = [case for case in cases if case.asked_of("airflow", "inproc")]
    left = {mutant.name: ordered(mutant, asked, preferred)[:ASKED] for mutant in faults}
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
    cases = [case for _, case in chosen(CASES) if case.expect.refused is None and ENDLESS not in case.clauses]
    cases = [case for case in cases if not check or case.id in wanted]
    both = not {"engine", "lowering"} & set(arguments)
    named = {*arguments} - {"engine", "lowering", "--check"}
    known = {mutant.name for mutant in (*MUTANTS, *LOWERING_MUTANTS)}
    if unknown := sorted(named - known):
        raise SystemExit(f"no fault is called {', '.join(unknown)}")
    wrong = [mutant for mutant in MUTANTS if not named or mutant.name in named]
    fresh = of_engine(wrong, cases) if both or "engine" in arguments else {}
    if both or "lowering" in arguments:
        seen = {**kept(), **fresh}
        engine = {mutant.name: seen.get(mutant.name, []) for mutant in MUTANTS}
        wrong = [mutant for mutant in LOWERING_MUTANTS if not named or mutant.name in named]
        fresh |= of_lowering(wrong, cases, first_fold(engine))
    few = [f"{name} ({len(names)})" for name, names in sorted(fresh.items()) if len(names) < TIMES]
    print(f"{len(fresh) - len(few)} of {len(fresh)} faults are seen {TIMES} times; fewer: {', '.join(few) or 'none'}")
    if not check:
        told = {name: names for name, names in {**kept(), **fresh}.items() if name in known}
        DISTILLED.write_text(lines_of(told), encoding="utf-8")
    return 1 if few else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
