"""The postgres tool against a real server (TOO-2, TOO-6, TOO-9, SNK-1, VAL-1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from noetl.compiler.ir import Json
from noetl.runtime.ports import ToolCall

from .postgres_calls import into, sql
from .sql_calls import error, response, rows, run, tool


def test_the_response_of_several_statements(store: Mapping[str, Json]) -> None:
    text = """
        CREATE TABLE several (id int, name text);  -- a comment; with a semicolon
        INSERT INTO several VALUES (1, 'a;b'), (2, $$it's; $$), (3, 'x');
        SELECT id, name FROM several WHERE id < 3 ORDER BY id /* ; */;
        DELETE FROM several WHERE id = 3;
    """
    (outcome,) = run(sql(text), credentials=store)
    selected: Json = [{"id": 1, "name": "a;b"}, {"id": 2, "name": "it's; "}]
    nothing: dict[str, Json] = {"rows": [], "columns": []}
    assert outcome.response == {
        "command_0": {**nothing, "row_count": 0},
        "command_1": {**nothing, "row_count": 3},
        "command_2": {"rows": selected, "row_count": 2, "columns": ["id", "name"]},
        "command_3": {**nothing, "row_count": 1},
        "rows": selected,
        "row_count": 2,
        "columns": ["id", "name"],
    }
    assert outcome.view == "sql"


def test_row_count_without_rows_is_what_all_statements_changed(store: Mapping[str, Json]) -> None:
    made, changed = run(
        sql("CREATE TABLE counted (id int)"),
        sql("INSERT INTO counted VALUES (1), (2); INSERT INTO counted VALUES (3)"),
        credentials=store,
    )
    assert response(made)["row_count"] == 0
    assert response(changed)["row_count"] == 3


def test_no_rows_are_the_rows_of_the_last_statement_that_could_give_some(store: Mapping[str, Json]) -> None:
    (outcome,) = run(sql("SELECT 1 AS a; SELECT 2 AS b WHERE false"), credentials=store)
    assert (response(outcome)["rows"], response(outcome)["columns"]) == ([], ["b"])


@pytest.mark.parametrize("text", ["", "  ;  ", "-- nothing", []])
def test_no_statement_is_no_failure(text: object, store: Mapping[str, Json]) -> None:
    assert run(sql(text), credentials=store)[0].response == {"rows": [], "row_count": 0, "columns": []}


def test_all_statements_are_one_transaction(store: Mapping[str, Json]) -> None:
    failed, there = run(
        sql("CREATE TABLE undone (id int PRIMARY KEY); INSERT INTO undone VALUES (1); INSERT INTO undone VALUES (1)"),
        sql("SELECT to_regclass('undone') AS found"),
        credentials=store,
    )
    assert error(failed) == {
        "type": "SqlError",
        "message": 'duplicate key value violates unique constraint "undone_pkey" (Key (id)=(1) already exists.)',
        "sqlstate": "23505",
        "statement": 2,
    }
    assert rows(there) == [{"found": None}]


def test_an_answer_that_is_no_json_undoes_the_call(store: Mapping[str, Json]) -> None:
    outcomes = run(
        sql("CREATE TABLE answered (id int)"),
        sql("INSERT INTO answered VALUES (1); SELECT 'nan'::float8 AS n"),
        sql("SELECT count(*) AS n FROM answered"),
        credentials=store,
    )
    assert error(outcomes[1]) == {"type": "NotSerializable", "message": "the number nan is not JSON (at .n)"}
    assert rows(outcomes[2]) == [{"n": 0}]


def test_a_failure_at_commit_is_of_no_statement(store: Mapping[str, Json]) -> None:
    text = """
        CREATE TABLE parent (id int PRIMARY KEY);
        CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO child VALUES (1)"""
    failed = error(run(sql(text), credentials=store)[0])
    assert (failed["sqlstate"], "statement" in failed) == ("23503", False)


def test_begin_and_commit_of_the_text(store: Mapping[str, Json]) -> None:
    whole, early, undone = run(
        sql("BEGIN; SELECT 1 AS a; COMMIT;"),
        sql("CREATE TABLE early (id int); COMMIT; SELECT nope"),
        sql("SELECT to_regclass('early') AS found"),
        credentials=store,
    )
    assert (rows(whole), "command_2" in response(whole)) == ([{"a": 1}], True)
    assert (error(early)["type"], error(early)["statement"]) == ("SqlError", 1)
    assert rows(undone) == [{"found": None}]


def test_savepoints(store: Mapping[str, Json]) -> None:
    text = "CREATE TABLE s (id int); SAVEPOINT a; INSERT INTO s VALUES (1); ROLLBACK TO a; SELECT count(*) AS n FROM s"
    assert rows(run(sql(text), credentials=store)[0]) == [{"n": 0}]


def test_what_postgres_refuses_in_a_transaction_runs_alone(store: Mapping[str, Json]) -> None:
    alone, together = run(sql("VACUUM pg_class"), sql("SELECT 1; VACUUM pg_class"), credentials=store)
    assert response(alone)["row_count"] == 0
    assert (error(together)["sqlstate"], error(together)["statement"]) == ("25001", 1)


def test_routines_and_blocks(store: Mapping[str, Json]) -> None:
    text = """
        CREATE FUNCTION atomic_one() RETURNS int LANGUAGE sql
          BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 5; END;
        CREATE OR REPLACE FUNCTION quoted_one() RETURNS int AS $body$ BEGIN RETURN 7; END; $body$ LANGUAGE plpgsql;
        DO $$ BEGIN PERFORM 1; END $$;
        SELECT atomic_one() AS a, quoted_one() AS q"""
    assert rows(run(sql(text), credentials=store)[0]) == [{"a": 5, "q": 7}]


HOSTILE = (
    "'; DROP TABLE hostile; --",
    '"',
    "\\'",
    "{{ workload.secret }}{% for x in y %}",
    "$$ $1 %s %(a)s ?",
    "a\nb\tc\u2028é\U0001f600",
    "",
)
NUMBERS = (0, -1, 2**31, 2**63, -(2**70), 2**70, 10**400)
VALUES: list[tuple[Json, str]] = [
    *((text, "text") for text in HOSTILE),
    *((number, "numeric") for number in NUMBERS),
    (True, "bool"),
    (None, "int"),
    (1.5, "float8"),
    (1e-300, "float8"),
    ({"a": [1, {"b": "{{ x }}"}]}, "json"),
    ([1, "x", None], "jsonb"),
    ([[1], [2]], "int[]"),
    (["a", 'b"\\', None, "NULL", ""], "text[]"),
    ([], "int[]"),
    ([{"a": 1}], "jsonb[]"),
]


@pytest.mark.parametrize("place", ["%s", "%(a)s", "$1"])
def test_bound_values_arrive_as_they_are(place: str, store: Mapping[str, Json]) -> None:
    calls = [
        sql(f"SELECT {place}::{kind} AS v", {"a": value} if place == "%(a)s" else [value]) for value, kind in VALUES
    ]
    for outcome, (value, kind) in zip(run(*calls, credentials=store), VALUES, strict=True):
        assert rows(outcome) == [{"v": value}], kind


def test_a_list_is_an_array_where_one_is_wanted(store: Mapping[str, Json]) -> None:
    (outcome,) = run(
        sql("SELECT array_agg(n) AS found FROM generate_series(1, 9) n WHERE n = ANY(%(some)s)", {"some": [2, 5]}),
        credentials=store,
    )
    assert rows(outcome) == [{"found": [2, 5]}]


def test_values_of_several_statements(store: Mapping[str, Json]) -> None:
    (outcome,) = run(
        sql(
            "CREATE TEMP TABLE b (id int, t text); INSERT INTO b VALUES (%s, %s); SELECT * FROM b WHERE id = %s",
            [1, "x", 1],
        ),
        credentials=store,
    )
    assert rows(outcome) == [{"id": 1, "t": "x"}]


def test_json_operators_are_no_places(store: Mapping[str, Json]) -> None:
    text = """SELECT '{"a": 1}'::jsonb ? %(key)s AS has, '10%%' AS percent, 7 %% 4 AS rest, '[1:2]' AS slice"""
    assert rows(run(sql(text, {"key": "a"}), credentials=store)[0]) == [
        {"has": True, "percent": "10%", "rest": 3, "slice": "[1:2]"}
    ]


def test_values_that_do_not_fit_are_clear_errors(store: Mapping[str, Json]) -> None:
    outcomes = run(
        sql("CREATE TABLE narrow (n int)"),
        into("narrow", {"n": 2**70}),
        into("narrow", {"n": "one"}),
        sql("SELECT %s::text AS t", ["a\0b"]),
        sql("SELECT %s, %s", [1]),
        credentials=store,
    )
    assert error(outcomes[1]) == {"type": "SqlError", "message": "integer out of range", "sqlstate": "22003"}
    assert error(outcomes[2])["message"] == 'invalid input syntax for type integer: "one"'
    assert error(outcomes[3])["type"] == "NotSerializable"
    assert error(outcomes[4]) == {"type": "ValueError", "message": '"params" has 1 values, and a place for value 2'}


EVERY_TYPE: Mapping[str, tuple[str, Json]] = {
    "small": ("7::smallint", 7),
    "big": ("9223372036854775807", 2**63 - 1),
    "numeric_int": ("123456789012345678901234567890.00", 123456789012345678901234567890),
    "numeric": ("1.50", 1.5),
    "real": ("0.5::real", 0.5),
    "double": ("2::float8", 2.0),
    "truth": ("true", True),
    "text": ("'é'::text", "é"),
    "char": ("'a'::char(3)", "a  "),
    "date": ("date '2024-02-29'", "2024-02-29"),
    "time": ("time '10:00:00.25'", "10:00:00.250000"),
    "timetz": ("'10:00+02'::timetz", "10:00:00+02:00"),
    "timestamp": ("timestamp '2024-01-01 00:00:00'", "2024-01-01T00:00:00"),
    "timestamptz": ("'2024-01-01 02:00+02'::timestamptz AT TIME ZONE 'UTC'", "2024-01-01T00:00:00"),
    "zoned": ("'2024-01-01 00:00+00'::timestamptz", "2024-01-01T00:00:00+00:00"),
    "never": ("'infinity'::timestamp", "infinity"),
    "ides": ("date '0044-03-15 BC'", "0044-03-15 BC"),
    "interval": ("interval '1 month 2 days 3 hours'", "1 mon 2 days 03:00:00"),
    "uuid": ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "json": ("""'{"z": 1, "a": [1.0, null]}'::json""", {"z": 1, "a": [1.0, None]}),
    "jsonb": ("""'"text"'::jsonb""", "text"),
    "json_null": ("'null'::jsonb", None),
    "array": ("array[[1, null], [3, 4]]", [[1, None], [3, 4]]),
    "dates": ("array[date '2024-01-01']", ["2024-01-01"]),
    "record": ("row(1, 'a', null)", ["1", "a", None]),
    "inet": ("inet '10.0.0.1/8'", "10.0.0.1/8"),
    "range": ("int4range(1, 5)", "[1,5)"),
    "point": ("point(1, 2)", "(1,2)"),
    "bits": ("b'101'", "101"),
    "oid": ("1::oid", 1),
    "mood": ("'glad'::mood", "glad"),
    "moods": ("array['glad', 'sad']::mood[]", ["glad", "sad"]),
    "none": ("NULL::int", None),
}


def test_values_of_every_type(store: Mapping[str, Json]) -> None:
    text = ", ".join(f"{expression} AS {name}" for name, (expression, _) in EVERY_TYPE.items())
    _, outcome = run(
        sql("CREATE TYPE mood AS ENUM ('glad', 'sad')"), sql(f"SET TIME ZONE 'UTC'; SELECT {text}"), credentials=store
    )
    (found,) = rows(outcome)
    assert found == {name: value for name, (_, value) in EVERY_TYPE.items()}
    for name, (_, value) in EVERY_TYPE.items():
        assert type(found[name]) is type(value), name


@pytest.mark.parametrize(
    "expression",
    [
        "'NaN'::numeric",
        "'-Infinity'::float8",
        "'\\x00'::bytea",
        "array['NaN'::float4]",
        f"'{'[' * 300}{']' * 300}'::json",
    ],
)
def test_values_that_are_no_json(expression: str, store: Mapping[str, Json]) -> None:
    failed = error(run(sql(f"SELECT {expression} AS v"), credentials=store)[0])
    assert failed["type"] == "NotSerializable"
    assert "v" in str(failed["message"])


def test_columns_with_one_name(store: Mapping[str, Json]) -> None:
    failed = error(run(sql("SELECT 1 AS a, 2 AS b, 3 AS a"), credentials=store)[0])
    assert failed["message"] == 'several columns are called "a"; name them apart with AS'


def test_an_answer_without_end(store: Mapping[str, Json]) -> None:
    text = "SELECT repeat('x', 1000000) AS t FROM generate_series(1, 70)"
    assert error(run(sql(text), credentials=store)[0])["type"] == "LimitExceeded"


def test_rows_into_a_table(store: Mapping[str, Json]) -> None:
    data: Json = [
        {"id": 1, "name": "'; --", "tags": ["a", "b"], "doc": {"z": 1, "a": [True]}},
        {"id": 2, "Mixed Case": "kept", "doc": [1]},
        {"id": 3},
    ]
    made = sql("""CREATE TABLE written (
        id int PRIMARY KEY, name text DEFAULT 'none', tags text[], doc json, "Mixed Case" text, at timestamptz)""")
    outcomes = run(made, into("written", data), sql("SELECT * FROM written ORDER BY id"), credentials=store)
    assert response(outcomes[1])["row_count"] == 3
    base = {"name": "none", "tags": None, "doc": None, "Mixed Case": None, "at": None}
    assert isinstance(data, list)
    assert rows(outcomes[2]) == [{**base, **row} for row in data if isinstance(row, dict)]


def test_upsert(store: Mapping[str, Json]) -> None:
    def upsert(data: object, key: object = "id") -> ToolCall:
        return into("upserted", data, mode="upsert", key=key)

    outcomes = run(
        sql("CREATE TABLE upserted (id text PRIMARY KEY, n int, note text DEFAULT 'new')"),
        upsert([{"id": "a", "n": 1}, {"id": "b", "n": 2}, {"id": "a", "n": 3}]),
        sql("UPDATE upserted SET note = 'kept'"),
        upsert({"id": "a", "n": 4}),
        upsert([{"id": "b"}, {"id": "c"}]),
        sql("SELECT * FROM upserted ORDER BY id"),
        upsert({"n": 4}),
        upsert({"id": "z", "n": 1}, key=["id", "n"]),
        credentials=store,
    )
    assert rows(outcomes[5]) == [
        {"id": "a", "n": 4, "note": "kept"},
        {"id": "b", "n": 2, "note": "kept"},
        {"id": "c", "n": None, "note": "new"},
    ]
    assert error(outcomes[6])["message"] == 'row 0 of the data has no "id", which "key" names'
    assert error(outcomes[7])["sqlstate"] == "42P10"


def test_args_are_a_row_where_there_is_no_data(store: Mapping[str, Json]) -> None:
    outcomes = run(
        sql("CREATE TABLE args_row (a int, b text)"),
        tool("postgres", {"a": 1, "b": "x"}, auth="pg", table="public.args_row"),
        tool("postgres", {"a": 1}, auth="pg", table="args_row", data=[]),
        sql("SELECT * FROM args_row"),
        credentials=store,
    )
    assert response(outcomes[2])["row_count"] == 0
    assert rows(outcomes[3]) == [{"a": 1, "b": "x"}]


def test_a_row_that_fails_undoes_all(store: Mapping[str, Json]) -> None:
    outcomes = run(
        sql("CREATE TABLE all_or_none (id int PRIMARY KEY)"),
        into("all_or_none", [{"id": 1}, {"id": 2}, {"id": 1}]),
        into('"no such"."table"', {"id": 1}),
        sql("SELECT count(*) AS n FROM all_or_none"),
        credentials=store,
    )
    assert error(outcomes[1])["sqlstate"] == "23505"
    assert error(outcomes[2])["sqlstate"] == "42P01"
    assert rows(outcomes[3]) == [{"n": 0}]


def test_a_list_of_texts_and_text_that_is_not_rendered(tmp_path: Path, store: Mapping[str, Json]) -> None:
    (tmp_path / "query.sql").write_text("SELECT '{{ x }}' AS t, %s::int AS n")
    (tmp_path / "both.sql").write_text("SELECT 1 AS a;")
    outcomes = run(
        sql(["SELECT 1 AS a; SELECT 2 AS b", "SELECT %s::int AS c"], [3]),
        tool("postgres", auth="pg", script={"uri": "query.sql", "source": {"type": "file"}}, params=[5]),
        tool("postgres", auth="pg", command_b64="U0VMRUNUICd7eyB4IH19JyBBUyB0"),
        sql([1]),
        credentials=store,
        folder=tmp_path,
    )
    assert [name for name in response(outcomes[0]) if name.startswith("command_")] == [
        "command_0",
        "command_1",
        "command_2",
    ]
    assert rows(outcomes[0]) == [{"c": 3}]
    assert rows(outcomes[1]) == [{"t": "{{ x }}", "n": 5}]
    assert rows(outcomes[2]) == [{"t": "{{ x }}"}]
    assert error(outcomes[3])["type"] == "TypeError"
