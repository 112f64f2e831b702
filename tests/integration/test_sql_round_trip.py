"""Whatever JSON goes into a database comes out of it as it was (VAL-1, TOO-2), bound and through a sink."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noetl.compiler.ir import Json
from noetl.conformance.observation import same
from noetl.runtime.ports import ToolCall

from .calls import request
from .sql_calls import rows, run, tool

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["'", '"', "\\", "{{ x }}", "%s", "%%", "$1", "?", "; --", "$$", "/*", "NULL", "{}", "[1]"]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**100), 2**100) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


CREATE = "CREATE TABLE IF NOT EXISTS t (t text, v json, w json); DELETE FROM t"


@pytest.fixture(scope="module")
def address(new_database: Callable[[], str]) -> str:
    return new_database()


@settings(max_examples=25)
@given(text=TEXTS, value=VALUES)
def test_postgres_gives_back_what_it_got(address: str, text: str, value: Json) -> None:

    def sql(**fields: object) -> ToolCall:
        return request("postgres", {"auth": {"type": "postgres", "dsn": address}, **fields}, timeout=60.0)

    rows_written: Json = [{"t": text, "v": [value]}, {"t": text, "v": {"a": value}, "w": None}]
    outcomes = run(
        sql(command="SELECT %s AS t, %s::json AS v", params=[text, {"v": value}]),
        sql(command=CREATE),
        sql(table="t", data=rows_written),
        sql(command="SELECT t, v FROM t WHERE t = %(t)s", params={"t": text}),
    )
    assert same(rows(outcomes[0]), [{"t": text, "v": {"v": value}}])
    assert same(rows(outcomes[3]), [{"t": text, "v": [value]}, {"t": text, "v": {"a": value}}])


@settings(max_examples=25)
@given(text=TEXTS, value=VALUES)
def test_duckdb_gives_back_what_it_got(tmp_path_factory: pytest.TempPathFactory, text: str, value: Json) -> None:
    file = str(tmp_path_factory.getbasetemp() / "round_trip.db")
    rows_written: Json = [{"t": text, "v": [value]}, {"t": text, "v": {"a": value}, "w": None}]
    outcomes = run(
        tool("duckdb", command="SELECT ? AS t, ?::json AS v", params=[text, {"v": value}]),
        tool("duckdb", command=CREATE, database=file),
        tool("duckdb", table="t", data=rows_written, database=file),
        tool("duckdb", command="SELECT t, v FROM t WHERE t = $t", params={"t": text}, database=file),
    )
    assert same(rows(outcomes[0]), [{"t": text, "v": {"v": value}}])
    assert same(rows(outcomes[3]), [{"t": text, "v": [value]}, {"t": text, "v": {"a": value}}])
