"""What is wrong with an adapter: a few cases that every target passes, and what a failure of each usually means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from noetl.errors import UsageError

from .adapters.base import Adapter, Broken, adapter
from .case import Case
from .observation import Observation, unmet

_HEAD: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: doctor}\nworkflow:\n"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    advice: tuple[str, ...] = ()
    """What was seen, and what to do about it."""


@dataclass(frozen=True, slots=True)
class _Question:
    what: str
    steps: str
    expect: dict[str, object]
    advice: str


_CALL: Final = '  - step: start\n    tool: {kind: http, url: "{{ workload.probe }}/asked"}\n'
_QUESTIONS: Final = (
    _Question(
        "a playbook without tools completes",
        "  - step: start\n    next: [end]\n  - step: end\n",
        {"status": "completed", "output": None},
        "a summary is {status, output, runs, error?}; status is completed, failed or cancelled, output null here",
    ),
    _Question(
        "the payload arrives, and its probe is called",
        _CALL,
        {"status": "completed", "requests": {"asked": [{"method": "GET"}]}},
        "hand the case's payload over as it is: its entry `probe` is the address that the tools call",
    ),
    _Question(
        "runs are told in key order",
        "  - step: start\n    next: [{step: a, args: {n: 1}}]\n  - step: a\n",
        {"runs": [{"step": "start", "status": "success", "key": []}, {"step": "a", "key": [[0, 0]], "args": {"n": 1}}]},
        "each run is {key, step, status, args, result, calls}; the key is a list of [index, entry] pairs (CAU-3)",
    ),
    _Question(
        "values keep their types",
        "  - step: start\n    case:\n      - when: \"{{ event.name == 'step.exit' }}\"\n"
        '        then: {result: {a: 1, b: 1.0, c: "1", d: true, e: null, f: [], g: 18446744073709551617}}\n',
        {"output": {"a": 1, "b": 1.0, "c": "1", "d": True, "e": None, "f": [], "g": 2**64 + 1}},
        "write and read JSON with a library that keeps 1, 1.0 and big integers apart; convert nothing to text",
    ),
    _Question(
        "a failed execution says why",
        _CALL.replace("/asked", "/down") + "    next: [a]\n  - step: a\n",
        {"status": "failed", "error": {"step": "start", "type": "HttpStatus"}, "runs": [{"step": "start"}]},
        "the error of the summary is {step, type, message, ...}; what comes after a failed step does not run",
    ),
    _Question(
        "a playbook with an error is refused before anything runs",
        "  - step: start\n    next: [nowhere]\n",
        {"refused": {}},
        "answer {refused: [{code, name, message, line, column}]} where the compiler finds an error",
    ),
    _Question(
        "it still answers after all of this",
        _CALL,
        {"status": "completed"},
        "a program is started once and asked many cases: it must not end after the first",
    ),
)


def examine(target: str, tier: str | None = None) -> Iterator[Finding]:
    """Ask a target a few things; each as soon as it is known. UsageError for a target that there is not."""
    place = adapter(target, time_limit=30.0, tier=tier)
    try:
        place.__enter__()
    except UsageError as error:
        advice = (
            'answer {"command": "start"} with {"version": 1, "name": ...} on one line of standard output, and flush'
        )
        yield Finding("it starts", False, (str(error), advice))
        return
    try:
        versions = ", ".join(f"{name} {version}" for name, version in place.versions().items())
        yield Finding(f"it starts: {place.name} ({versions or 'it tells no versions'})", True)
        for question in _QUESTIONS:
            yield _asked(place, question)
        yield _claims(place)
    finally:
        place.__exit__(None, None, None)


def _asked(place: Adapter, question: _Question) -> Finding:
    case = Case.model_validate(
        {
            "format": 1,
            "id": "doctor",
            "clauses": ["RUN-3"],
            "title": question.what,
            "playbook": _HEAD + question.steps,
            "probe": {"down": [{"status": 503}]},
            "expect": question.expect,
        }
    )
    try:
        seen = next(iter(place.observe([case])))
    except Exception as error:  # whatever an adapter raises is what is asked about
        return Finding(question.what, False, (f"the adapter raised {type(error).__name__}: {error}", question.advice))
    if isinstance(seen, Broken):
        return Finding(question.what, False, (seen.said, question.advice))
    lines = [*_shape(seen), *unmet(case, seen)] if case.expect.refused is None else unmet(case, seen)
    return Finding(question.what, not lines, (*lines[:3], question.advice) if lines else ())


def _shape(seen: Observation) -> Iterator[str]:
    """What a summary lacks whatever the case."""
    if seen.summary is None:
        return
    for name in ("status", "output", "runs"):
        if name not in seen.summary:
            yield f'the summary has no "{name}"'
    runs = seen.summary.get("runs")
    for run in runs if isinstance(runs, list) else []:
        lacking = (
            sorted({"key", "step", "status", "args", "result", "calls"} - run.keys()) if isinstance(run, dict) else []
        )
        if lacking:
            yield f"a run has no {', '.join(lacking)}"
            return


def _claims(place: Adapter) -> Finding:
    rows = [row for row in place.table() if row.code is not None]
    wrong = [row.feature for row in rows if not row.how]
    told = f"its table refuses {len(rows)} features"
    return Finding(told, not wrong, tuple(f"the row of {name} gives no reason" for name in wrong))
