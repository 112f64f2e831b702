"""What counts as a difference between two executions."""

from __future__ import annotations

import copy

import pytest

from noetl.compiler.ir import Json
from noetl.conformance.judge import differences

ONE = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
TWO = "6fa459ea-ee8a-4ca4-894e-db77e160355e"


def summary(**changes: Json) -> dict[str, Json]:
    run: dict[str, Json] = {
        "key": [[0, 1]],
        "step": "a",
        "status": "success",
        "args": {"id": ONE, "at": "2026-01-01T00:00:00.000000+00:00", "n": 1},
        "result": {
            "status": "ok",
            "status_code": 200,
            "headers": {"date": "x"},
            "elapsed": 0.1,
            "data": {"elapsed": 7},
        },
        "calls": [{"attempts": 2}],
    }
    return {"status": "completed", "output": {"a": 1, "b": f"id {ONE}"}, "runs": [{**run, **changes}]}


def test_an_execution_is_like_itself() -> None:
    assert differences(summary(), summary()) == []


def test_masks() -> None:
    other = summary(
        args={"id": TWO, "at": "2027-02-03T04:05:06.070809+00:00", "n": 1},
        result={"status": "ok", "status_code": 200, "headers": {}, "elapsed": 3.5, "data": {"elapsed": 7}},
    )
    other["output"] = {"a": 1, "b": f"id {TWO}"}
    assert differences(summary(), other) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"status": "failed"}, 'runs[0].status: "success" against "failed"'),
        ({"calls": [{"attempts": 3}]}, "runs[0].calls[0].attempts: 2 against 3"),
        ({"calls": []}, 'runs[0].calls: 1 entries against 0: [{"attempts": 2}] against []'),
        ({"key": [[0, 0]]}, "runs[0].key[0][1]: 1 against 0"),
        ({"result": None}, None),
        ({"error": {"type": "Fail"}}, "runs[0].error: only on the right"),
    ],
)
def test_a_difference_is_one_line(changes: dict[str, Json], line: str | None) -> None:
    found = differences(summary(), summary(**changes))
    assert len(found) == 1
    assert line is None or found == [line]


@pytest.mark.parametrize("value", [1.0, "1", True, None, [1], {"n": 1}])
def test_types_differ(value: Json) -> None:
    left: dict[str, Json] = {"output": 1}
    assert differences(left, {"output": value})


def test_the_order_of_keys_counts() -> None:
    other = summary()
    other["output"] = {"b": f"id {ONE}", "a": 1}
    assert differences(summary(), other) == ["output: keys in the order ['a', 'b'] against ['b', 'a']"]


def test_an_identity_that_is_not_used_alike_is_a_difference() -> None:
    other = copy.deepcopy(summary())
    other["output"] = {"a": 1, "b": f"id {TWO}"}
    assert differences(summary(), other) == ['runs[0].args.id: "<id 0>" against "<id 1>"']


def test_headers_and_elapsed_outside_of_an_envelope_count() -> None:
    assert differences({"output": {"elapsed": 1}}, {"output": {"elapsed": 2}}) == ["output.elapsed: 1 against 2"]
