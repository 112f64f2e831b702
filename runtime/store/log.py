"""The log: a `Journal` over a database, and what is read from it afterwards.

A reply and the events that came up since the last one are written in one transaction, before the engine is given the
reply. Events that no reply follows are written a moment later, when nothing else goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, cast

from noetl.compiler.ir import Json
from noetl.errors import UsageError

from ..events import Event, Listener
from ..journal import ExecutionStart, Kept, Replied
from .database import Change, Database, LogFailed, Row
from .rows import LoggedEvent, checked_time, decoded_map, encoded, outcome_row, replied

VERSION: Final = 1
"""The version of the schema that this code reads and writes."""
IDLE: Final = 0.1
"""Seconds after which events are written that no reply has taken along."""
BUFFERED: Final = 1_000
"""So many events are held back at most."""
_EVENT: Final = "INSERT INTO noetl_event VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_REPLY: Final = "INSERT INTO noetl_reply VALUES (?, ?, ?, ?, ?)"
_PLAYBOOK: Final = "INSERT INTO noetl_playbook VALUES (?, ?) ON CONFLICT DO NOTHING"
_EXECUTION: Final = (
    "INSERT INTO noetl_execution (id, path, digest, payload, env, started, parent, mocked)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)
_ENDED: Final = "UPDATE noetl_execution SET status = ?, outcome = ?, ended = ? WHERE id = ? AND status IS NULL"
_ENTRY: Final = "SELECT id, path, started, parent, mocked, status, outcome, ended FROM noetl_execution"


class ExecutionBusy(UsageError):
    """The execution is being run by another process."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a log tells of an execution at a glance."""

    execution_id: str
    path: str
    started: str
    parent: str | None
    """Of a sub-playbook, the idempotency key of its call."""
    mocked: bool
    """Whether its outcomes came from a script instead of tools."""
    status: str | None
    """None while it has not ended."""
    outcome: Mapping[str, Json] | None
    ended: str | None


@dataclass(slots=True)
class _Writing:
    """How far the log of an execution that is being run has come."""

    replies: int
    events: int
    known: int
    """Events that were kept before this process: they come up again and are not written twice."""


class Log:
    """A journal of many executions. Belongs to one thread; flushes of its own need a running event loop."""

    def __init__(self, database: Database, *, create: bool = True, mocked: bool = False) -> None:
        """UsageError where there is no log (without `create`) or one of another version; closes the database then."""
        self._database = database
        self.mocked = mocked
        """Whether executions that are opened take their outcomes from a script."""
        self._writing: dict[str, _Writing] = {}
        self._events: list[tuple[object, ...]] = []
        self._timer: asyncio.TimerHandle | None = None
        try:
            _check(database, create)
        except BaseException:
            database.close()
            raise

    @property
    def name(self) -> str:
        """Where the log is, without a password."""
        return self._database.name

    # -- the journal -------------------------------------------------------------------------------------------------

    def open(self, start: ExecutionStart) -> Kept:
        """Keep a new execution, or go on with a known one; ExecutionBusy while another process runs it."""
        execution_id = start.execution_id
        if not self._database.claim(execution_id):
            raise ExecutionBusy(f'execution "{execution_id}" is being run by another process')
        digest = sha256(start.text.encode()).hexdigest()
        row = (
            *(execution_id, start.path, digest, encoded(dict(start.payload)), encoded(dict(start.env)), start.time),
            *(start.parent, int(self.mocked)),
        )
        try:
            self._write([(_PLAYBOOK, [(digest, start.text)]), (_EXECUTION, [row])])
            kept = self.kept(execution_id)
            known = self._count(execution_id)
        except LogFailed:
            self._database.release(execution_id)
            raise
        self._writing[execution_id] = _Writing(len(kept.replies), 0, known)
        return kept

    def replied(self, execution_id: str, replied: Replied) -> None:
        """Keep a reply and the events before it."""
        writing = self._writing[execution_id]
        reply = replied.reply
        row = (execution_id, writing.replies + 1, replied.number, reply.time, outcome_row(reply.outcome))
        self._write([(_REPLY, [row])])
        writing.replies += 1

    def listener(self, execution_id: str) -> Listener:
        """Takes the events of an execution that is open."""
        writing = self._writing[execution_id]

        def listen(event: Event) -> None:
            writing.events += 1
            if writing.events <= writing.known:
                return
            self._events.append(LoggedEvent.of(execution_id, writing.events, event).row)
            if len(self._events) >= BUFFERED:
                self._write([])
            elif self._timer is None:
                with contextlib.suppress(RuntimeError):  # no event loop runs: whoever feeds the engine goes on at once
                    self._timer = asyncio.get_running_loop().call_later(IDLE, self._flush)

        return listen

    def ended(self, execution_id: str, outcome: Mapping[str, Json], time: str) -> None:
        """Keep the end of an execution; of one that had ended before, nothing changes."""
        self._write([(_ENDED, [(outcome["status"], encoded(dict(outcome)), time, execution_id)])])
        del self._writing[execution_id]
        self._database.release(execution_id)

    def close(self) -> None:
        """Write what is left and end the connection. LogFailed if it cannot be written."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            if self._events:
                self._write([])
        finally:
            self._database.close()

    def _write(self, changes: list[Change]) -> None:
        events, self._events = self._events, []
        self._database.write([*changes, (_EVENT, events)] if events else changes)

    def _flush(self) -> None:
        self._timer = None
        kept = self._events
        try:
            self._write([])
        except LogFailed:
            self._events = kept  # the next reply tries again and tells

    # -- what was kept -----------------------------------------------------------------------------------------------

    def entries(self) -> Iterator[Entry]:
        """All executions, the latest first."""
        yield from map(self._entry, self._database.rows(f"{_ENTRY} ORDER BY sequence DESC"))

    def find(self, execution_id: str | None = None) -> Entry:
        """An execution by its id or the beginning of it; None is the latest that is no sub-playbook's.

        UsageError if there is none or if several begin so.
        """
        if execution_id is None:
            latest = f"{_ENTRY} WHERE parent IS NULL ORDER BY sequence DESC LIMIT 1"
            found = [self._entry(row) for row in self._database.rows(latest)]
            if not found:
                raise UsageError(f'the log "{self.name}" holds no execution')
            return found[0]
        beginning = f"{_ENTRY} WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 2"
        found = [self._entry(row) for row in self._database.rows(beginning, (len(execution_id), execution_id))]
        if not found:
            raise UsageError(f'the log "{self.name}" holds no execution "{execution_id}"')
        if len(found) > 1 and found[0].execution_id != execution_id:
            raise UsageError(f'several executions of the log "{self.name}" begin with "{execution_id}"')
        return found[0]

    def holds(self, execution_id: str) -> bool:
        """Whether the log has an execution with exactly this id."""
        return any(True for _ in self._database.rows(f"{_ENTRY} WHERE id = ?", (execution_id,)))

    def kept(self, execution_id: str) -> Kept:
        """How an execution started, and its replies. UsageError if there is none, LogFailed if it cannot be read."""
        query = (
            "SELECT path, text, payload, env, started, parent FROM noetl_execution"
            " JOIN noetl_playbook USING (digest) WHERE id = ?"
        )
        found = list(self._database.rows(query, (execution_id,)))
        if not found:
            raise UsageError(f'the log "{self.name}" holds no execution "{execution_id}"')
        replies = "SELECT position, number, time, outcome FROM noetl_reply WHERE execution_id = ? ORDER BY position"
        rows = list(self._database.rows(replies, (execution_id,)))
        subject = f'execution "{execution_id}"'
        with self._whole(subject):
            start = _start(execution_id, found[0])
        kept = []
        for position, *row in rows:
            with self._whole(f"reply {position} of {subject}"):
                kept.append(replied(*row))
        return Kept(start, kept)

    def events(self, execution_id: str, after: int = 0) -> Generator[LoggedEvent, None, None]:
        """The events of an execution that were kept, from the position behind `after` on; LogFailed at a damaged one.

        One that is not read to its end has to be closed before the log is.
        """
        query = (
            "SELECT execution_id, position, time, name, step, key, iteration, data FROM noetl_event"
            " WHERE execution_id = ? AND position > ? ORDER BY position"
        )
        for row in self._database.rows(query, (execution_id, after)):
            with self._whole(f'event {row[1]} of execution "{execution_id}"'):
                event = LoggedEvent.kept(row)
            yield event

    def cancelled_at(self, entry: Entry) -> str | None:
        """The time of the event that ended an execution which was cancelled; None of any other."""
        query = "SELECT time FROM noetl_event WHERE execution_id = ? ORDER BY position DESC LIMIT 1"
        times = [str(time) for (time,) in self._database.rows(query, (entry.execution_id,))]
        return times[0] if times and entry.status == "cancelled" else None

    def running(self, execution_id: str) -> bool:
        """Whether some process drives the execution now."""
        if execution_id in self._writing:
            return True
        if not self._database.claim(execution_id):
            return True
        self._database.release(execution_id)
        return False

    def _entry(self, row: Row) -> Entry:
        execution_id, path, started, parent, mocked, status, outcome, ended = row
        with self._whole(f'execution "{execution_id}"'):
            return Entry(
                str(execution_id),
                str(path),
                str(started),
                None if parent is None else str(parent),
                bool(mocked),
                None if status is None else str(status),
                None if outcome is None else decoded_map(outcome, "outcome"),
                None if ended is None else str(ended),
            )

    @contextlib.contextmanager
    def _whole(self, subject: str) -> Iterator[None]:
        """LogFailed that names an entry, for the ValueError of reading it."""
        try:
            yield
        except ValueError as error:
            raise LogFailed(f'the log "{self.name}" is damaged: {subject}: {error}') from error

    def _count(self, execution_id: str) -> int:
        query = "SELECT max(position) FROM noetl_event WHERE execution_id = ?"
        [(count,)] = self._database.rows(query, (execution_id,))
        return cast(int, count or 0)


def _check(database: Database, create: bool) -> None:
    try:
        found = database.version()
        if create and found is None:
            database.create()
            found = database.version()
    except ValueError as error:
        raise LogFailed(f'the log "{database.name}" is damaged: its version is not a number') from error
    if found is None:
        raise UsageError(f'there is no log in "{database.name}"; noetl run keeps one unless told otherwise')
    if found != VERSION:
        raise UsageError(f'the log "{database.name}" has version {found}; this noetl knows version {VERSION}')


def _start(execution_id: str, row: Row) -> ExecutionStart:
    path, text, payload, env, time, parent = row
    return ExecutionStart(
        execution_id,
        str(path),
        str(text),
        decoded_map(payload, "payload"),
        {name: str(value) for name, value in decoded_map(env, "env").items()},
        checked_time(time, "started"),
        None if parent is None else str(parent),
    )
