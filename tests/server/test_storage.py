"""The tables: migrations end where a fresh database does, and only the server's role writes the queue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from noetl.errors import UsageError
from noetl.runtime.server.migrating import migrate
from noetl.runtime.server.statements import migrations

KEPT = Path(__file__).with_name("schema.txt")
COLUMNS = """
    SELECT c.table_name || '.' || c.column_name || ' ' || c.data_type || ' ' || c.is_nullable
      || coalesce(' ' || c.column_default, '')
    FROM information_schema.columns c WHERE c.table_schema = 'noetl' ORDER BY 1
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'noetl' ORDER BY 1"
CONSTRAINTS = """
    SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'noetl'::regnamespace AND contype <> 'n' ORDER BY 1
"""
FUNCTIONS = """
    SELECT pg_get_functiondef(oid) || coalesce(array_to_string(proacl, ' '), '') FROM pg_proc
    WHERE pronamespace = 'noetl'::regnamespace ORDER BY 1
"""
PARTS = (COLUMNS, INDEXES, CONSTRAINTS, FUNCTIONS)


def schema(address: str) -> str:
    """All that the tables are, as text."""
    with psycopg.connect(address) as connection:
        rows = [str(value) for query in PARTS for (value,) in connection.execute(query.encode()).fetchall()]
        return "\n".join(rows).replace(str(connection.info.user), "SERVER") + "\n"


@pytest.fixture(scope="module")
def utc(new_database: Callable[[], str]) -> Callable[[], str]:
    """Makes databases whose time zone is that of the server."""

    def make() -> str:
        address = new_database()
        with psycopg.connect(address, autocommit=True) as connection:
            name = psycopg.sql.Identifier(str(connection.info.dbname))
            connection.execute(psycopg.sql.SQL("ALTER DATABASE {} SET timezone TO 'UTC'").format(name))
        return address

    return make


def test_every_way_through_the_migrations_ends_in_the_same_tables(utc: Callable[[], str], update_golden: bool) -> None:
    fresh = utc()
    numbers = migrate(fresh, "UTC")
    assert numbers == [number for number, _, _ in migrations()] == list(range(1, len(numbers) + 1))
    assert migrate(fresh, "UTC") == []
    for stop in numbers[:-1]:
        stepwise = utc()
        assert migrate(stepwise, "UTC", upto=stop) == numbers[:stop]
        assert migrate(stepwise, "UTC") == numbers[stop:]
        assert schema(stepwise) == schema(fresh)
    if update_golden:
        KEPT.write_text(schema(fresh), encoding="utf-8")
    assert schema(fresh) == KEPT.read_text(encoding="utf-8")


def test_a_database_of_a_newer_version_is_refused(utc: Callable[[], str]) -> None:
    address = utc()
    migrate(address, "UTC")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("INSERT INTO noetl.migration (number, name) VALUES (9999, 'later')")
    with pytest.raises(UsageError, match="newer version"):
        migrate(address, "UTC")


def test_a_time_zone_that_differs_is_refused(utc: Callable[[], str]) -> None:
    with pytest.raises(UsageError, match='the time zone of the database is "UTC", that of the server "Europe/Berlin"'):
        migrate(utc(), "Europe/Berlin")


def test_a_worker_may_claim_and_write_nothing(utc: Callable[[], str]) -> None:
    address = utc()
    migrate(address, "UTC")
    refused = [
        "INSERT INTO noetl.command (execution_id, number, kind, priority, available) VALUES ('a', 1, 'http', 0, now())",
        "UPDATE noetl.command SET available = now()",
        "DELETE FROM noetl.command",
        "SELECT * FROM noetl.command",
        "TRUNCATE noetl.command",
        "INSERT INTO noetl.reply (execution_id, position, number, time) VALUES ('a', 1, 1, '')",
        "SELECT * FROM noetl.execution",
        "SELECT * FROM noetl.credential",
        "UPDATE noetl.execution SET status = 'completed'",
        "SELECT noetl.keep_days(1, 1)",
        "CREATE TABLE noetl.own (a integer)",
    ]
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET ROLE noetl_worker")
        for statement in refused:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        claimed = connection.execute("SELECT * FROM noetl.claim('w/1', NULL, '{}', 5, '10 s')").fetchall()
        assert claimed == []


def test_events_are_kept_by_day_and_old_days_are_dropped(utc: Callable[[], str]) -> None:
    address = utc()
    migrate(address, "UTC")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SELECT noetl.keep_days(2, 30)")
        connection.execute(
            "CREATE TABLE noetl.event_20200101 PARTITION OF noetl.event"
            " FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')"
        )
        connection.execute(
            "INSERT INTO noetl.event (execution_id, position, at, time, name, data)"
            " VALUES ('a', 1, now(), '', 'log', '{}'), ('a', 2, '2020-01-01 12:00', '', 'log', '{}')"
        )
        connection.execute("SELECT noetl.keep_days(2, 30)")
        assert connection.execute("SELECT position FROM noetl.event").fetchall() == [(1,)]
        assert connection.execute("SELECT count(*) FROM noetl.event_other").fetchall() == [(0,)]
