"""The event log keeps what a journal promises, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlencode

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg.conninfo import conninfo_to_dict

from noetl.compiler.ir import Json
from noetl.errors import UsageError
from noetl.runtime.commands import Reply
from noetl.runtime.events import Event
from noetl.runtime.journal import ExecutionStart, Replied
from noetl.runtime.keys import Key
from noetl.runtime.ports import Outcome
from noetl.runtime.store import open_log
from noetl.runtime.store.database import Database, LogFailed
from noetl.runtime.store.log import ExecutionBusy, Log
from noetl.runtime.store.postgres import PostgresDatabase
from noetl.runtime.store.sqlite import SqliteDatabase

TIME = "2026-01-01T00:00:00.000000+00:00"
ODD: Json = {
    "z": 1,
    "a": [2**80, -0.0, 1e-7, 1.0, True, None],
    "text": "é \U0001f600 \u2028 {{ x }} %s ? \x01",
    "": {"9": {}, "1": []},
}
Connect: TypeAlias = "Callable[[], Database]"
"""Makes one more connection to the same empty database."""


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a log that holds nothing yet."""
    if request.param == "sqlite":
        return str(tmp_path / "log.sqlite")
    parts = conninfo_to_dict(str(request.getfixturevalue("postgres")))
    return f"postgresql:///{parts.pop('dbname')}?{urlencode(parts)}"


@pytest.fixture
def connect(place: str) -> Iterator[Connect]:
    made: list[Database] = []

    def connection() -> Database:
        made.append(PostgresDatabase(place) if place.startswith("postgres") else SqliteDatabase(Path(place)))
        return made[-1]

    yield connection
    for database in made:
        database.close()


def start(execution_id: str = "e1", **changed: str) -> ExecutionStart:
    given = {"path": "a.yaml", "text": "text", "parent": None, **changed}
    payload: dict[str, Json] = {"payload": ODD}
    return ExecutionStart(
        execution_id, str(given["path"]), str(given["text"]), payload, {"A": "b"}, TIME, given["parent"]
    )


def event(number: int, name: str = "log") -> Event:
    return Event(name, TIME, "step", Key.root().child(number, 0), {"text": ODD}, iteration=number)


def test_what_was_kept_comes_back_as_it_was(connect: Connect) -> None:
    replies = [
        Replied(3, Reply(TIME, Outcome(response=ODD, view="http"))),
        Replied(1, Reply("2026-01-02T00:00:00+00:00")),
        Replied(2, Reply(TIME, Outcome(error={"type": "T"}, stdout="said", answered=ODD, view="http"))),
        Replied(4, Reply(TIME, Outcome(response=None))),
    ]
    first = Log(connect())
    assert first.open(start()).replies == []
    for replied in replies:
        first.replied("e1", replied)
    first.close()
    again = Log(connect()).open(start(path="other.yaml", text="changed"))
    assert again.start == start()
    assert json.dumps(dict(again.start.payload)) == json.dumps({"payload": ODD})
    assert again.replies == replies
    assert json.dumps(
        again.replies[0].reply.outcome.response if again.replies[0].reply.outcome else None
    ) == json.dumps(ODD)


def test_events_are_written_with_the_next_reply_and_never_twice(connect: Connect) -> None:
    database, reader = connect(), Log(connect())
    log = Log(database)
    log.open(start())
    listen = log.listener("e1")
    listen(event(1))
    listen(event(2))
    assert list(reader.events("e1")) == []
    log.replied("e1", Replied(1, Reply(TIME)))
    assert [(e.position, e.name, e.step, e.key) for e in reader.events("e1")] == [
        (1, "log", "step", "1.0"),
        (2, "log", "step", "2.0"),
    ]
    listen(event(3))
    database.close()  # the process ends before anything else is written

    resumed = Log(connect())
    assert len(resumed.open(start()).replies) == 1
    listen = resumed.listener("e1")
    for number in (1, 2, 3, 4):
        listen(event(number))
    resumed.ended("e1", {"status": "completed", "output": ODD}, TIME)
    assert [e.key for e in reader.events("e1")] == ["1.0", "2.0", "3.0", "4.0"]
    assert [e.key for e in reader.events("e1", after=3)] == ["4.0"]
    shown = next(reader.events("e1")).to_json()
    assert list(shown) == ["execution", "position", "time", "name", "step", "key", "iteration", "data"]
    assert shown["data"] == {"text": ODD}


def test_an_execution_is_found_by_the_beginning_of_its_id(connect: Connect) -> None:
    log = Log(connect(), mocked=True)
    for execution_id, parent in (("ab1", None), ("ab2", None), ("c", "ab2:-:0:1:1"), ("ab", None)):
        log.open(ExecutionStart(execution_id, "a.yaml", "text", {}, {}, TIME, parent))
    log.ended("ab", {"status": "failed", "output": None, "error": {"type": "T"}}, "later")
    assert log.find().execution_id == "ab"
    assert log.find("c").parent == "ab2:-:0:1:1"
    assert log.find("ab").execution_id == "ab"
    assert log.find("ab1").status is None
    with pytest.raises(UsageError, match='begin with "a"'):
        log.find("a")
    with pytest.raises(UsageError, match='holds no execution "%"'):
        log.find("%")
    assert [entry.execution_id for entry in log.entries()] == ["ab", "c", "ab2", "ab1"]
    found = log.find("ab")
    assert (found.status, found.ended, found.mocked) == ("failed", "later", True)
    assert found.outcome == {"status": "failed", "output": None, "error": {"type": "T"}}


def test_an_end_is_kept_once(connect: Connect) -> None:
    for status in ("completed", "failed"):
        log = Log(connect())
        log.open(start())
        log.ended("e1", {"status": status, "output": None}, TIME)
        log.close()
    assert Log(connect()).find("e1").status == "completed"


def test_an_empty_log_holds_no_latest_execution(connect: Connect) -> None:
    with pytest.raises(UsageError, match="holds no execution"):
        Log(connect()).find()


def test_a_log_that_is_not_there_is_not_made_by_a_reader(place: str) -> None:
    with pytest.raises(UsageError, match="there is no log"):
        open_log(place, create=False)


def test_a_database_that_cannot_be_reached_is_said_without_its_password() -> None:
    with pytest.raises(UsageError, match=r'cannot open the log "postgresql://127.0.0.1:1/x": ') as caught:
        open_log("postgresql://me:hidden@127.0.0.1:1/x?connect_timeout=5")
    assert "hidden" not in str(caught.value)
    with pytest.raises(UsageError, match="cannot open the log") as caught:
        open_log("postgresql://me:hidden@127.0.0.1/x?nothing=1")
    assert "hidden" not in str(caught.value)


def test_a_log_of_a_newer_version_is_left_alone(connect: Connect) -> None:
    Log(connect()).close()
    connect().write([("UPDATE noetl_log SET version = ?", [(2,)])])
    with pytest.raises(UsageError, match="has version 2; this noetl knows version 1"):
        Log(connect())


def test_a_change_is_carried_out_whole_or_not_at_all(connect: Connect) -> None:
    log = Log(connect())
    log.open(start())
    log.replied("e1", Replied(1, Reply(TIME)))
    other = Log(connect())
    database = connect()
    row = ("e1", 1, 1, TIME, None)
    event_row = ("e1", 1, TIME, "log", None, None, None, "{}")
    with pytest.raises(LogFailed):
        database.write(
            [
                ("INSERT INTO noetl_event VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [event_row]),
                ("INSERT INTO noetl_reply VALUES (?, ?, ?, ?, ?)", [row]),
            ]
        )
    assert list(other.events("e1")) == []
    assert len(other.kept("e1").replies) == 1


WRITER = """
import sys
from noetl.runtime.commands import Reply
from noetl.runtime.journal import ExecutionStart, Replied
from noetl.runtime.store import open_log
place, execution_id, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
log = open_log(place)
log.open(ExecutionStart(execution_id, "a.yaml", "text", {}, {}, "2026-01-01T00:00:00+00:00"))
print("open", flush=True)
for number in range(count):
    log.replied(execution_id, Replied(number, Reply("2026-01-01T00:00:00+00:00")))
sys.stdin.read()
"""


def writer(place: str, execution_id: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, place, execution_id, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_several_processes_make_and_write_one_log(place: str, connect: Connect) -> None:
    processes = [writer(place, f"e{number}", 200) for number in range(4)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    log = Log(connect())
    for number in range(4):
        assert [r.number for r in log.kept(f"e{number}").replies] == list(range(200))


def test_an_execution_has_one_process_at_a_time_and_a_killed_one_lets_go(place: str, connect: Connect) -> None:
    process = writer(place, "e1", 0)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    log = Log(connect())
    assert log.running("e1")
    with pytest.raises(ExecutionBusy, match='"e1" is being run by another process'):
        log.open(start())
    log.open(start("e2"))
    process.kill()
    process.communicate()
    assert not log.running("e1")
    assert log.open(start()).replies == []


class Machine(RuleBasedStateMachine):
    """A log beside a model: per execution the replies, all events, and how many of these must be durable."""

    connect: Connect
    ids: st.SearchStrategy[str]

    def __init__(self) -> None:
        super().__init__()
        self.database = self.connect()
        self.log = Log(self.database)
        self.replies: dict[str, list[Replied]] = {}
        self.events: dict[str, list[str]] = {}
        self.safe: dict[str, int] = {}
        self.active: dict[str, Callable[[Event], None]] = {}
        self.ended: set[str] = set()
        self.prefix = f"{id(self)}-"

    @rule(name=st.sampled_from("abc"))
    def open(self, name: str) -> None:
        execution_id = self.prefix + name
        if execution_id in self.active:
            return
        kept = self.log.open(start(execution_id))
        assert list(kept.replies) == self.replies.setdefault(execution_id, [])
        self.safe.update({other: len(self.events[other]) for other in self.active})
        self.active[execution_id] = self.log.listener(execution_id)
        for number, _ in enumerate(self.events.setdefault(execution_id, [])):
            self.active[execution_id](event(number))

    @precondition(lambda self: self.active)
    @rule(data=st.data(), count=st.integers(1, 3))
    def happen(self, data: st.DataObject, count: int) -> None:
        execution_id = data.draw(st.sampled_from(sorted(self.active)))
        for _ in range(count):
            number = len(self.events[execution_id])
            self.events[execution_id].append(f"{number}.0")
            self.active[execution_id](event(number))

    @precondition(lambda self: self.active)
    @rule(data=st.data(), wait=st.booleans())
    def reply(self, data: st.DataObject, wait: bool) -> None:
        execution_id = data.draw(st.sampled_from(sorted(self.active)))
        replied = Replied(len(self.replies[execution_id]), Reply(TIME, None if wait else Outcome(response=ODD)))
        self.log.replied(execution_id, replied)
        self.replies[execution_id].append(replied)
        self.safe.update({other: len(self.events[other]) for other in self.active})

    @precondition(lambda self: self.active)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        execution_id = data.draw(st.sampled_from(sorted(self.active)))
        self.log.ended(execution_id, {"status": "completed", "output": None}, TIME)
        self.safe.update({other: len(self.events[other]) for other in self.active})
        del self.active[execution_id]
        self.ended.add(execution_id)

    @rule(gently=st.booleans())
    def new_process(self, gently: bool) -> None:
        if gently:
            self.log.close()
        else:
            self.database.close()
        self.database = self.connect()
        self.log = Log(self.database)
        self.active = {}

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        for execution_id, replies in self.replies.items():
            assert list(self.log.kept(execution_id).replies) == replies
            found = list(self.log.events(execution_id))
            assert [e.position for e in found] == list(range(1, len(found) + 1))
            assert [e.key for e in found] == self.events[execution_id][: len(found)]
            assert len(found) >= self.safe.get(execution_id, 0)
            assert (self.log.find(execution_id).status == "completed") == (execution_id in self.ended)

    def teardown(self) -> None:
        self.database.close()


def test_any_history_is_kept(connect: Connect) -> None:
    bound = type("Bound", (Machine,), {"connect": staticmethod(connect)})
    run_state_machine_as_test(bound, settings=settings(max_examples=15, stateful_step_count=20, deadline=None))
