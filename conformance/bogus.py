"""Targets that are wrong on purpose: a suite is worth what it says of them.

Each distorts what the reference runtime comes to, so that all of them cost one run of the suite. Which cases each one
passes is known (`tests/integration/test_bogus_targets.py`), and how many of the distilled ones is told in
docs/conformance.md (`scripts/bogus.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from noetl.compiler.ir import Json
from noetl.diagnostics import START_OF_FILE, Diagnostic, Kind, Severity

from .case import Case
from .observation import Observation, unmet
from .probe import Seen

Distort: TypeAlias = "Callable[[Case, Observation], Observation]"
_REFUSAL: Final = Kind("NTL000", "refused", Severity.ERROR, "refused whatever it is")


def _exits(_case: Case, _seen: Observation) -> Observation:
    return Observation(None, problem="it ended with exit code 1")


def _refuses(_case: Case, _seen: Observation) -> Observation:
    return Observation(None, [Diagnostic(_REFUSAL, "no", START_OF_FILE)])


def _succeeds(_case: Case, _seen: Observation) -> Observation:
    return Observation({"status": "completed", "output": None, "runs": []})


def _with_requests(seen: Observation, requests: Sequence[Seen]) -> Observation:
    return replace(seen, requests=requests)


def _drops(_case: Case, seen: Observation) -> Observation:
    return _with_requests(seen, list(seen.requests)[:-1])


def _repeats(_case: Case, seen: Observation) -> Observation:
    requests = list(seen.requests)
    if not requests:
        return seen
    last = requests[-1]
    return _with_requests(seen, [*requests, replace(last, n=last.n + 1)])


def _swaps(_case: Case, seen: Observation) -> Observation:
    """The last two requests come in the other order, each with the times of the other."""
    requests = list(seen.requests)
    if len(requests) < 2:
        return seen
    one, other = requests[-2], requests[-1]
    swapped = [
        replace(other, received=one.received, answered=one.answered),
        replace(one, received=other.received, answered=other.answered),
    ]
    if one.label == other.label:
        swapped = [replace(swapped[0], n=one.n), replace(swapped[1], n=other.n)]
    return _with_requests(seen, [*requests[:-2], *swapped])


def _stringifies(_case: Case, seen: Observation) -> Observation:
    if seen.summary is None:
        return seen
    told = {name: value if name in ("status", "error") else _texts(value) for name, value in seen.summary.items()}
    runs = seen.summary.get("runs")
    told["runs"] = [_texts_of_run(run) for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []
    return replace(seen, summary=told)


def _texts_of_run(run: Mapping[str, Json]) -> Json:
    return {name: _texts(value) if name in ("args", "result") else value for name, value in run.items()}


def _texts(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    return value if isinstance(value, str) else str(value)


def _never_retries(_case: Case, seen: Observation) -> Observation:
    """Every call has one attempt."""
    if seen.summary is None:
        return seen
    runs = seen.summary.get("runs")
    told: list[Json] = [_one_attempt(run) for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []
    return replace(seen, summary={**seen.summary, "runs": told})


def _one_attempt(run: Mapping[str, Json]) -> Json:
    calls = run.get("calls")
    made: list[Json] = [{**c, "attempts": 1} for c in calls if isinstance(c, dict)] if isinstance(calls, list) else []
    return {**run, "calls": made}


def _one_at_a_time(_case: Case, seen: Observation) -> Observation:
    """What is right, if slow: nothing but overlaps tells it from a target that is not."""
    return replace(seen, sequential=True)


def _leaks(case: Case, seen: Observation) -> Observation:
    """The credentials are in the outcome."""
    if seen.summary is None or not case.credentials:
        return seen
    told: Json = {name: entry if isinstance(entry, str) else dict(entry) for name, entry in case.credentials.items()}
    return replace(seen, summary={**seen.summary, "debug": told})


BOGUS: Final[Mapping[str, Distort]] = {
    "exit-1": _exits,
    "refuse-all": _refuses,
    "succeed-without-running": _succeeds,
    "drop-last-effect": _drops,
    "duplicate-effect": _repeats,
    "swap-order": _swaps,
    "stringify-everything": _stringifies,
    "ignore-retry": _never_retries,
    "sequential-only": _one_at_a_time,
    "leak-secret": _leaks,
}
"""By name: what each makes of an observation of the reference runtime."""


def distorted(name: str, observed: Sequence[tuple[Case, Observation]]) -> Iterator[tuple[Case, Observation]]:
    """What a bogus target is observed to do."""
    for case, seen in observed:
        yield case, BOGUS[name](case, seen)


WRONG: Final[Mapping[str, str]] = {
    "exit-1": "ends without an outcome",
    "refuse-all": "refuses every playbook",
    "succeed-without-running": "says completed, without a run",
    "drop-last-effect": "leaves out the last request",
    "duplicate-effect": "makes the last request twice",
    "swap-order": "makes the last two requests in the other order",
    "stringify-everything": "gives every value as text",
    "ignore-retry": "makes one attempt of each call",
    "sequential-only": "runs one call at a time, which is allowed",
    "leak-secret": "shows the credentials in its outcome",
}
"""What each does wrong, in a few words."""


def table(observed: Sequence[tuple[Case, Observation]]) -> list[str]:
    """How many of the observed cases each passes, as the lines of a table in Markdown."""
    lines = [f"| target | what it does | passes of {len(observed)} |", "|---|---|---|"]
    for name, wrong in WRONG.items():
        passed = sum(not unmet(case, seen) for case, seen in distorted(name, observed))
        lines.append(f"| `{name}` | {wrong} | {passed} |")
    return lines
