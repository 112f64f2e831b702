"""Values become JSON in one way (VAL-1), and root values are seen as TPL-9, TOO-1 and TOO-2 say."""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from uuid import UUID

import pytest

from noetl.compiler.ir import Json
from noetl.compiler.values import (
    MAX_DEPTH,
    MAX_DIGITS,
    MISSING,
    Kind,
    NotSerializable,
    Undefined,
    View,
    contents,
    is_undefined,
    plain,
    to_json,
    truth,
    view,
)


class Color(Enum):
    RED = 1


class Size(IntEnum):
    BIG = 3


class Word(StrEnum):
    YES = "yes"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2024, 5, 1, 12, 30, tzinfo=UTC), "2024-05-01T12:30:00+00:00"),
        (date(2024, 5, 1), "2024-05-01"),
        (time(12, 30), "12:30:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("a/b"), "a/b"),
        ((1, (2,)), [1, [2]]),
        ({2, 1}, [1, 2]),
        (frozenset(("b", "a")), ["a", "b"]),
        ({1, "a", None}, [None, 1, "a"]),
        (Decimal("2.00"), 2),
        (Decimal("1e3"), 1000),
        (Decimal("-0"), 0),
        (Decimal("1.5"), 1.5),
        (Decimal("1e-400"), 0.0),
        (2**70, 2**70),
        (True, True),
        (Size.BIG, 3),
        (Word.YES, "yes"),
        (1e300, 1e300),
        (
            {1: "a", 1.5: "b", True + 1: "c", None: "d", False: "e"},
            {"1": "a", "1.5": "b", "2": "c", "null": "d", "false": "e"},
        ),
        (OrderedDict(z=1, a=2), {"z": 1, "a": 2}),
        ("é\U0001f600", "é\U0001f600"),
        ([], []),
    ],
)
def test_json_of_a_value(value: object, expected: object) -> None:
    made = to_json(value)
    assert made == expected
    assert type(made) is type(expected)
    assert plain(value) == made
    assert json.loads(json.dumps(made)) == made


def test_the_order_of_keys_survives() -> None:
    assert list(to_json({"z": 1, "a": 2, 3: 4})) == ["z", "a", "3"]  # type: ignore[arg-type]


def test_the_copy_shares_no_list_or_map() -> None:
    inner: list[object] = [1]
    value = {"a": inner, "b": inner}
    made = to_json(value)
    inner.append(2)
    value["c"] = inner
    assert made == {"a": [1], "b": [1]}
    assert isinstance(made, dict)
    assert made["a"] is not made["b"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"x", "a value of type bytes is not JSON"),
        (object(), "a value of type object is not JSON"),
        (Color.RED, "a value of type Color is not JSON"),
        (1j, "a value of type complex is not JSON"),
        (MappingProxyType({}), "a value of type mappingproxy is not JSON"),
        (range(3), "a value of type range is not JSON"),
        ((x for x in "ab"), "a value of type generator is not JSON"),
        (float("nan"), "the number nan is not JSON"),
        (float("-inf"), "the number -inf is not JSON"),
        (Decimal("NaN"), "the number NaN is not JSON"),
        (Decimal("Infinity"), "the number Infinity is not JSON"),
        (Decimal("1e999999999"), "an integer has more than 4300 digits"),
        ("a\0b", "a text holds a NUL character, which is not JSON"),
        ("\ud800", "a text holds a lone surrogate, which is not JSON"),
        ({"a\0": 1}, "a text holds a NUL character, which is not JSON"),
        ({1: "a", "1": "b"}, 'two keys of a map become "1"'),
        ({None: 1, "null": 2}, 'two keys of a map become "null"'),
        ({(1, 2): 1}, "a key of type tuple is not JSON"),
        ({float("nan"): 1}, "a key of type float is not JSON"),
        ({"rows": [1, {"blob": b"x"}]}, "a value of type bytes is not JSON (at .rows[1].blob)"),
    ],
)
def test_what_is_not_json_is_an_error(value: object, message: str) -> None:
    with pytest.raises(NotSerializable) as caught:
        to_json(value)
    assert str(caught.value) == message


def test_integers_of_any_size_that_can_be_written() -> None:
    largest = 10**MAX_DIGITS - 1
    assert to_json([largest, -largest]) == [largest, -largest]
    assert json.loads(json.dumps(to_json(largest))) == largest
    for value in (largest + 1, -largest - 1, {largest + 1: 0}):
        with pytest.raises(NotSerializable, match="more than 4300 digits"):
            to_json(value)


def nested(levels: int) -> object:
    value: object = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_depth_has_a_bound() -> None:
    assert to_json(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    json.dumps(to_json(nested(MAX_DEPTH)))
    for levels in (MAX_DEPTH + 1, 50_000):
        with pytest.raises(NotSerializable, match="nests deeper than 256 levels"):
            to_json(nested(levels))


def test_a_cycle_is_too_deep() -> None:
    cycle: list[object] = [0]
    cycle.append(cycle)
    with pytest.raises(NotSerializable, match="nests deeper"):
        to_json({"a": cycle})


@pytest.mark.parametrize("value", [Undefined(name="x"), MISSING])
def test_undefined_is_null_where_json_is_needed(value: object) -> None:
    assert is_undefined(value)
    assert plain(value) is None
    assert plain({"a": [value]}) == {"a": [None]}
    with pytest.raises(NotSerializable):
        to_json(value)


def test_a_view_is_its_json() -> None:
    envelope: Json = {"rows": [{"a": 1}], "row_count": 1}
    seen = view("sql", envelope)
    assert plain(seen) == envelope
    assert plain([seen]) == [envelope]
    assert plain(MappingProxyType({"step": seen})) == {"step": envelope}
    assert repr(seen) == repr(envelope)
    with pytest.raises(NotSerializable):
        to_json(seen)


@pytest.mark.parametrize("value", [None, 1, "x", [1], True])
def test_only_maps_need_a_view(value: Json) -> None:
    assert view("http", value) is value


def seen(kind: Kind, **value: Json) -> View:
    made = view(kind, value)
    assert isinstance(made, View)
    return made


def test_forgiving_reads_of_a_plain_map() -> None:
    outcome = seen("plain", status="ok", data={"x": 1, "status": "inner", "items": [1]})
    assert outcome.read("x") == 1
    assert outcome.read("items") == [1]
    assert outcome.read("status") == "ok"
    assert outcome.read("data") == {"x": 1, "status": "inner", "items": [1]}
    assert outcome.read("nope") is MISSING
    assert outcome.read("result") is outcome


def test_no_forgiving_read_without_status_or_a_map_data() -> None:
    assert seen("plain", data={"x": 1}).read("x") is MISSING
    assert seen("plain", status=1, data=[1]).read("x") is MISSING
    assert seen("plain", status=1).read("x") is MISSING
    bare = seen("plain", x=1)
    assert bare.read("data") is bare
    assert seen("plain", data=None).read("data") is None


def test_http_falls_through_to_data_without_status() -> None:
    assert seen("http", data={"x": 1}).read("x") == 1
    assert seen("http", data="text").read("x") is MISSING


def test_sql_acts_on_its_rows() -> None:
    table = seen("sql", rows=[{"a": 1}, {"a": 2}], row_count=2, command_0={})
    assert len(table) == 2
    assert list(table) == [{"a": 1}, {"a": 2}]
    assert table[0] == {"a": 1}
    assert table[-1:] == [{"a": 2}]
    assert table["row_count"] == 2
    assert "rows" in table
    assert {"a": 2} in table
    assert list(table.keys()) == ["rows", "row_count", "command_0"]
    assert table.read("data") is table
    assert not seen("sql", rows=[], row_count=0)
    assert seen("sql", rows=[{}], row_count=1)


def test_sql_without_a_list_of_rows_is_a_map() -> None:
    assert list(seen("sql", row_count=2)) == ["row_count"]
    assert seen("sql", row_count=2)["row_count"] == 2


def test_contents_is_what_a_loop_walks() -> None:
    assert contents(seen("sql", rows=[1])) == [1]
    assert contents(seen("http", data=1)) == {"data": 1}
    assert contents([1]) == [1]
    assert contents(None) is None


def test_views_compare_like_their_maps() -> None:
    assert seen("http", a=1) == {"a": 1}
    assert [seen("plain", a=1)] == [{"a": 1}]
    assert seen("http", a=1) == seen("plain", a=1)
    assert seen("http", a=1) != {"a": 2}


@pytest.mark.parametrize("text", ["false", "0", "no", "off", "none", "null", "", "FALSE", "No", "Off", "None"])
def test_texts_that_are_false(text: str) -> None:
    assert truth(text) is False


@pytest.mark.parametrize("value", ["x", "true", " ", "nope", "0.0", 1, [0], {"a": 1}, -1.5])
def test_values_that_are_true(value: object) -> None:
    assert truth(value) is True


@pytest.mark.parametrize(
    "value", [0, None, [], {}, 0.0, False, Undefined(name="x"), seen("sql", rows=[]), seen("http")]
)
def test_values_that_are_false(value: object) -> None:
    assert truth(value) is False
