"""Outcomes from a file: which entry fits, what it answers, and what is wrong with a file."""

from __future__ import annotations

import asyncio
import io
import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from noetl import schema
from noetl.compiler.ir import Json
from noetl.errors import UsageError
from noetl.runtime.events import Event
from noetl.runtime.keys import Key
from noetl.runtime.mock import Mocked, OutcomeFile, Outcomes, Recording, read_outcomes
from noetl.runtime.ports import CallPlace, Outcome, ToolCall


def request(
    step: str = "s",
    key: str = "-",
    iteration: int = 0,
    call: int = 1,
    attempt: int = 1,
    sink: str = "",
    kind: str = "python",
) -> ToolCall:
    place = CallPlace(key, iteration, call, 0 if sink else attempt, sink)
    fields = {"url": "http://a/b", "method": "post"} if kind == "http" else {}
    return ToolCall(kind, fields, {}, lambda name: name, tuple, step, "e1", place)


class Real:
    """Stands for the tools."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = False

    async def call(self, request: ToolCall) -> Outcome:
        self.asked.append(str(request.place))
        return Outcome(response="real")

    async def close(self) -> None:
        self.closed = True


def outcomes(*entries: dict[str, Json]) -> Outcomes:
    return Outcomes(OutcomeFile.model_validate({"format": 1, "outcomes": list(entries)}), "m.yaml")


def answer(given: Outcomes, asked: ToolCall, *, rest: bool = False) -> Outcome:
    return asyncio.run(Mocked(given, Real(), rest=rest).call(asked))


def test_the_first_entry_that_fits_is_taken() -> None:
    given = outcomes(
        {"step": "s", "attempt": 2, "response": "second attempt"},
        {"step": "s", "key": "0.0", "iteration": 3, "call": 1, "attempt": 1, "response": "exact"},
        {"step": "s", "call": 2, "response": "second call"},
        {"step": "s", "iteration": 3, "response": "iteration 3"},
        {"step": "s", "response": "any"},
        {"response": "any step"},
    )
    assert answer(given, request()).response == "any"
    assert answer(given, request(attempt=2)).response == "second attempt"
    assert answer(given, request(key="0.0", iteration=3)).response == "exact"
    assert answer(given, request(key="0.0", iteration=3, call=2)).response == "second call"
    assert answer(given, request(key="0.0", iteration=3, attempt=2)).response == "second attempt"
    assert answer(given, request(key="0.1", iteration=3)).response == "iteration 3"
    assert answer(given, request("t")).response == "any step"


def test_an_entry_before_an_exact_one_wins() -> None:
    given = outcomes(
        {"step": "s", "response": "any"},
        {"step": "s", "key": "-", "iteration": 0, "call": 1, "attempt": 1, "response": "exact"},
    )
    assert answer(given, request()).response == "any"


def test_occurrences_are_runs_in_the_order_in_which_they_begin() -> None:
    given = outcomes(
        {"step": "s", "occurrence": 2, "response": "second"}, {"step": "s", "occurrence": 1, "response": "first"}
    )
    assert answer(given, request(key="0.1")).response == "first"
    assert answer(given, request(key="0.0")).response == "second"
    assert answer(given, request(key="0.1", call=2)).response == "first"


def test_runs_that_are_heard_again_count_as_occurrences() -> None:
    given = outcomes({"step": "s", "occurrence": 2, "response": "second"})
    listen = given.listener("e1")
    for entry in (0, 1):
        listen(Event("step.enter", "", "s", Key.root().child(0, entry), {}))
    assert answer(given, request(key="0.1")).response == "second"


def test_sinks_have_entries_of_their_own() -> None:
    given = outcomes(
        {"step": "s", "sink": "call.done:rule0.1", "error": {"type": "SqlError"}},
        {"sink": True, "response": "any sink"},
        {"step": "s", "response": "call"},
    )
    assert answer(given, request(sink="call.done:rule0.1")).error == {"message": "", "type": "SqlError"}
    assert answer(given, request(sink="step.exit:step")).response == "any sink"
    assert answer(given, request()).response == "call"


def test_the_kind_of_a_response_is_that_of_its_tool() -> None:
    given = outcomes({"step": "s", "response": {"status": 200}}, {"step": "t", "view": "plain", "response": 1})
    assert [answer(given, request(kind=kind)).view for kind in ("http", "postgres", "duckdb", "python")] == [
        *("http", "sql", "sql", "plain")
    ]
    assert answer(given, request("t", kind="http")).view == "plain"


def test_an_http_answer_is_an_envelope_or_a_failed_call() -> None:
    given = outcomes(
        {"step": "s", "attempt": 1, "http": {"status": 503, "data": {"why": "busy"}, "headers": {"Retry-After": "1"}}},
        {"step": "s", "http": {"data": [1]}},
    )
    failed = answer(given, request(kind="http"))
    assert failed.error == {
        "type": "HttpStatus",
        "message": "POST http://a/b answered 503 Service Unavailable",
        "status": 503,
        "status_code": 503,
        "headers": {"retry-after": "1"},
        "body": {"why": "busy"},
    }
    assert isinstance(failed.answered, dict)
    assert failed.answered["data"] == {"why": "busy"}
    worked = answer(given, request(kind="http", attempt=2))
    assert worked.error is None
    assert isinstance(worked.response, dict)
    assert (worked.response["status"], worked.response["data"], worked.response["body"], worked.view) == (
        *(200, [1], [1], "http"),
    )


def test_a_call_without_an_entry_is_said_or_made_for_real() -> None:
    given = outcomes({"step": "t", "response": 1})
    with pytest.raises(
        UsageError, match=r'"m\.yaml" has no outcome for step "s", key 0\.0, iteration 2, call 1, attempt 3'
    ):
        answer(given, request(key="0.0", iteration=2, attempt=3))
    with pytest.raises(UsageError, match=r'sink "step\.exit:step"'):
        answer(given, request(sink="step.exit:step"))
    assert answer(given, request(), rest=True).response == "real"
    assert answer(given, request(kind="event_log", sink="x")).response == "real"
    assert answer(given, request(kind="playbook")).response == "real"


def test_what_is_recorded_is_answered_again() -> None:
    class Odd(Real):
        async def call(self, request: ToolCall) -> Outcome:
            if request.place.sink:
                return Outcome(response=None)
            if request.place.attempt == 1:
                return Outcome(error={"type": "T", "message": "é"}, answered={"status": 500}, view="http")
            return Outcome(response=[2**70, 1.0, None], view="plain", stdout="said", stderr="warned")

    stream = io.StringIO()
    asked = [request(kind="http"), request(kind="http", attempt=2), request(sink="step.exit:step")]

    async def record() -> list[Outcome]:
        recording = Recording(Odd(), stream)
        answers = [await recording.call(one) for one in asked]
        await recording.call(request(kind="event_log", sink="no outcome of the outside"))
        await recording.close()
        return answers

    answers = asyncio.run(record())
    kept = json.loads(stream.getvalue())
    assert len(kept["outcomes"]) == 3
    given = Outcomes(OutcomeFile.model_validate(kept), "m.json")
    assert [answer(given, one) for one in asked] == answers


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("format: 1\noutcomes: [{response: 1, respons: 2}]", "outcomes.0.respons: Extra inputs"),
        ("format: 1\noutcomes: [{step: s}]", "outcomes.0: an entry has one of error, http and response, not none"),
        ("format: 1\noutcomes: [{error: {type: T}, response: 1}]", "not error and response"),
        ("format: 1\noutcomes: [{error: {message: x}}]", "outcomes.0: an error has a type, which is a text"),
        ("format: 2\noutcomes: []", "format: Input should be 1"),
        ("outcomes: []", "format: Field required"),
        ("format: 1\noutcomes: [{attempt: 0, response: 1}]", "outcomes.0.attempt: Input should be greater"),
        ("{", "are neither JSON nor YAML"),
        ("a: [", "are neither JSON nor YAML"),
        ("format: 1\noutcomes: [{response: .nan}]", "are neither JSON nor YAML"),
        ("1", "the file: Input should be a valid dictionary"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_outcomes(path)
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_schema_takes_what_is_read_and_refuses_what_is_not() -> None:
    validator = Draft202012Validator(schema.load("outcomes"))
    entries: list[tuple[dict[str, Json], bool]] = [
        ({"response": None}, True),
        ({"step": "s", "sink": True, "error": {"type": "T"}}, True),
        ({"http": {"status": 404}, "delay": 2, "key": "0.0", "iteration": 0, "occurrence": 1}, True),
        ({}, False),
        ({"response": 1, "error": {"type": "T"}}, False),
        ({"response": 1, "call": 0}, True),
        ({"response": 1, "call": -1}, False),
        ({"respons": 1}, False),
        ({"http": {"status": 1000}}, False),
    ]
    for entry, fits in entries:
        file: dict[str, Json] = {"format": 1, "outcomes": [entry]}
        assert validator.is_valid(file) is fits, entry
        if fits:
            OutcomeFile.model_validate(file)
        else:
            with pytest.raises(ValidationError):
                OutcomeFile.model_validate(file)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the outcomes"):
        read_outcomes(tmp_path / "none.yaml")


def test_the_example_of_the_manual_is_read(tmp_path: Path) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "running.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```yaml\n(.*?)```", manual, re.DOTALL) if "outcomes:" in block]
    path = tmp_path / "m.yaml"
    path.write_text(example, encoding="utf-8")
    given = Outcomes(read_outcomes(path), "m.yaml")
    assert [answer(given, request("fetch", attempt=n, kind="http")).error is None for n in (1, 2)] == [False, True]
    assert [answer(given, request("load", key=key)).error is None for key in ("0.0", "0.1")] == [True, False]


def test_yaml_and_json_are_read_alike(tmp_path: Path) -> None:
    yaml, loaded = tmp_path / "m.yaml", tmp_path / "m.json"
    yaml.write_text("{format: 1, outcomes: [{step: s, response: {a: [1, 2.5]}}]}", encoding="utf-8")
    loaded.write_text('{"format": 1, "outcomes": [{"step": "s", "response": {"a": [1, 2.5]}}]}', encoding="utf-8-sig")
    assert read_outcomes(yaml) == read_outcomes(loaded)
