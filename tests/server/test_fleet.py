"""Two servers and eight workers on one database: whoever is slow, no command is lost, none is answered twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, ClassVar, TypeVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from noetl.compiler.ir import Json
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.queue.claims import Claimed, Queue
from noetl.runtime.server.catalog import Catalog, Playbook
from noetl.runtime.server.database import Database
from noetl.runtime.server.executions import Answered, Executions
from noetl.runtime.server.migrating import migrate
from noetl.runtime.server.refusals import ClaimLost, Ended
from noetl.runtime.server.turns import New

EXAMPLES = int(os.environ.get("NOETL_SERVER_FLEETS", "6"))
"""How many stories are drawn; 500 before a release."""
STEPS = 40
WORKERS, SERVERS = 8, 2
PLAYBOOK = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: fleet}
workflow:
  - step: start
    loop: {in: [0, 1, 2, 3], iterator: i, mode: parallel, max_in_flight: 3}
    tool: {kind: http, url: "http://x/{{ i }}"}
    case: [{when: true, then: {result: {from: response.data}}}]
    next: [{step: left}, {step: right}]
  - step: left
    tool: {kind: http, url: "http://x/left"}
    case:
      - when: "{{ error is defined }}"
        then: {retry: {max_attempts: 3, initial_delay: 0.001}}
    next: end
  - step: right
    tool: {kind: http, url: "http://x/right"}
    next: end
  - step: end
    join: all
    tool: {kind: http, url: "http://x/end"}
    case: [{when: true, then: {result: {from: "[start, response.data]"}}}]
"""
_T = TypeVar("_T")
Place = tuple[str, int]
"""A command: its execution, and its number there."""


def outcome(request: ToolCall) -> Outcome:
    """What a call comes to, wherever and however often it is made."""
    if request.step == "left" and request.place.attempt < 3:
        return Outcome(error={"type": "ConnectionFailed", "message": "not now"})
    told: dict[str, Json] = {"status": 200, "headers": {}, "data": str(request.place)}
    return Outcome(response=told, view="http")


class Fleet(RuleBasedStateMachine):
    """Who holds which command, beside what the database says."""

    address: ClassVar[str]
    names: ClassVar[count[int]] = count()
    usual: ClassVar[object] = None
    """How an execution ends, and after how many replies; the first one says it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.databases = [Database(self.address, 5) for _ in range(SERVERS)]
        self.servers = [Executions(database) for database in self.databases]
        self.workers = [Queue(self.address, f"w/{number}", None, 3600.0) for number in range(WORKERS)]
        self.open = contextlib.AsyncExitStack()
        for database in self.databases:
            self.run(self.open.enter_async_context(database))
        for worker in self.workers:
            self.run(self.open.enter_async_context(worker))
        self.playbook: Playbook = self.run(Catalog(self.databases[0]).register(PLAYBOOK, "fleet", None)).playbook
        self.begun: list[str] = []
        self.seen: list[tuple[int, Claimed]] = []
        """Every claim that was ever given, with its worker."""
        self.held: dict[Place, str] = {}
        self.lapsed: set[str] = set()
        self.accepted: set[str] = set()
        self.done: set[Place] = set()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.loop.run_until_complete(work)

    @rule(server=st.integers(0, SERVERS - 1))
    def begin(self, server: int) -> None:
        """A new execution."""
        if len(self.begun) < 3:
            name = f"fleet-{next(self.names)}"
            self.run(self.servers[server].start(New(name, self.playbook, {}, {})))
            self.begun.append(name)

    @rule(worker=st.integers(0, WORKERS - 1), most=st.integers(1, 3))
    def claim(self, worker: int, most: int) -> None:
        """What is given to a worker is nobody else's, and was not answered."""
        for claimed in self.run(self.workers[worker].claim(most)):
            place = (claimed.request.execution_id, claimed.number)
            assert place not in self.done
            assert place not in self.held or self.held[place] in self.lapsed
            self.held[place] = claimed.claim
            self.seen.append((worker, claimed))

    @rule(number=st.integers(0, 1000))
    def lapse(self, number: int) -> None:
        """A worker is slow, or its clock is: it does not renew its lease in time."""
        if self.seen:
            _, claimed = self.seen[number % len(self.seen)]
            with psycopg.connect(self.address, autocommit=True) as connection:
                update = "UPDATE noetl.command SET available = now() - interval '1 s' WHERE claim::text = %s"
                if connection.execute(update, (claimed.claim,)).rowcount:
                    self.lapsed.add(claimed.claim)

    @rule(worker=st.integers(0, WORKERS - 1))
    def heartbeat(self, worker: int) -> None:
        """A worker keeps what it holds, and nothing else."""
        own = {claimed.claim for whose, claimed in self.seen if whose == worker}
        kept = self.run(self.workers[worker].heartbeat([claimed.claim for _, claimed in self.seen]))
        assert kept == own & set(self.held.values())
        self.lapsed -= kept

    @rule(worker=st.integers(0, WORKERS - 1))
    def release(self, worker: int) -> None:
        """A worker stops: what it holds is free."""
        own = {claimed.claim for whose, claimed in self.seen if whose == worker}
        self.run(self.workers[worker].release([claimed.claim for _, claimed in self.seen]))
        self.held = {place: claim for place, claim in self.held.items() if claim not in own}

    @rule(number=st.integers(0, 1000), server=st.integers(0, SERVERS - 1))
    def answer(self, number: int, server: int) -> None:
        """An outcome comes, maybe late, maybe again, to either server: it is taken once, under the claim that holds."""
        if not self.seen:
            return
        worker, claimed = self.seen[number % len(self.seen)]
        place = (claimed.request.execution_id, claimed.number)
        try:
            taken = self.run(self.posted(server, worker, claimed))
        except (ClaimLost, Ended):
            assert self.held.get(place) != claimed.claim
            assert claimed.claim not in self.accepted or place in self.done
            return
        assert taken is (claimed.claim not in self.accepted)
        if taken:
            assert self.held.pop(place) == claimed.claim
            self.accepted.add(claimed.claim)
            self.done.add(place)

    def posted(self, server: int, worker: int, claimed: Claimed) -> Coroutine[Any, Any, bool]:
        found = outcome(claimed.request)
        name = "call.done" if found.error is None else "call.error"
        answered = Answered(claimed.number, claimed.claim, found)
        event = f"{claimed.number}:{claimed.claim}"
        return self.servers[server].answer(claimed.request.execution_id, event, name, answered, "w")

    @rule(server=st.integers(0, SERVERS - 1))
    def serve(self, server: int) -> None:
        """A server sees to the waits that are over."""

        async def all_due() -> None:
            for due in await self.servers[server].due():
                await self.servers[server].serve(due)

        self.run(all_due())

    @rule(server=st.integers(0, SERVERS - 1))
    def restart(self, server: int) -> None:
        """A server is killed and started again: it has forgotten everything."""
        self.servers[server] = Executions(self.databases[server])

    @invariant()
    def a_command_has_one_claim(self) -> None:
        """What the database says of claims is what was given."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT execution_id, number, claim::text FROM noetl.command WHERE claim IS NOT NULL"
            ).fetchall()
        assert {(identity, number): claim for identity, number, claim in rows} == self.held

    def teardown(self) -> None:
        """Whatever happened, all executions come to the same end after the same replies."""
        try:
            for worker in range(WORKERS):
                self.release(worker)
            for turn in count():
                self.serve(turn % SERVERS)
                if not self.left():
                    break
                self.claim(turn % WORKERS, 3)
                for number in range(len(self.seen)):
                    if self.seen[number][1].claim in self.held.values():
                        self.answer(number, turn % SERVERS)
            with psycopg.connect(self.address, autocommit=True) as connection:
                for name in self.begun:
                    query = "SELECT status, outcome::json->'output', replies, events FROM noetl.execution WHERE id = %s"
                    found = connection.execute(query, (name,)).fetchone()
                    assert found is not None
                    assert found[0] == "completed"
                    type(self).usual = type(self).usual or found
                    assert found == self.usual
        finally:
            self.run(self.open.aclose())
            self.loop.close()

    def left(self) -> bool:
        with psycopg.connect(self.address, autocommit=True) as connection:
            return connection.execute("SELECT FROM noetl.command LIMIT 1").fetchone() is not None


def test_two_servers_and_eight_workers(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    address = new_database()
    with psycopg.connect(address, autocommit=True) as connection:
        name = psycopg.sql.Identifier(str(connection.info.dbname))
        connection.execute(psycopg.sql.SQL("ALTER DATABASE {} SET timezone TO 'UTC'").format(name))
    migrate(address, "UTC")
    monkeypatch.setattr(Fleet, "address", address, raising=False)
    run_state_machine_as_test(
        Fleet,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            suppress_health_check=list(HealthCheck),
            database=None,
            deadline=None,
        ),
    )
    assert Fleet.usual is not None
