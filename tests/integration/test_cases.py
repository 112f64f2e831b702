"""The conformance cases on the reference runtime, what every case must have, and the judge itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from noetl.compiler.ir import Json
from noetl.conformance.adapters.runtime import observe
from noetl.conformance.case import Case, cases_in
from noetl.conformance.observation import Observation, unmet
from noetl.conformance.probe import Query, Seen
from noetl.diagnostics import Diagnostic, Kind, Severity, Span

ROOT: Final = Path(__file__).parents[2]
CASES: Final = list(cases_in(ROOT / "conformance" / "cases"))
LAW: Final = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
CLAUSES: Final = re.findall(r"\*\*([A-Z]{3,4}-\d+)", LAW)

WITHOUT_A_CASE: Final[dict[str, str]] = {}
"""Clauses that no case covers, and why."""


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for _, case in CASES])
def test_case(case: Case) -> None:
    assert unmet(case, observe(case)) == []


@pytest.mark.parametrize(("path", "case"), [pytest.param(path, case, id=case.id) for path, case in CASES])
def test_form_of_a_case(path: Path, case: Case) -> None:
    assert path.stem == case.id
    assert case.id.startswith(f"{case.clauses[0]}-")
    assert case.catches
    assert set(case.clauses) <= set(CLAUSES)
    assert not (case.expect.refused and case.expect.model_fields_set != {"refused"})


def test_ids_are_unique() -> None:
    ids = [case.id for _, case in CASES]
    assert len(ids) == len(set(ids))


def test_every_clause_has_a_case_or_a_reason() -> None:
    covered = {clause for _, case in CASES for clause in case.clauses}
    assert set(CLAUSES) - covered == WITHOUT_A_CASE.keys()


JUDGED: Final = Case.model_validate(
    {
        "format": 1,
        "id": "RUN-1-judged",
        "clauses": ["RUN-1"],
        "title": "every kind of expectation",
        "playbook": "",
        "expect": {
            "status": "failed",
            "output": {"n": 1},
            "error": {"step": "a", "type": "Fail", "contains": "enough"},
            "runs": [
                {"step": "start", "status": "success", "key": [], "args": {"n": 1}, "result": None, "calls": 0},
                {
                    "step": "a",
                    "key": [[0, 0]],
                    "args_include": {"b": 2.0},
                    "result_includes": {"r": "1"},
                    "attempts": [2, 1],
                    "iterations": [{"index": 0, "status": "success", "result": 7, "attempts": [2]}],
                },
            ],
            "requests": {
                "x": [
                    {"method": "POST", "query": {"q": "1"}, "json": {"a": 1}, "headers": {"x-a": "b", "x-none": None}},
                    {"form": {"a": "1"}, "text": "a=1"},
                ],
                "y": [{"set": True}, {"query": {"n": "2"}}, {"query": {"n": "1"}}],
            },
            "order": [["x#1", "x#2"]],
            "overlap": [["y#1", "y#2"]],
            "gaps": [["x#1", "x#2", 0.5]],
            "never": ["z"],
            "events": [["step.enter", "start"], ["step.exit", "start"]],
        },
    }
)


def _seen(label: str, n: int, at: float, until: float, body: bytes = b"", query: str = "") -> Seen:
    pairs: Query = {name: value for name, _, value in ([query.partition("=")] if query else [])}
    method = "POST" if label == "x" else "GET"
    return Seen(label, n, method, f"/{label}", pairs, {"x-a": "b"}, body, at, until)


def _observation() -> Observation:
    """What `JUDGED` expects."""
    twice: Json = {"attempts": 2, "request": {}, "outcome": {}}
    once: Json = {"attempts": 1, "request": {}, "outcome": {}}
    return Observation(
        {
            "status": "failed",
            "output": {"n": 1},
            "error": {"step": "a", "type": "Fail", "message": "that is enough"},
            "runs": [
                {"key": [], "step": "start", "status": "success", "args": {"n": 1}, "result": None, "calls": []},
                {
                    "key": [[0, 0]],
                    "step": "a",
                    "status": "failed",
                    "args": {"b": 2.0, "c": 1},
                    "result": {"r": "1", "s": 1},
                    "calls": [twice, once],
                    "iterations": [{"index": 0, "status": "success", "result": 7, "attempts": [2]}],
                },
            ],
        },
        requests=[
            _seen("x", 1, 0.0, 1.0, b'{"a": 1}', "q=1"),
            _seen("x", 2, 1.5, 2.0, b"a=1"),
            _seen("y", 1, 3.0, 5.0, query="n=1"),
            _seen("y", 2, 4.0, 6.0, query="n=2"),
        ],
        events=[("workflow.start", None), ("step.enter", "start"), ("step.exit", "start")],
    )


def test_the_judge_is_content_with_what_is_expected() -> None:
    assert unmet(JUDGED, _observation()) == []


def test_what_was_never_answered_is_in_flight() -> None:
    seen = _observation()
    seen.requests[2].answered = seen.requests[3].answered = None
    assert unmet(JUDGED, seen) == []


def test_requests_in_any_order_are_matched_as_a_whole() -> None:
    expect = {"requests": {"y": [{"set": True}, {"method": "GET"}, {"query": {"n": "1"}}]}}
    case = JUDGED.model_copy(update={"expect": type(JUDGED.expect).model_validate(expect)})
    seen = Observation(_observation().summary, requests=_observation().requests[2:])
    assert unmet(case, seen) == []  # the first entry fits both requests, the second only the first one


def test_volatile_parts_are_masked() -> None:
    envelope: Json = {
        "status_code": 200,
        "elapsed": 0.5,
        "headers": {"date": "x"},
        "at": "2026-01-01T00:00:00.000000+00:00",
    }
    other: Json = {"status_code": 200, "elapsed": 1, "headers": {}, "at": "2027-02-03T04:05:06.070809+00:00"}
    case = JUDGED.model_copy(update={"expect": type(JUDGED.expect).model_validate({"output": envelope})})
    assert unmet(case, Observation({"status": "completed", "output": other, "runs": []})) == []


def _put(*path: str | int, value: Any) -> Callable[[Observation], None]:  # the summary is JSON of any shape
    def doctor(seen: Observation) -> None:
        place: Any = seen.summary
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return doctor


def _request(n: int, **fields: object) -> Callable[[Observation], None]:
    def doctor(seen: Observation) -> None:
        for name, value in fields.items():
            setattr(seen.requests[n], name, value)

    return doctor


def _events(*events: tuple[str, str]) -> Callable[[Observation], None]:
    def doctor(seen: Observation) -> None:
        seen.events = events

    return doctor


def _requests(change: Callable[[list[Seen]], None]) -> Callable[[Observation], None]:
    def doctor(seen: Observation) -> None:
        requests = list(seen.requests)
        change(requests)
        seen.requests = requests

    return doctor


DOCTORED: Final = {
    "status": (_put("status", value="completed"), "status"),
    "output is of another type": (_put("output", value={"n": 1.0}), "output"),
    "output is a boolean": (_put("output", value={"n": True}), "output"),
    "output is null": (_put("output", value=None), "output"),
    "error's step": (_put("error", "step", value="b"), "error.step"),
    "error's type": (_put("error", "type", value="ValueError"), "error.type"),
    "error's message": (_put("error", "message", value="other"), "error.message"),
    "no error": (_put("error", value=None), "error.step"),
    "another step ran": (_put("runs", 1, "step", value="b"), "runs"),
    "a run is missing": (_put("runs", value=[]), "runs"),
    "status of a run": (_put("runs", 0, "status", value="skipped"), "status"),
    "key of a run": (_put("runs", 1, "key", value=[[0, 1]]), "key"),
    "one argument more": (_put("runs", 0, "args", value={"n": 1, "m": None}), "args"),
    "null argument absent": (_put("runs", 0, "args", value={}), "args"),
    "result of a run": (_put("runs", 0, "result", value=False), "result"),
    "included argument": (_put("runs", 1, "args", "b", value=2), "args.b"),
    "included result": (_put("runs", 1, "result", value={"s": 1}), "result.r"),
    "included result of no map": (_put("runs", 1, "result", value=["r"]), "result.r"),
    "a call was made": (_put("runs", 0, "calls", value=[{"attempts": 1}]), "calls"),
    "attempts of a call": (_put("runs", 1, "calls", 0, "attempts", value=3), "attempts"),
    "no iterations": (_put("runs", 1, "iterations", value=None), "iterations"),
    "iteration's status": (_put("runs", 1, "iterations", 0, "status", value="failed"), "iterations"),
    "iteration's result": (_put("runs", 1, "iterations", 0, "result", value=8), "iterations"),
    "iteration's attempts": (_put("runs", 1, "iterations", 0, "attempts", value=[]), "iterations"),
    "iteration's index": (_put("runs", 1, "iterations", 0, "index", value=1), "iterations"),
    "method": (_request(0, method="GET"), "method"),
    "query": (_request(0, query={"q": "1", "r": "2"}), "query"),
    "json": (_request(0, body=b'{"a": "1"}'), "json"),
    "no json": (_request(0, body=b"<a>"), "json"),
    "header": (_request(0, headers={"x-a": "c"}), "headers"),
    "header that must be absent": (_request(0, headers={"x-a": "b", "x-none": "1"}), "headers"),
    "form and text": (_request(1, body=b"a=2"), "form"),
    "requests in any order": (_request(3, query={"n": "3"}), "none is"),
    "one request less": (_requests(lambda r: r.__delitem__(3)), "expected 2, found 1"),
    "one request more": (_requests(lambda r: r.append(_seen("x", 3, 9.0, 9.1))), "expected 2, found 3"),
    "a label that was not expected": (_requests(lambda r: r.append(_seen("w", 1, 9.0, 9.1))), "unexpected label"),
    "order": (_request(1, received=0.9), "order"),
    "order of what was not answered": (_request(0, answered=None), "order"),
    "overlap": (_request(3, received=5.1), "overlap"),
    "a gap after what was not answered": (_request(0, answered=None), "gaps"),
    "gap": (_request(1, received=1.4), "gaps"),
    "never": (_requests(lambda r: r.append(_seen("z", 1, 9.0, 9.1))), '"z" was requested'),
    "order of events": (_events(("step.exit", "start"), ("step.enter", "start")), "events"),
    "step of an event": (_events(("step.enter", "start"), ("step.exit", "a")), "events"),
}


@pytest.mark.parametrize(("doctor", "said"), [pytest.param(*entry, id=name) for name, entry in DOCTORED.items()])
def test_the_judge_reports(doctor: Callable[[Observation], None], said: str) -> None:
    seen = _observation()
    doctor(seen)
    assert said in "\n".join(unmet(JUDGED, seen))


def _refused(**expected: str) -> Case:
    return JUDGED.model_copy(
        update={"expect": type(JUDGED.expect).model_validate({"refused": expected})},
    )


def _diagnostic(severity: Severity = Severity.ERROR) -> Diagnostic:
    kind = Kind("NTL203", "unknown-step", severity, "a step that is not there")
    return Diagnostic(kind, "no step", Span(12, 9, 12, 11))


def test_the_judge_knows_the_refusal() -> None:
    seen = Observation(None, [_diagnostic()])
    assert unmet(_refused(code="NTL203", name="unknown-step", at="12:9"), seen) == []


@pytest.mark.parametrize(
    ("expected", "seen"),
    [
        pytest.param({"code": "NTL204"}, Observation(None, [_diagnostic()]), id="code"),
        pytest.param({"name": "unknown-key"}, Observation(None, [_diagnostic()]), id="name"),
        pytest.param({"code": "NTL203", "at": "12:10"}, Observation(None, [_diagnostic()]), id="place"),
        pytest.param({"code": "NTL203"}, Observation(None, [_diagnostic(Severity.WARNING)]), id="a warning"),
        pytest.param({"code": "NTL203"}, _observation(), id="it ran"),
    ],
)
def test_the_judge_reports_another_refusal(expected: dict[str, str], seen: Observation) -> None:
    assert len(unmet(_refused(**expected), seen)) == 1


def test_the_judge_reports_a_refusal_that_was_not_expected() -> None:
    assert "NTL203 no step" in unmet(JUDGED, Observation(None, [_diagnostic()]))[0]
