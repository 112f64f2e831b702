"""The postgres tool and its connections: time-outs, cancelling, reuse, credentials (TOO-6, TOO-9)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import psycopg
import pytest

from noetl.compiler.ir import Json
from noetl.compiler.values import SecretRef, SecretText
from noetl.runtime.ports import Outcome
from noetl.runtime.tools import ToolBox
from noetl.runtime.tools.sql.postgres_pool import CONNECTIONS

from .calls import request
from .postgres_calls import sql
from .sql_calls import error, rows, run, with_box


def test_a_time_out_cancels_the_statement_on_the_server(store: Mapping[str, Json], address: str) -> None:
    async def scenario(box: ToolBox) -> tuple[Outcome, Outcome]:
        late = await box.call(sql("SELECT pg_sleep(600)", timeout=0.3))
        return late, await box.call(sql("SELECT 1 AS n"))

    late, after = with_box(scenario, store)
    assert error(late) == {"type": "Timeout", "message": "not finished within 0.3 s"}
    assert rows(after) == [{"n": 1}]
    with psycopg.connect(address) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(600)%'"
        assert connection.execute(query).fetchone() == (0,)


def test_a_cancelled_call_is_cancelled_on_the_server(store: Mapping[str, Json], address: str) -> None:
    async def scenario(box: ToolBox) -> None:
        call = asyncio.create_task(box.call(sql("CREATE TABLE cancelled (); SELECT pg_sleep(601)")))
        async with await psycopg.AsyncConnection.connect(address, autocommit=True) as watcher:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(601)%'"
            )
            while (await (await watcher.execute(query)).fetchone()) != (1,):
                await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await (await watcher.execute(query)).fetchone() == (0,)
            found = await watcher.execute("SELECT to_regclass('cancelled')")
            assert await found.fetchone() == (None,)

    with_box(scenario, store)


def test_connections_are_used_again_and_keep_nothing_of_a_session(store: Mapping[str, Json]) -> None:
    outcomes = run(
        sql(
            "SET TIME ZONE 'Asia/Tokyo'; CREATE TEMP TABLE mine (); SELECT pg_advisory_lock(7), pg_backend_pid() AS pid"
        ),
        sql("SELECT pg_backend_pid() AS pid, current_setting('TimeZone') AS zone, to_regclass('mine') AS mine"),
        sql("SELECT nonsense"),
        sql("SELECT pg_backend_pid() AS pid, count(*) AS locks FROM pg_locks WHERE locktype = 'advisory'"),
        credentials=store,
    )
    pid = rows(outcomes[0])[0]["pid"]
    (second,) = rows(outcomes[1])
    assert (second["pid"], second["mine"]) == (pid, None)
    assert second["zone"] != "Asia/Tokyo"
    assert rows(outcomes[3]) == [{"pid": pid, "locks": 0}]


def test_broken_connections_are_replaced(store: Mapping[str, Json], address: str) -> None:
    async def scenario(box: ToolBox) -> list[Outcome]:
        first = await box.call(sql("SELECT pg_backend_pid() AS pid"))
        with psycopg.connect(address, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [rows(first)[0]["pid"]])
        second = await box.call(sql("SELECT pg_backend_pid() AS pid"))
        cut = await box.call(sql("SELECT pg_terminate_backend(pg_backend_pid())"))
        return [first, second, cut, await box.call(sql("SELECT pg_backend_pid() AS pid"))]

    first, second, cut, third = with_box(scenario, store)
    assert error(cut) == {
        "type": "ConnectionFailed",
        "message": "terminating connection due to administrator command",
    }
    assert len({rows(outcome)[0]["pid"] for outcome in (first, second, third)}) == 3


def test_calls_side_by_side_share_a_few_connections(store: Mapping[str, Json]) -> None:
    async def scenario(box: ToolBox) -> list[Outcome]:
        calls = (sql("SELECT pg_backend_pid() AS pid, %s::int AS n", [n]) for n in range(100))
        return await asyncio.gather(*map(box.call, calls))

    found = [rows(outcome)[0] for outcome in with_box(scenario, store)]
    assert [row["n"] for row in found] == list(range(100))
    assert len({row["pid"] for row in found}) <= CONNECTIONS


def test_ways_to_write_a_credential(address: str) -> None:
    known = psycopg.conninfo.conninfo_to_dict(address)
    parts: dict[str, Json] = {"host": str(known["host"]), "user": "postgres", "database": str(known["dbname"])}
    named: dict[str, Json] = {"db_host": parts["host"], "db_user": "postgres", "db_name": parts["database"]}
    uri = f"postgresql://postgres@/{known['dbname']}?host={known['host']}"
    ways: list[Mapping[str, object]] = [
        {"auth": {"type": "postgres", **parts, "note": "not for libpq"}},
        {"auth": {"type": "postgres", "credential": "named"}},
        {"auth": {"db": "named"}},
        {"credentials": {"db": {"key": "named"}}},
        {"auth": "address"},
        {"auth": {"type": "postgres", "url": uri, "port": 5432}},
        {"auth": {"type": "postgres", **parts, "database": "elsewhere"}, "database": parts["database"]},
    ]
    store: dict[str, Json] = {"named": {"type": "postgres", **named}, "address": uri}
    calls = [request("postgres", {"command": "SELECT current_database() AS name", **way}) for way in ways]
    for outcome in run(*calls, credentials=store):
        assert rows(outcome) == [{"name": known["dbname"]}]


def test_credentials_that_do_not_do(address: str) -> None:
    store: dict[str, Json] = {
        "bearer": {"type": "bearer", "token": "tok-abc-123"},
        "odd": {"type": "postgres", "dsn": "secret-that-is-no-address"},
        "closed": {"type": "postgres", "host": "127.0.0.1", "port": 1, "user": "u", "password": "p4ss-w0rd"},
    }
    ways: list[tuple[Mapping[str, object], str, str]] = [
        ({}, "CredentialMissing", 'a postgres tool needs "auth"'),
        ({"auth": "nope"}, "CredentialMissing", 'no credential is called "nope"'),
        ({"auth": "bearer"}, "Unsupported", 'postgres cannot use a credential of type "bearer"'),
        ({"auth": "odd"}, "CredentialMissing", 'credential "odd" holds no address of a PostgreSQL server'),
        ({"auth": "closed"}, "ConnectionFailed", "Connection refused"),
        ({"auth": {"a": "closed", "b": "odd"}}, "ValueError", "takes one credential"),
    ]
    outcomes = run(*(request("postgres", {"command": "SELECT 1", **way}) for way, _, _ in ways), credentials=store)
    for outcome, (_, kind, message) in zip(outcomes, ways, strict=True):
        failed = error(outcome)
        assert failed["type"] == kind
        assert message in str(failed["message"])
        assert "secret-that" not in str(failed)
        assert "p4ss-w0rd" not in str(failed)


def test_secrets_leave_in_no_answer_and_no_error(address: str) -> None:
    known = psycopg.conninfo.conninfo_to_dict(address)
    uri = f"postgresql://postgres:c4n4ry%2Fword@/{known['dbname']}?host={known['host']}"
    store: dict[str, Json] = {"pg": {"type": "postgres", "url": uri}, "canary": "c4n4ry_secret"}
    secret = SecretRef("canary")
    outcomes = run(
        sql("SELECT %s::text AS told, 'c4n4ry/word' AS word", [secret]),
        sql(SecretText(("SELECT '", secret, "' AS told; SELECT ", secret, " FROM x"))),
        sql(SecretText(("SELECT 'a'::", secret))),
        credentials=store,
    )
    assert rows(outcomes[0]) == [{"told": "***", "word": "***"}]
    assert "c4n4ry" not in repr(outcomes)


def test_copy_needs_a_file_that_nobody_sends(store: Mapping[str, Json]) -> None:
    outcomes = run(
        sql("COPY pg_class TO STDOUT"), sql("COPY pg_class FROM STDIN"), sql("SELECT 1 AS n"), credentials=store
    )
    assert [error(outcome)["type"] for outcome in outcomes[:2]] == ["SqlError", "SqlError"]
    assert rows(outcomes[2]) == [{"n": 1}]


def test_a_server_that_writes_dates_another_way(new_database: Callable[[], str]) -> None:
    address = new_database()
    name = psycopg.conninfo.conninfo_to_dict(address)["dbname"]
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET datestyle = 'German'".encode())
    outcomes = run(
        sql("SELECT date '2024-05-01' AS d"),
        sql("SELECT date '2024-05-02' AS d"),
        credentials={"pg": {"type": "postgres", "dsn": address}},
    )
    assert [rows(outcome) for outcome in outcomes] == [[{"d": "2024-05-01"}], [{"d": "2024-05-02"}]]
