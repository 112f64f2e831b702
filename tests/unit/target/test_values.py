"""Large values by reference: what comes back is what went in, and each value is left once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler.ir import Json
from noetl.targets.airflow import xcom
from noetl.targets.airflow.values import FEW, KEY, LIMIT, ValueGone, Values, refers

TEXT = st.text(st.characters(exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=30,
)
BIG: Json = [{"id": n, "name": f"name {n}"} for n in range(2000)]


class Left:
    """What the tasks of a DAG run have left."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.texts: dict[tuple[str, str], str] = {}
        self.pulls: list[str] = []
        self._limit = limit

    def of(self, task: str) -> Values:
        return Values(task, self._pull, self._limit)

    def keep(self, task: str, values: Values) -> None:
        self.texts |= {(task, key): text for key, text in values.fresh.items()}

    def _pull(self, task: str, key: str) -> str | None:
        self.pulls.append(key)
        return self.texts.get((task, key))


@given(JSON, st.integers(1, 60))
def test_what_comes_back_is_what_went_in(value: Json, limit: int) -> None:
    left = Left(limit)
    one = left.of("a")
    text = json.dumps(one.short(value))
    left.keep("a", one)
    two = left.of("b")
    found = two.whole(json.loads(text))
    assert json.dumps(found) == json.dumps(value)
    assert refers(text) == bool(one.fresh)
    again = json.dumps(two.short(found))
    assert (again, two.fresh) == (text, {})
    assert json.dumps(left.of("c").whole(json.loads(again))) == json.dumps(value)


def test_small_values_stay_where_they_are() -> None:
    values = Left().of("a")
    small: Json = {"text": "x" * (LIMIT - 100)}
    assert values.short(small) is small
    assert values.fresh == {}


def test_one_value_in_many_places_is_left_once() -> None:
    left = Left()
    values = left.of("a")
    response: Json = {"status": 200, "data": BIG}
    found = values.short({"response": response, "result": BIG, "store": {"x": {"y": json.loads(json.dumps(BIG))}}})
    assert len(values.fresh) == 1
    (key,) = values.fresh
    reference = {"\0": ["a", key.removeprefix(KEY)]}
    assert found == {
        "response": {"status": 200, "data": reference},
        "result": reference,
        "store": {"x": {"y": reference}},
    }
    left.keep("a", values)
    other = left.of("b")
    assert other.whole(found) == {"response": response, "result": BIG, "store": {"x": {"y": BIG}}}
    assert left.pulls == [key]


def test_many_large_values_are_left_together() -> None:
    values = Left().of("a")
    values.short([f"{n}" + "x" * LIMIT for n in range(FEW)])
    assert len(values.fresh) == FEW
    values = Left().of("a")
    values.short([f"{n}" + "x" * LIMIT for n in range(FEW + 1)])
    assert len(values.fresh) == 1


def test_a_value_that_is_gone_is_told() -> None:
    left = Left()
    found = left.of("load").short(BIG)
    with pytest.raises(ValueGone, match='task "load" left is gone: clear that task and all below it'):
        left.of("b").whole(found)


def test_text_that_looks_like_a_reference_is_none() -> None:
    values: tuple[Json, ...] = ('{"\\u0000": ["a', {"\\u0000": ["a", "b"]}, '"\\u0000": [')
    for value in values:
        assert not refers(json.dumps(value))
        assert Left().of("a").whole(value) == value


def test_a_chain_leaves_a_value_once() -> None:
    left = Left()
    text = ""
    total = 0
    for number in range(20):
        task = f"step{number}"
        values = left.of(task)
        packet: Json = {"workload": {}, "segments": [{"writes": {"big": [["set", BIG]]}}], "open": True}
        if text:
            (token,) = xcom.tokens(json.loads(text), ["next.0"], values)
            assert isinstance(token, dict)
            assert token["packet"] == packet
            packet = token["packet"]
        record: Json = {"step": task, "result": BIG if number == 0 else None}
        text = xcom.pack([record], [], [("next.0", {"packet": packet, "args": {}})], values)
        left.keep(task, values)
        total += len(text)
        assert xcom.records(json.loads(text), left.of("verdict")) == [record]
    assert total < 20 * 1000
    assert [len(stored) for stored in left.texts.values()] == [len(json.dumps(BIG))]
