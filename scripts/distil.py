"""Makes `conformance/distilled.txt`: few cases that tell every faulty engine from the right one, three times over.

    python scripts/distil.py [--check]

Each fault of `noetl.conformance.mutants` is put into the engine, and cases are run until three of them fail: those
about the clause that it breaks first. With --check nothing is written: the exit code is 1 where a fault is seen by none
of the distilled cases.
"""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from noetl.conformance.adapters.runtime import observe
from noetl.conformance.case import Case
from noetl.conformance.conform import CASES
from noetl.conformance.mutants import MUTANTS, Mutant, applied
from noetl.conformance.observation import unmet
from noetl.conformance.suite import DISTILLED, chosen, distilled

TIMES: Final = 3
"""By so many cases a fault is to be seen."""
TRIED: Final = 80
"""Cases that are tried for a fault at most, those about its clause aside."""
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


def killers(mutant: Mutant, cases: Sequence[Case], preferred: Sequence[str]) -> list[str]:
    """Up to three cases that see a fault; those that are distilled already are tried first."""
    about = [case for case in cases if mutant.clause in case.clauses]
    known = [case for case in cases if case.id in preferred and case not in about]
    others = [case for case in cases if case not in about and case not in known]
    found: list[str] = []
    order = sorted(about, key=lambda case: case.id not in preferred)
    with applied(mutant):
        for case in [*order, *known, *others[:: max(1, len(others) // TRIED)]]:
            if fails(case):
                found.append(case.id)
            if len(found) == TIMES:
                break
    return found


def main(arguments: Sequence[str]) -> int:
    """Distil, or check what is distilled."""
    cases = [case for _, case in chosen(CASES) if case.expect.refused is None]
    if "--check" in arguments:
        wanted = distilled(TIMES)
        unseen = [m.name for m in MUTANTS if not killers(m, [case for case in cases if case.id in wanted], ())]
        print(
            f"{len(MUTANTS) - len(unseen)} of {len(MUTANTS)} faults are seen; not seen: {', '.join(unseen) or 'none'}"
        )
        return 1 if unseen else 0
    seen: dict[str, list[str]] = {}
    for mutant in MUTANTS:
        taken = [name for names in seen.values() for name in names]
        seen[mutant.name] = found = killers(mutant, cases, taken)
        print(f"{mutant.name}: {', '.join(found) or 'no case sees it'}", flush=True)
    DISTILLED.write_text("".join(lines(seen)), encoding="utf-8")
    return 0


def lines(seen: Mapping[str, Sequence[str]]) -> list[str]:
    """The file: each case with the fold that it belongs to; those of fold 1 together see every fault."""
    first: list[str] = []
    left = {fault: set(names) for fault, names in seen.items() if names}
    while left:
        counts = Counter(name for names in left.values() for name in names)
        best = min(counts, key=lambda name: (-counts[name], name))
        first.append(best)
        left = {fault: names for fault, names in left.items() if best not in names}
    every = sorted({name for names in seen.values() for name in names})
    return [f"{1 if name in first else TIMES} {name}\n" for name in every]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
