"""The queue: who gets which command, when a lease lapses, and how the database looks for them."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable

import psycopg
import pytest

from noetl.runtime.ports import CallPlace, ToolCall
from noetl.runtime.queue.claims import Claimed, Queue
from noetl.runtime.queue.wire import packed
from noetl.runtime.server.migrating import migrate

MANY = 200


def call(number: int, kind: str) -> ToolCall:
    return ToolCall(kind, {}, {}, lambda _: None, lambda: (), "start", "one", CallPlace("-", 0, number, 1))


@pytest.fixture
def address(new_database: Callable[[], str]) -> str:
    """A queue of an execution without commands."""
    made = new_database()
    with psycopg.connect(made, autocommit=True) as connection:
        name = psycopg.sql.Identifier(str(connection.info.dbname))
        connection.execute(psycopg.sql.SQL("ALTER DATABASE {} SET timezone TO 'UTC'").format(name))
    migrate(made, "UTC")
    with psycopg.connect(made, autocommit=True) as connection:
        connection.execute("INSERT INTO noetl.playbook (path, version, name, text) VALUES ('a', 1, 'a', '')")
        connection.execute(
            "INSERT INTO noetl.execution (id, playbook, file, payload, env, started, priority, root, depth, caller)"
            " VALUES ('one', 1, 'a/b.yaml', '{}', '{}', '', 0, 'one', 0, '')"
        )
    return made


def fill(address: str, commands: list[tuple[int, str, int]]) -> None:
    """Commands by number, kind and priority."""
    with psycopg.connect(address, autocommit=True) as connection:
        for number, kind, priority in commands:
            connection.execute(
                "INSERT INTO noetl.command (execution_id, number, kind, request, priority, available)"
                " VALUES ('one', %s, %s, %s, %s, now())",
                (number, kind, json.dumps(packed(call(number, kind))), priority),
            )


def lapse(address: str) -> None:
    """All leases are over."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("UPDATE noetl.command SET available = now() - interval '1 s' WHERE claim IS NOT NULL")


async def take(address: str, worker: str, most: int, **more: object) -> list[Claimed]:
    async with Queue(address, worker, None, 30.0) as queue:
        return await queue.claim(most, **more)  # type: ignore[arg-type]


def numbers(claimed: list[Claimed]) -> list[int]:
    return [one.number for one in claimed]


def test_the_urgent_come_first_then_the_old(address: str) -> None:
    fill(address, [(1, "http", 0), (2, "python", 5), (3, "http", 0), (4, "http", -1)])
    assert sorted(numbers(asyncio.run(take(address, "w/1", 2)))) == [1, 2]
    assert numbers(asyncio.run(take(address, "w/2", 1))) == [3]
    assert numbers(asyncio.run(take(address, "w/3", 5))) == [4]


def test_a_pool_takes_its_kinds_and_a_limited_kind_is_left_out(address: str) -> None:
    fill(address, [(1, "http", 0), (2, "python", 0), (3, "postgres", 0), (4, "wait", 0), (5, "playbook", 0)])

    async def scenario() -> list[list[int]]:
        async with Queue(address, "w/1", ["http", "python"], 30.0) as queue:
            others = numbers(await queue.claim(5, others=["http"]))
            nothing = numbers(await queue.claim(5, "postgres"))
            return [others, nothing, numbers(await queue.claim(5, "http"))]

    assert asyncio.run(scenario()) == [[2], [], [1]]
    assert numbers(asyncio.run(take(address, "w/2", 5))) == [3]  # waits and sub-playbooks are the server's


def test_a_lapsed_lease_gives_the_command_to_another_with_the_same_key(address: str) -> None:
    fill(address, [(1, "http", 0)])

    async def scenario() -> tuple[Claimed, Claimed, set[str], set[str]]:
        async with Queue(address, "slow/1", None, 30.0) as slow, Queue(address, "next/1", None, 30.0) as following:
            [first] = await slow.claim(1)
            assert await following.claim(1) == []
            assert await slow.heartbeat([first.claim]) == {first.claim}
            lapse(address)
            [second] = await following.claim(1)
            late = await slow.heartbeat([first.claim])
            forged = await slow.heartbeat([second.claim])
            return first, second, late, forged

    first, second, late, forged = asyncio.run(scenario())
    assert first.request.idempotency_key == second.request.idempotency_key
    assert first.claim != second.claim
    assert (late, forged) == (set(), set())


def test_what_is_given_back_is_free_at_once(address: str) -> None:
    fill(address, [(1, "http", 0), (2, "http", 0)])

    async def scenario() -> list[int]:
        async with Queue(address, "w/1", None, 30.0) as queue:
            claimed = await queue.claim(2)
            await queue.release([claimed[0].claim])
            return numbers(await queue.claim(2))

    assert asyncio.run(scenario()) == [1]


def test_many_workers_at_once_never_claim_one_command_twice(address: str) -> None:
    fill(address, [(number, "http", number % 3) for number in range(1, MANY + 1)])
    found: list[list[int]] = [[] for _ in range(8)]

    def work(place: int) -> None:
        async def drain() -> None:
            async with Queue(address, f"w/{place}", None, 30.0) as queue:
                while claimed := await queue.claim(3):
                    found[place] += numbers(claimed)

        asyncio.run(drain())

    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for part in found for number in part) == list(range(1, MANY + 1))


def test_a_claim_reads_the_index_of_what_can_be_claimed(address: str) -> None:
    fill(address, [(number, "http", 0) for number in range(1, MANY + 1)])
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ANALYZE noetl.command")
        [(body,)] = connection.execute(
            "SELECT pg_get_function_sqlbody(oid) FROM pg_proc WHERE proname = 'claim'"
        ).fetchall()
        looking = re.search(r"SELECT c_1\.id.*?SKIP LOCKED", body, re.DOTALL)
        assert looking is not None, body
        given = {"claim.kinds": "NULL::text[]", "claim.but": "'{}'::text[]", "claim.most": "4"}
        query = re.sub(r"claim\.(kinds|but|most)", lambda found: given[found[0]], looking[0])
        row = connection.execute(f"EXPLAIN (FORMAT JSON) {query}".encode()).fetchone()
    shown = json.dumps(row)
    assert "command_to_claim" in shown
    assert '"Sort"' not in shown
