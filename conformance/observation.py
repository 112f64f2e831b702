"""What was observed of a case, and what of its expectation it does not meet."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic, Severity

from .case import AnyOrder, Case, Expect, ExpectedIteration, ExpectedRequest, ExpectedRun, Refused
from .judge import masked
from .probe import Seen

CLOCK: Final = 0.002
"""Seconds by which two readings of a clock may be off."""
_SECRET: Final = 8
"""Characters from which on a text is no chance find."""
_SECRET_FIELDS: Final = frozenset({"password", "token", "value", "key", "api_key", "secret", "client_secret"})


@dataclass(slots=True)
class Observation:
    """The summary of an execution (the object of `noetl run --json`), or the diagnostics of a refused playbook."""

    summary: Mapping[str, Json] | None
    diagnostics: Sequence[Diagnostic] = ()
    requests: Sequence[Seen] = ()
    events: Sequence[tuple[str, str | None]] | None = None
    """`(name, step)` of the log; None where the place has none."""
    sequential: bool = field(default=False)
    """Whether the place runs one call at a time, so that overlap cannot be judged."""
    problem: str | None = None
    """Why the target came to nothing at all: it stopped, broke its own rules, or did not answer in time."""


def unmet(case: Case, seen: Observation) -> list[str]:
    """One line for everything in which the observation is not what the case expects."""
    expect = case.expect
    if seen.problem is not None:
        return [f"no outcome: {seen.problem}"]
    if expect.refused is not None:
        return list(_refused(expect.refused, seen))
    if seen.summary is None:
        errors = [f"{d.span} {d.code} {d.message}" for d in seen.diagnostics if d.severity is Severity.ERROR]
        return [f"refused: {'; '.join(errors)}"]
    parts = (_outcome(expect, seen.summary), _requests(expect, seen), _timing(expect, seen), _events(expect, seen))
    return [line for part in parts for line in part] + shown_secrets(case, seen)


def shown_secrets(case: Case, seen: Observation) -> list[str]:
    """A line for each credential of the case one of whose secret texts is in what the target tells (TOO-6)."""
    told = json.dumps(seen.summary, ensure_ascii=False)
    return [
        f'secret: the outcome shows a value of credential "{name}"'
        for name, entry in case.credentials.items()
        if any(len(text) >= _SECRET and text in told for text in _secrets(entry))
    ]


def _secrets(entry: str | Mapping[str, Json]) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    return [value for name, value in entry.items() if name in _SECRET_FIELDS and isinstance(value, str)]


def same(left: Json, right: Json) -> bool:
    """Equality of JSON values in which `1`, `1.0`, `"1"` and `true` all differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(v, right[k]) for k, v in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


def _alike(left: Json, right: Json) -> bool:
    """The same, with what is volatile masked (CAU-5)."""
    return same(masked(left), masked(right))


def _refused(wanted: Refused, seen: Observation) -> Iterator[str]:
    errors = [d for d in seen.diagnostics if d.severity is Severity.ERROR]
    for d in errors:
        if wanted.code in (None, d.code) and wanted.name in (None, d.name) and wanted.at in (None, str(d.span)):
            return
    found = ", ".join(f"{d.code} {d.name} at {d.span}" for d in errors) or "no error"
    yield f"expected refusal {wanted.code or wanted.name} at {wanted.at or 'any place'}, found {found}"


def _outcome(expect: Expect, summary: Mapping[str, Json]) -> Iterator[str]:
    if expect.status is not None and summary["status"] != expect.status:
        yield f"status: expected {expect.status}, found {summary['status']} ({summary.get('error')})"
    if "output" in expect.model_fields_set and not _alike(summary["output"], expect.output):
        yield f"output: expected {expect.output!r}, found {summary['output']!r}"
    if expect.error is not None:
        error = summary.get("error")
        found: Mapping[str, Json] = error if isinstance(error, dict) else {}
        for name in ("step", "type"):
            wanted = getattr(expect.error, name)
            if wanted is not None and found.get(name) != wanted:
                yield f"error.{name}: expected {wanted}, found {found.get(name)}"
        if expect.error.contains and expect.error.contains not in str(found.get("message")):
            yield f"error.message: expected {expect.error.contains!r} in {found.get('message')!r}"
    if expect.runs is not None:
        yield from _runs(expect.runs, summary["runs"])


def _runs(wanted: Sequence[ExpectedRun], runs: Json) -> Iterator[str]:
    found = [r for r in runs if isinstance(r, dict)] if isinstance(runs, list) else []
    names = [r["step"] for r in found]
    if names != [r.step for r in wanted]:
        yield f"runs: expected {[r.step for r in wanted]}, found {names}"
        return
    for want, run in zip(wanted, found, strict=True):
        for field_, expected, actual in _fields(want, run):
            if not _alike(expected, actual):
                yield f"run {want.step} {run['key']} {field_}: expected {expected!r}, found {actual!r}"


def _fields(want: ExpectedRun, run: Mapping[str, Json]) -> Iterator[tuple[str, Json, Json]]:
    given = want.model_fields_set
    calls = run["calls"] if isinstance(run["calls"], list) else []
    attempts: Json = [c["attempts"] for c in calls if isinstance(c, dict)]
    for name in ("status", "args", "result"):
        if name in given:
            yield name, getattr(want, name), run[name]
    if want.key is not None:
        yield "key", [list(pair) for pair in want.key], run["key"]
    if want.calls is not None:
        yield "calls", want.calls, len(calls)
    if want.attempts is not None:
        yield "attempts", list(want.attempts), attempts
    if want.iterations is not None:
        yield "iterations", *_iterations(want.iterations, run.get("iterations"))
    for name, part in (("args", want.args_include), ("result", want.result_includes)):
        whole = run[name]
        for key, expected in (part or {}).items():
            yield f"{name}.{key}", expected, whole.get(key, "absent") if isinstance(whole, dict) else "no map"


def _iterations(wanted: Sequence[ExpectedIteration], iterations: Json) -> tuple[Json, Json]:
    """What is expected, and the same fields of what was found."""
    expected: list[Json] = [i.model_dump(exclude_unset=True) for i in wanted]
    found: list[Json] = []
    for n, entry in enumerate(iterations if isinstance(iterations, list) else []):
        given = wanted[n].model_fields_set if n < len(wanted) else {"index"}
        part = entry if isinstance(entry, dict) else {}
        found.append({name: part.get(name, "absent") for name in given})
    return expected, found


def _requests(expect: Expect, seen: Observation) -> Iterator[str]:
    for label in expect.never:
        if any(r.label == label for r in seen.requests):
            yield f'requests: label "{label}" was requested'
    if expect.requests is None:
        return
    labels = {r.label for r in seen.requests}
    for label in sorted(labels - expect.requests.keys()):
        yield f'requests: unexpected label "{label}"'
    for label, entries in expect.requests.items():
        found = [r for r in seen.requests if r.label == label]
        wanted = [entry for entry in entries if isinstance(entry, ExpectedRequest)]
        if len(found) != len(wanted):
            yield f'requests to "{label}": expected {len(wanted)}, found {len(found)}'
        elif entries and isinstance(entries[0], AnyOrder):
            yield from _matched(label, wanted, found)
        else:
            for n, (want, request) in enumerate(zip(wanted, found, strict=True), 1):
                if problem := _differs(want, request):
                    yield f"request {label}#{n}: {problem}"


def _matched(label: str, wanted: Sequence[ExpectedRequest], found: Sequence[Seen]) -> Iterator[str]:
    """One line for each expectation that is left over when as many as can be have a request each."""
    fits = [[n for n, request in enumerate(found) if not _differs(want, request)] for want in wanted]
    taken: dict[int, int] = {}
    """Which expectation has which request."""

    def place(index: int, tried: set[int]) -> bool:
        for n in fits[index]:
            if n not in tried:
                tried.add(n)
                if n not in taken or place(taken[n], tried):
                    taken[n] = index
                    return True
        return False

    for index, want in enumerate(wanted):
        if not place(index, set()):
            yield f'requests to "{label}": none is {want.model_dump(exclude_unset=True, by_alias=True)!r}'


def _differs(want: ExpectedRequest, request: Seen) -> str:
    for name, expected in want.model_dump(exclude_unset=True, by_alias=True).items():
        actual: Json
        if name == "headers" and isinstance(expected, dict):
            actual = {h: request.headers.get(h.lower()) for h in expected}
        elif name in ("json", "form", "text"):
            try:
                actual = getattr(request, name)()
            except ValueError:
                actual = f"no {name}: {request.body!r}"
        else:
            actual = getattr(request, name)
        if not same(expected, actual):
            return f"{name}: expected {expected!r}, found {actual!r}"
    return ""


def _timing(expect: Expect, seen: Observation) -> Iterator[str]:
    times = {f"{r.label}#{r.n}": r for r in seen.requests}
    for first, second in expect.order:
        a, b = times.get(first), times.get(second)
        if a is None or b is None or a.answered is None or a.answered > b.received:
            yield f"order: {first} was not answered before {second} was sent"
    if not seen.sequential:
        for first, second in expect.overlap:
            a, b = times.get(first), times.get(second)
            if a is None or b is None or _until(a) < b.received or _until(b) < a.received:
                yield f"overlap: {first} and {second} were not in flight together"
    for gap in expect.gaps:
        a, b = times.get(gap.first), times.get(gap.second)
        if a is None or b is None or b.received - _until(a) < gap.seconds - CLOCK:
            yield f"gaps: less than {gap.seconds} s between {gap.first} and {gap.second}"


def _until(request: Seen) -> float:
    """When it was answered; what never was is in flight for ever."""
    return math.inf if request.answered is None else request.answered


def _events(expect: Expect, seen: Observation) -> Iterator[str]:
    if expect.events is None or seen.events is None:
        return
    log = iter(seen.events)
    for event in expect.events:
        if not any(event == list(found) for found in log):
            yield f"events: {event} is not in the log in this order"
            return
