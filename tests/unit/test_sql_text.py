"""SQL as text: statements, places for values, tables as sinks name them (TOO-2, SNK-1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noetl.runtime.tools.failure import CallFailed
from noetl.runtime.tools.sql.command import transaction_marks
from noetl.runtime.tools.sql.moments import moment
from noetl.runtime.tools.sql.table import table_write
from noetl.runtime.tools.sql.text import Binder, Bound, opening, quoted, statements, tokens

PIECES = (
    *("'", '"', "$$", "$a$", "$1", "/*", "*/", "--", "\n", ";", "(", ")", "\\", "E'", "%s", "%(a)s", "%%", "?", "$a"),
    *("begin", " ", "x1", "1.5", "é", "atomic", "create function", "end", "case", "%", "$", "::"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_tokens_are_the_text(sql: str) -> None:
    assert "".join(token.text for token in tokens(sql)) == sql


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_without_params_nothing_is_touched(sql: str) -> None:
    nothing: tuple[object, ...] = (None, [], {})
    for params in nothing:
        assert Binder(params, native=True).bind(sql) == Bound(sql)


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("", []),
        (" ; -- nothing\n;;/* at ; all */", []),
        ("a;b", ["a", "b"]),
        ("a; -- b;\n c;", ["a", "-- b;\n c"]),
        ("select ';', \";\", $$;$$, $q$ $$;$q$", ["select ';', \";\", $$;$$, $q$ $$;$q$"]),
        ("select 'it''s;'; select 1", ["select 'it''s;'", "select 1"]),
        (r"select '\'; select 1", [r"select '\'", "select 1"]),
        (r"select E'\';'; select 1", [r"select E'\';'", "select 1"]),
        ("/* a /* b; */ ; */ select 1; x", ["/* a /* b; */ ; */ select 1", "x"]),
        ("create rule r as on insert to t do (delete from u; delete from v); x", None),
        ("create or replace function f() returns int begin atomic select case when a then 1 end; end; x", None),
        ("create procedure p() language sql begin atomic insert into t values (1); end; x", None),
        ("select a$b; select $1", ["select a$b", "select $1"]),
        ("select $é$;$é$; x", ["select $é$;$é$", "x"]),
        ("begin; insert into t values (1); end", ["begin", "insert into t values (1)", "end"]),
        ("select 'unfinished; x", ["select 'unfinished; x"]),
        ("select $$ unfinished; x", ["select $$ unfinished; x"]),
        ("/* unfinished; x", []),
    ],
)
def test_statements(sql: str, parts: list[str] | None) -> None:
    assert statements(sql) == ([sql.removesuffix("; x"), "x"] if parts is None else parts)


def test_opening_words() -> None:
    assert opening(" -- a\n/* b */ create  OR\nreplace view v as select 1") == "CREATE OR REPLACE VIEW"
    assert opening("(select 1)") == "("
    assert opening("'x'") == "'x'"


def test_a_list_goes_through_all_statements() -> None:
    binder = Binder([1, "two", None], native=False)
    assert binder.bind("a = %s and b = %s") == Bound("a = $1 and b = $2", (1, "two"))
    assert binder.bind("'%s' or c = %s -- %s") == Bound("'%s' or c = $1 -- %s", (None,))
    binder.done()


def test_a_map_is_read_by_name_as_often_as_it_is_named() -> None:
    binder = Binder({"a": 1, "b": [2]}, native=False)
    assert binder.bind("%(b)s, %(a)s, %(b)s") == Bound("$1, $2, $1", ([2], 1))
    assert binder.bind("x ? 'a' and $b") == Bound("x ? 'a' and $b")
    binder.done()


def test_numbers_are_of_the_whole_list() -> None:
    binder = Binder(["x", "y"], native=False)
    assert binder.bind("$2::int, $2") == Bound("$1::int, $1", ("y",))
    assert binder.bind("$1") == Bound("$1", ("x",))
    binder.done()


def test_places_that_are_native_elsewhere() -> None:
    binder = Binder([1, 2], native=True, mark="$p")
    assert binder.bind("? + ?") == Bound("$p1 + $p2", (1, 2))
    assert Binder({"a": 1}, native=True).bind("$a, '$a', $$?$$") == Bound("$1, '$a', $$?$$", (1,))


def test_a_percent_sign_is_written_twice_beside_places_only() -> None:
    assert Binder([1], native=False).bind("%s %% 2 like 'a%%' '%'") == Bound("$1 % 2 like 'a%' '%'", (1,))
    assert Binder([1], native=False).bind("$1 %% 2 like 'a%%'") == Bound("$1 %% 2 like 'a%%'", (1,))


@pytest.mark.parametrize(
    ("params", "sql", "message"),
    [
        ("a", "%s", '"params" is a list or a map, not str'),
        ([1], "%s, %s", '"params" has 1 values, and a place for value 2'),
        ([1], "$0", '"params" has 1 values, and a place for value 0'),
        ([1, 2], "%s", '"params" has 2 values, for 1 places'),
        ([1], "%(a)s", '"%(a)s" takes its value from a map, and "params" is a list'),
        ({"a": 1}, "%s", '"%s" takes its value from a list, and "params" is a map'),
        ({"b": 1, "a": 2}, "%(c)s", '"params" has no value for "%(c)s"; it has: "a", "b"'),
    ],
)
def test_places_and_values_that_do_not_meet(params: object, sql: str, message: str) -> None:
    def bind() -> None:
        made = Binder(params, native=False)
        made.bind(sql)
        made.done()

    with pytest.raises(CallFailed) as failed:
        bind()
    assert failed.value.error["message"] == message


def test_begin_and_commit_around_all_say_nothing_new() -> None:
    assert transaction_marks(["BEGIN", "SELECT A", "COMMIT"]) == {0, 2}
    assert transaction_marks(["START TRANSACTION", "END"]) == {0, 1}
    assert transaction_marks(["SELECT", "SAVEPOINT A", "ROLLBACK TO A", "RELEASE A"]) == set()
    assert transaction_marks([]) == set()


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["SELECT", "COMMIT", "SELECT"], 1),
        (["SELECT", "BEGIN"], 1),
        (["ROLLBACK"], 0),
        (["SELECT", "ABORT"], 1),
        (["BEGIN ISOLATION LEVEL SERIALIZABLE", "SELECT"], 0),
        (["BEGIN", "SELECT", "PREPARE TRANSACTION"], 2),
    ],
)
def test_a_call_is_never_two_transactions(words: list[str], number: int) -> None:
    with pytest.raises(CallFailed) as failed:
        transaction_marks(words)
    assert (failed.value.error["type"], failed.value.error["statement"]) == ("SqlError", number)


def test_names_are_quoted_whatever_they_hold() -> None:
    assert quoted('a"; drop table t; --') == '"a""; drop table t; --"'
    write = table_write({"table": 'main."odd.name"', "data": {'c"': 1}}, {})
    assert write is not None
    assert write.statement(('c"',)) == 'INSERT INTO "main"."odd.name" ("c""") VALUES ($1)'


def test_rows_of_the_same_columns_are_written_together() -> None:
    data = [{"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5}, {"b": 6, "a": 7}, {}]
    write = table_write({"table": "t", "data": data}, {"ignored": 1})
    assert write is not None
    assert [(group.columns, group.values) for group in write.groups] == [
        (("a", "b"), [(1, 2), (3, 4)]),
        (("a",), [(5,)]),
        (("b", "a"), [(6, 7)]),
        ((), [()]),
    ]
    assert write.statement(("a", "b"), 2) == 'INSERT INTO "t" ("a", "b") VALUES ($1, $2), ($3, $4)'
    assert write.statement(()) == 'INSERT INTO "t" DEFAULT VALUES'


@pytest.mark.parametrize(("key", "columns"), [("a", '"a"'), ("a, b", '"a", "b"'), (["a", "b"], '"a", "b"')])
def test_upsert(key: object, columns: str) -> None:
    write = table_write({"table": "t", "mode": "upsert", "key": key}, {"a": 1, "b": 2, "c": 3})
    assert write is not None
    changed = '"c" = EXCLUDED."c"' if "b" in columns else '"b" = EXCLUDED."b", "c" = EXCLUDED."c"'
    assert write.statement(("a", "b", "c")).endswith(f"ON CONFLICT ({columns}) DO UPDATE SET {changed}")
    assert write.statement(("a", "b")).endswith("NOTHING") == ("b" in columns)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"table": "t", "command": "x"}, 'a tool has either "table" or "command", not both'),
        ({"table": "t", "mode": "merge"}, '"mode" is one of "insert", "upsert", not "merge"'),
        ({"table": "t", "mode": "upsert"}, 'mode "upsert" needs "key"'),
        ({"table": "t", "mode": "upsert", "key": [1]}, '"key" is the name of a column, or a list of names'),
        ({"table": "t", "mode": "upsert", "key": "k", "data": [{"k": 1}, {"a": 1}]}, 'row 1 of the data has no "k"'),
        ({"table": "t", "data": "text"}, '"data" is a map of columns or a list of such, not str'),
        ({"table": "t"}, '"data" is a map of columns or a list of such, not NoneType'),
        ({"table": "a..b", "data": {}}, '"table" is the name of a table'),
        ({"table": 5, "data": {}}, '"table" is the name of a table'),
        ({"table": "", "data": {}}, '"table" is the name of a table'),
    ],
)
def test_what_is_no_write(fields: dict[str, object], message: str) -> None:
    with pytest.raises(CallFailed) as failed:
        table_write(fields, {})
    assert message in str(failed.value.error["message"])


def test_no_table_is_no_write() -> None:
    assert table_write({"command": "x"}, {}) is None


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-05-01", "2024-05-01"),
        ("2024-05-01 10:00:00", "2024-05-01T10:00:00"),
        ("2024-05-01 10:00:00.5", "2024-05-01T10:00:00.500000"),
        ("2024-05-01 10:00:00.123456789", "2024-05-01T10:00:00.123456789"),
        ("2024-05-01 10:00:00+02", "2024-05-01T10:00:00+02:00"),
        ("2024-05-01 10:00:00-03:30", "2024-05-01T10:00:00-03:30"),
        ("1880-01-01 00:00:00+00:53:28", "1880-01-01T00:00:00+00:53:28"),
        ("10:00:00+0530", "10:00:00+05:30"),
        ("0044-03-15 00:00:00 BC", "0044-03-15 00:00:00 BC"),
        ("-infinity", "-infinity"),
    ],
)
def test_moments_as_iso_8601(text: str, iso: str) -> None:
    assert moment(text) == iso
