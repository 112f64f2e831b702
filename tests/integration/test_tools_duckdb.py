"""The duckdb tool: databases in memory and in files (TOO-2, TOO-9, SNK-1, VAL-1)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from noetl.compiler.ir import Json
from noetl.compiler.values import SecretRef, SecretText
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.tools import ToolBox

from .calls import request
from .sql_calls import error, response, rows, run, tool, with_box

FILE = "data.db"


def sql(command: object, params: object = None, *, timeout: float = 60.0, **more: object) -> ToolCall:
    return request("duckdb", {"command": command, "params": params, **more}, timeout=timeout)


def into(table: str, data: object, **more: object) -> ToolCall:
    return request("duckdb", {"table": table, "data": data, "database": FILE, **more}, timeout=60.0)


def test_the_response_of_several_statements() -> None:
    text = """
        CREATE TABLE several (id int, name text);  -- a comment; with a semicolon
        INSERT INTO several VALUES (1, 'a;b'), (2, $$it's; $$), (3, 'x');
        SELECT id, name FROM several WHERE id < 3 ORDER BY id /* ; */;
        DELETE FROM several WHERE id = 3;
    """
    (outcome,) = run(sql(text))
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


@pytest.mark.parametrize("text", ["", "  ;  ", "-- nothing", []])
def test_no_statement_is_no_failure(text: object) -> None:
    assert run(sql(text))[0].response == {"rows": [], "row_count": 0, "columns": []}


def test_what_gives_rows_and_what_counts() -> None:
    text = """
        CREATE TABLE t AS SELECT unnest([1, 2, 3]) AS Count;
        UPDATE t SET Count = 5 WHERE Count > 1 RETURNING Count;
        SET threads = 1;
        PRAGMA disable_progress_bar;
        PIVOT (SELECT 1 AS a, 'x' AS b) ON b USING sum(a)"""
    made = response(run(sql(text))[0])
    assert [made[f"command_{i}"]["row_count"] for i in range(5)] == [3, 2, 0, 0, 1]
    assert made["command_1"]["rows"] == [{"Count": 5}, {"Count": 5}]
    assert made["command_3"]["columns"] == []
    assert made["rows"] == [{"x": 1}]


def test_a_database_in_memory_lives_for_one_call() -> None:
    calls = [sql("CREATE TABLE t (id int); SELECT 1 AS n", database=name) for name in (":memory:", ":memory:x", None)]
    for outcome in run(*calls, *calls):
        assert rows(outcome) == [{"n": 1}]


def test_a_file_is_beside_the_playbook(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    outcomes = run(
        sql("CREATE TABLE t AS SELECT 1 AS n", database="sub/a.db"),
        sql("FROM t", path="./sub/../sub/a.db"),
        sql("FROM t", database=str(tmp_path / "sub" / "a.db")),
        folder=tmp_path,
    )
    assert rows(outcomes[1]) == rows(outcomes[2]) == [{"n": 1}]
    assert (tmp_path / "sub" / "a.db").exists()


def test_files_that_are_read_are_looked_for_beside_the_playbook(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("name,age\nann,30\n")
    assert rows(run(sql("FROM 'people.csv'"), folder=tmp_path)[0]) == [{"name": "ann", "age": 30}]


@pytest.mark.parametrize(
    ("fields", "kind", "message"),
    [
        ({"database": "no/such/folder.db"}, "ConnectionFailed", "IO Error: Cannot open file"),
        ({"database": 5}, "ValueError", '"database" is the path of a file or ":memory:", not "5"'),
        ({"database": "s3://bucket/a.db"}, "ValueError", '"database" is the path of a file'),
        ({"database": "a", "path": "b"}, "ValueError", 'in either "database" or "path"'),
        ({"auth": "warehouse"}, "Unsupported", 'duckdb takes no "auth"'),
    ],
)
def test_what_is_no_database(fields: dict[str, object], kind: str, message: str, tmp_path: Path) -> None:
    failed = error(run(request("duckdb", {"command": "SELECT 1", **fields}), folder=tmp_path)[0])
    assert failed["type"] == kind
    assert message in str(failed["message"])


def test_all_statements_are_one_transaction(tmp_path: Path) -> None:
    text = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)"
    failed, there, undone = run(
        sql(text, database=FILE),
        sql("FROM duckdb_tables() SELECT count(*) AS n", database=FILE),
        sql("CREATE TABLE u (id int); SELECT 'nan'::double AS n", database=FILE),
        folder=tmp_path,
    )
    message = 'Constraint Error: PRIMARY KEY or UNIQUE constraint violation: duplicate key "1"'
    assert error(failed) == {"type": "SqlError", "message": message, "statement": 2}
    assert rows(there) == [{"n": 0}]
    assert error(undone)["type"] == "NotSerializable"
    assert rows(run(sql("FROM duckdb_tables() SELECT count(*) AS n", database=FILE), folder=tmp_path)[0]) == [{"n": 0}]


def test_begin_and_commit_of_the_text() -> None:
    whole, early = run(sql("BEGIN TRANSACTION; SELECT 1 AS a; COMMIT;"), sql("SELECT 1; ROLLBACK; SELECT 2"))
    assert rows(whole) == [{"a": 1}]
    assert (error(early)["type"], error(early)["statement"]) == ("SqlError", 1)


def test_errors_are_the_same_each_time() -> None:
    unknown, parse, later = run(
        sql("SELECT 1; FROM nope"), sql("SELECT 1; SELEC"), sql("SELECT 1/x FROM (VALUES ('a')) v(x)")
    )
    assert error(unknown) == {
        "type": "SqlError",
        "message": "Catalog Error: Table with name nope does not exist!",
        "statement": 1,
    }
    assert error(parse) == {"type": "SqlError", "message": 'Parser Error: syntax error at or near "SELEC"'}
    assert error(later)["statement"] == 0


HOSTILE = ("'; DROP TABLE t; --", '"', "\\'", "{{ x }}{% for %}", "$$ $1 %s %(a)s ? $a", "a\nb\u2028é\U0001f600", "")
VALUES: list[Json] = [*HOSTILE, 0, -1, 2**63, 2**70, -(2**127), True, None, 1.5, 1e-300]
VALUES += [[1, None], ["a", "b"], [1.5]]


@pytest.mark.parametrize("place", ["%s", "?", "$1", "%(a)s", "$a"])
def test_bound_values_arrive_as_they_are(place: str) -> None:
    for outcome, value in zip(
        run(*(sql(f"SELECT {place} AS v", {"a": v} if "a" in place else [v]) for v in VALUES)), VALUES, strict=True
    ):
        assert rows(outcome) == [{"v": value}]


@pytest.mark.parametrize("value", [{"a": [1, {"b": "{{ x }}"}]}, [1, "x", None], [[1], [2]], [], [True, 1]])
def test_maps_and_mixed_lists_are_bound_as_json(value: Json) -> None:
    assert rows(run(sql("SELECT ?::JSON AS v", [value]))[0]) == [{"v": value}]


def test_values_of_several_statements() -> None:
    text = "CREATE TABLE b (id int, t text); INSERT INTO b VALUES (%s, %s); SELECT *, 7 %% 4 AS r FROM b WHERE id = %s"
    assert rows(run(sql(text, [1, "x", 1]))[0]) == [{"id": 1, "t": "x", "r": 3}]
    text = "CREATE TABLE b (id int); INSERT INTO b VALUES ($2); SELECT $1 AS a, id FROM b WHERE id = $2"
    assert rows(run(sql(text, ["a", 1]))[0]) == [{"a": "a", "id": 1}]


def test_values_that_do_not_fit_are_clear_errors() -> None:
    large, short = run(sql("SELECT ?", [2**130]), sql("SELECT ?, ?", [1]))
    assert error(large)["type"] == "SqlError"
    assert "too large" in str(error(large)["message"])
    assert error(short) == {"type": "ValueError", "message": '"params" has 1 values, and a place for value 2'}


EVERY_TYPE: Mapping[str, tuple[str, Json]] = {
    "small": ("7::utinyint", 7),
    "huge": ("170141183460469231731687303715884105727", 2**127 - 1),
    "bignum": ("123456789012345678901234567890123456789012345678901234567890::bignum", int("1234567890" * 6)),
    "decimal_int": ("2.00::decimal(9, 2)", 2),
    "decimal": ("1.50", 1.5),
    "double": ("2::double", 2.0),
    "truth": ("true", True),
    "date": ("date '2024-02-29'", "2024-02-29"),
    "ides": ("date '0044-03-15 (BC)'", "0044-03-15 (BC)"),
    "time": ("time '10:00:00.25'", "10:00:00.250000"),
    "timetz": ("'10:00:00+02'::timetz", "10:00:00+02:00"),
    "timestamp": ("timestamp '2024-01-01 00:00:00'", "2024-01-01T00:00:00"),
    "nanoseconds": ("timestamp_ns '2024-01-01 00:00:00.123456789'", "2024-01-01T00:00:00.123456789"),
    "zoned": ("timestamptz '2024-01-01 02:00:00+02'", "2024-01-01T00:00:00+00:00"),
    "never": ("'infinity'::timestamptz", "infinity"),
    "interval": ("interval '1 month 2 days'", "1 month 2 days"),
    "uuid": ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "json": ("""json '{"z": 1, "a": [1.0, null]}'""", {"z": 1, "a": [1.0, None]}),
    "json_null": ("json 'null'", None),
    "list": ("[[1, null], [3]]", [[1, None], [3]]),
    "array": ("[date '2024-01-01']::date[1]", ["2024-01-01"]),
    "struct": (
        "{'at': timestamptz '2024-01-01 00:00:00+00', 'j': [json '[1]']}",
        {"at": "2024-01-01T00:00:00+00:00", "j": [[1]]},
    ),
    "row": ("row(1, 'a')", [1, "a"]),
    "map": ("map {date '2024-01-01': timestamp '2024-01-01 00:00:00'}", {"2024-01-01": "2024-01-01T00:00:00"}),
    "numbers": ("map {1: 'a'}", {"1": "a"}),
    "bits": ("'101'::bit", "101"),
    "mood": ("'glad'::enum('glad', 'sad')", "glad"),
    "union": ("union_value(k := 1)", 1),
    "none": ("NULL::int", None),
}


def test_values_of_every_type() -> None:
    text = ", ".join(f'{expression} AS "{name}"' for name, (expression, _) in EVERY_TYPE.items())
    (found,) = rows(run(sql(f"SELECT {text}"))[0])
    assert found == {name: value for name, (_, value) in EVERY_TYPE.items()}
    for name, (_, value) in EVERY_TYPE.items():
        assert type(found[name]) is type(value), name


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'nan'::double", "the number nan is not JSON"),
        ("'a'::blob", "a value of type bytes is not JSON"),
        ("['inf'::float]", "the number inf is not JSON"),
        ("map {[1]: 2}", "a map has lists or maps as its keys"),
        ("chr(0)", "NUL"),
        (f"json '{'[' * 300}{']' * 300}'", "nests deeper"),
    ],
)
def test_values_that_are_no_json(expression: str, message: str) -> None:
    failed = error(run(sql(f"SELECT {expression} AS v"))[0])
    assert failed["type"] == "NotSerializable"
    assert message in str(failed["message"])


def test_an_answer_without_end() -> None:
    text = "SELECT repeat('x', 1000000) AS t FROM range(70)"
    assert error(run(sql(text))[0])["type"] == "LimitExceeded"


def test_what_is_returned_may_hold_moments(tmp_path: Path) -> None:
    text = "CREATE TABLE t (z timestamptz); INSERT INTO t VALUES ('2024-01-01 00:00:00+00') RETURNING z"
    assert rows(run(sql(text))[0]) == [{"z": "2024-01-01T00:00:00+00:00"}]


def test_variables_of_python_are_no_tables() -> None:
    assert error(run(sql("FROM rows"))[0])["message"] == "Catalog Error: Table with name rows does not exist!"


def test_rows_into_a_table(tmp_path: Path) -> None:
    data: list[dict[str, Json]] = [
        {"id": 1, "name": "'; --", "tags": ["a", "b"], "doc": {"z": 1, "a": [True]}, "shape": {"q": 1}},
        {"id": 2, "Mixed": "kept", "doc": [1, "x"], "name": None},
        {"id": 3, "doc": [1, 2], "tags": []},
        {"id": 4, "name": '["text"]'},
    ]
    outcomes = run(
        sql(
            """CREATE TABLE t (id int PRIMARY KEY, name text DEFAULT 'none', tags text[], doc json, Mixed text,
            shape struct(q int))""",
            database=FILE,
        ),
        into("t", data),
        sql("SELECT * FROM t ORDER BY id", database=FILE),
        folder=tmp_path,
    )
    assert response(outcomes[1])["row_count"] == 4
    base: dict[str, Json] = {"name": "none", "tags": None, "doc": None, "Mixed": None, "shape": None}
    assert rows(outcomes[2]) == [{**base, **row} for row in data]


def test_values_of_a_column_are_not_made_of_one_type(tmp_path: Path) -> None:
    data: Json = [{"t": 1}, {"t": 2.5}, {"t": True}, {"t": "x"}, {"t": None}, {"t": [1]}]
    outcomes = run(
        sql("CREATE TABLE t (t text)", database=FILE), into("t", data), sql("FROM t", database=FILE), folder=tmp_path
    )
    assert [row["t"] for row in rows(outcomes[2])] == ["1", "2.5", "true", "x", None, "[1]"]


def test_upsert(tmp_path: Path) -> None:
    def upsert(data: object, key: object = "id") -> ToolCall:
        return into("main.t", data, mode="upsert", key=key)

    outcomes = run(
        sql("CREATE TABLE t (id text PRIMARY KEY, n int, note text DEFAULT 'new')", database=FILE),
        upsert([{"id": "a", "n": 1}, {"id": "b", "n": 2}, {"id": "a", "n": 3}]),
        sql("UPDATE t SET note = 'kept'", database=FILE),
        upsert({"id": "a", "n": 4}),
        upsert([{"id": "b"}, {"id": "c"}]),
        sql("FROM t ORDER BY id", database=FILE),
        upsert({"id": "a"}, key=["id", "n"]),
        folder=tmp_path,
    )
    assert response(outcomes[1])["row_count"] == 3
    assert rows(outcomes[5]) == [
        {"id": "a", "n": 4, "note": "kept"},
        {"id": "b", "n": 2, "note": "kept"},
        {"id": "c", "n": None, "note": "new"},
    ]
    assert error(outcomes[6])["message"] == 'row 0 of the data has no "n", which "key" names'


def test_many_rows_are_written_together(tmp_path: Path) -> None:
    data: Json = [{"id": n, "t": str(n), "u": None} for n in range(5000)]
    outcomes = run(
        sql("CREATE TABLE t (id int PRIMARY KEY, t text, u text)", database=FILE),
        into("t", data),
        into("t", data, mode="upsert", key="id"),
        into("t", [{"id": 9000, "t": "x", "u": "y"}, {"id": 0, "t": "x", "u": "y"}]),
        sql("SELECT count(*) AS n, sum(id) AS s, count(u) AS u FROM t", database=FILE),
        folder=tmp_path,
    )
    assert [response(outcome)["row_count"] for outcome in outcomes[1:3]] == [5000, 5000]
    assert error(outcomes[3])["type"] == "SqlError"
    assert rows(outcomes[4]) == [{"n": 5000, "s": 12497500, "u": 0}]


def test_extensions_that_are_built_in_need_no_repository() -> None:
    assert rows(run(sql("INSTALL json; LOAD json; INSTALL 'parquet'; SELECT 1 AS n"))[0]) == [{"n": 1}]


def test_other_databases_are_attached(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t AS SELECT 5 AS n")
    text = f"ATTACH '{tmp_path / 'other.db'}' AS other (READ_ONLY); CREATE TABLE mine AS FROM other.t; FROM mine"
    assert rows(run(sql(text))[0]) == [{"n": 5}]


def test_a_time_out_interrupts() -> None:
    endless = "SELECT count(*) FROM range(1000000000000) a, range(1000000) b"

    async def scenario(box: ToolBox) -> list[Outcome]:
        return await asyncio.gather(*(box.call(sql(endless, timeout=0.2)) for _ in range(10)))

    for outcome in with_box(scenario):
        assert error(outcome) == {"type": "Timeout", "message": "not finished within 0.2 s"}


def test_a_cancelled_call_leaves_the_file_to_others(tmp_path: Path) -> None:
    async def scenario(box: ToolBox) -> Outcome:
        text = "CREATE TABLE t (n int); SELECT count(*) FROM range(1000000000000) a, range(1000000) b"
        call = asyncio.create_task(box.call(sql(text, database=FILE)))
        while not (tmp_path / FILE).exists():
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return await box.call(sql("CREATE TABLE t (n int); SELECT 1 AS n", database=FILE))

    assert rows(with_box(scenario, folder=tmp_path)) == [{"n": 1}]


def test_calls_for_one_file_wait_for_each_other(tmp_path: Path) -> None:
    async def scenario(box: ToolBox) -> list[Outcome]:
        await box.call(sql("CREATE TABLE t (n int)", database=FILE))
        calls = (sql("INSERT INTO t VALUES (?); SELECT count(*) AS n FROM t", [n], database=FILE) for n in range(20))
        return await asyncio.gather(*map(box.call, calls))

    counted = sorted(rows(outcome)[0]["n"] for outcome in with_box(scenario, folder=tmp_path))
    assert counted == list(range(1, 21))


HOLD = """
import sys, duckdb
with duckdb.connect(sys.argv[1]) as held:
    held.execute("CREATE TABLE t AS SELECT 1 AS n")
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_file_that_another_process_has_open_is_waited_for(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / FILE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        stdin = other.stdin

        async def scenario(box: ToolBox) -> list[Outcome]:
            late = await box.call(sql("FROM t", database=FILE, timeout=0.3))
            call = asyncio.create_task(box.call(sql("FROM t", database=FILE)))
            await asyncio.sleep(0.1)
            stdin.write("\n")
            stdin.flush()
            return [late, await call]

        late, found = with_box(scenario, folder=tmp_path)
    assert error(late)["type"] == "Timeout"
    assert rows(found) == [{"n": 1}]


def test_text_that_is_not_rendered(tmp_path: Path) -> None:
    (tmp_path / "query.sql").write_text("SELECT '{{ x }}' AS t, ?::int AS n")
    script, encoded, listed = run(
        tool("duckdb", script={"uri": "query.sql", "source": {"type": "file"}}, params=[5]),
        tool("duckdb", command_b64="U0VMRUNUICd7eyB4IH19JyBBUyB0"),
        sql(["SELECT 1 AS a; SELECT 2 AS b", "SELECT %s AS c"], [3]),
        folder=tmp_path,
    )
    assert rows(script) == [{"t": "{{ x }}", "n": 5}]
    assert rows(encoded) == [{"t": "{{ x }}"}]
    assert (rows(listed), "command_2" in response(listed)) == ([{"c": 3}], True)


def test_secrets_leave_in_no_answer_and_no_error() -> None:
    secret = SecretRef("canary")
    outcomes = run(
        sql("SELECT ? AS told", [secret]),
        sql(SecretText(("SELECT '", secret, "' AS told"))),
        sql(SecretText(("FROM ", secret))),
        credentials={"canary": "c4n4ry_secret"},
    )
    assert rows(outcomes[0]) == rows(outcomes[1]) == [{"told": "***"}]
    assert "c4n4ry" not in repr(outcomes)
