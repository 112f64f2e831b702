"""One transaction of one execution: it is locked, the engine moves on, all that comes of it is written, or nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from noetl.compiler.ir import Json

from ..commands import Invoke, Reply
from ..engine import Issued
from ..journal import ExecutionStart, Replied
from ..ports import Outcome
from ..queue import faults
from ..queue.claims import CANCELLED, COMMANDS
from ..queue.wire import packed
from ..store.rows import LoggedEvent, decoded, encoded, outcome_row, replied
from .catalog import Playbook
from .database import EVENTS, WAKE, Connection, copied, do, do_each, many, one, ring
from .live import Held, Live, thought
from .refusals import NotFound

WAIT: Final = "wait"
PLAYBOOK: Final = "playbook"


@dataclass(frozen=True, slots=True)
class Row:
    """What every transaction of an execution looks at."""

    id: str
    priority: int
    root: str
    parent: str | None
    parent_number: int | None
    depth: int
    caller: str
    return_step: str | None
    replies: int
    events: int
    status: str


@dataclass(frozen=True, slots=True)
class Open:
    """A command that waits for its reply."""

    id: int
    kind: str
    step: str | None
    request: str | None
    worker: str | None
    claim: str | None
    outcome: str | None
    due: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    file: str
    text: str
    payload: str
    env: str
    started: str
    status: str
    ended: str | None


@dataclass(frozen=True, slots=True)
class _Reply:
    number: int
    time: str
    outcome: str | None


@dataclass(frozen=True, slots=True)
class _Time:
    time: str


@dataclass(frozen=True, slots=True)
class New:
    """An execution that is to begin."""

    execution_id: str
    playbook: Playbook
    payload: dict[str, Json]
    env: dict[str, str]
    priority: int = 0
    root: str | None = None
    """None for itself."""
    parent: str | None = None
    parent_number: int | None = None
    depth: int = 0
    caller: str = ""
    return_step: str | None = None


class Turn:
    """An execution that is locked by this transaction."""

    def __init__(self, connection: Connection, row: Row, held: Held) -> None:
        self.connection = connection
        self.row = row
        self._held = held
        self._events = row.events

    async def live(self) -> Live:
        """The execution, as far as the database knows it."""
        live = self._held.get(self.row.id)
        if live is None or live.replies > self.row.replies:
            start, _ = await kept_start(self.connection, self.row.id)
            live = await thought(lambda: Live(start, self.row.return_step))
            await thought(live.begin)
        if live.replies < self.row.replies:
            kept = await kept_replies(self.connection, self.row.id, live.replies)
            await thought(partial(live.catch_up, kept))
        live.taken()
        return live

    async def start_of(self) -> ExecutionStart:
        """How the execution started."""
        return (await kept_start(self.connection, self.row.id))[0]

    async def command(self, number: int) -> Open | None:
        """An open command, locked; None if it was answered, or there never was one."""
        return await one(self.connection, "lock_command", {"execution_id": self.row.id, "number": number}, Open)

    async def reply(self, number: int, outcome: Outcome | None) -> Live:
        """Give the engine the reply to an open command, and write what comes of it."""
        live = await self.live()
        reply = Reply(await now(self.connection), outcome)
        issued = await thought(lambda: live.apply(Replied(number, reply)))
        faults.point("server.applied")
        kept = {"position": live.replies, "number": number, "time": reply.time, "outcome": outcome_row(outcome)}
        await do(self.connection, "add_reply", {"execution_id": self.row.id, **kept})
        await do(self.connection, "drop_command", {"execution_id": self.row.id, "number": number})
        await self.write(live, issued, reply.time)
        return live

    async def cancel(self) -> Live:
        """RUN-8."""
        live = await self.live()
        time = await now(self.connection)
        live.execution.cancel(time)
        await self.write(live, [], time)
        return live

    async def write(self, live: Live, issued: Sequence[Issued], time: str) -> None:
        """Append the events, write the commands, and the end if it has come."""
        connection, identity = self.connection, self.row.id
        events = live.taken()
        rows = [LoggedEvent.of(identity, self._events + n, event) for n, event in enumerate(events, 1)]
        await copied(connection, "add_events", (_event_values(row, None) for row in rows))
        self._events += len(rows)
        ended = live.execution.ended
        await do_each(connection, "add_command", [] if ended else [self._command(one) for one in issued])
        await do(connection, "moved", {"id": identity, "replies": live.replies, "events": self._events})
        if ended:
            await self._end(live, time)
        elif any(isinstance(one.command, Invoke) and one.command.request.kind != PLAYBOOK for one in issued):
            await ring(connection, COMMANDS)
        if not ended and any(_is_own(one) for one in issued):
            await ring(connection, WAKE)
        await ring(connection, EVENTS, identity)

    async def log(self, name: str, step: str | None, data: Json, worker: str | None) -> None:
        """Append an event that was posted."""
        time = await now(self.connection)
        row = LoggedEvent(self.row.id, self._events + 1, time, name, step, None, None, encoded(data))
        await copied(self.connection, "add_events", [_event_values(row, worker)])
        self._events += 1
        moved = {"id": self.row.id, "replies": self.row.replies, "events": self._events}
        await do(self.connection, "moved", moved)
        await ring(self.connection, EVENTS, self.row.id)

    async def _end(self, live: Live, time: str) -> None:
        connection, row = self.connection, self.row
        outcome = live.execution.outcome()
        if await do(connection, "drop_commands", {"execution_id": row.id}):
            await ring(connection, CANCELLED, row.id)
            await ring(connection, WAKE)  # among them may have been calls of sub-playbooks
        status = outcome["status"]
        await do(connection, "ended", {"id": row.id, "status": status, "outcome": encoded(outcome), "time": time})
        if row.parent is not None:
            told = encoded({"outcome": outcome, "response": live.response()})
            values = {"parent": row.parent, "number": row.parent_number, "outcome": told}
            if await do(connection, "answer_parent", values):
                await ring(connection, WAKE)

    def _command(self, issued: Issued) -> dict[str, object]:
        command = issued.command
        values: dict[str, object] = {
            "execution_id": self.row.id,
            "number": issued.number,
            "priority": self.row.priority,
        }
        if isinstance(command, Invoke):
            request = replace(command.request, caller=self.row.caller)
            told = encoded(packed(request))
            return {**values, "kind": request.kind, "step": request.step, "request": told, "seconds": 0.0}
        return {**values, "kind": WAIT, "step": None, "request": None, "seconds": command.seconds}


async def begun(connection: Connection, new: New, held: Held) -> Live | None:
    """Begin an execution in a transaction; None if there is one with this id already."""
    time = await now(connection)
    values = {
        "id": new.execution_id,
        "playbook": new.playbook.id,
        "file": new.playbook.file,
        "payload": json.dumps(new.payload),  # NaN and its like, too: they come back as they were (VAL-1)
        "env": encoded(new.env),
        "started": time,
        "priority": new.priority,
        "root": new.root or new.execution_id,
        "parent": new.parent,
        "parent_number": new.parent_number,
        "depth": new.depth,
        "caller": new.caller,
        "return_step": new.return_step,
    }
    if await do(connection, "add_execution", values) == 0:
        return None
    row = await locked(connection, new.execution_id)
    start = ExecutionStart(new.execution_id, new.playbook.file, new.playbook.text, new.payload, new.env, time)
    live = await thought(lambda: Live(start, new.return_step))
    await Turn(connection, row, held).write(live, await thought(live.begin), time)
    return live


async def locked(connection: Connection, execution_id: str) -> Row:
    """Lock an execution until the transaction ends; NotFound if there is none."""
    row = await one(connection, "lock_execution", {"id": execution_id}, Row)
    if row is None:
        raise NotFound(f'there is no execution "{execution_id}"')
    return row


async def now(connection: Connection) -> str:
    """The time of the database: one clock for all servers."""
    row = await one(connection, "now", {}, _Time)
    assert row is not None
    return row.time


async def kept_start(connection: Connection, execution_id: str) -> tuple[ExecutionStart, str | None]:
    """How an execution started, and when it was cancelled, if it was; NotFound if there is none."""
    row = await one(connection, "kept", {"id": execution_id}, _Kept)
    if row is None:
        raise NotFound(f'there is no execution "{execution_id}"')
    payload, env = decoded(row.payload), decoded(row.env)
    assert isinstance(payload, dict)
    assert isinstance(env, dict)
    allowed = {name: str(value) for name, value in env.items()}
    start = ExecutionStart(execution_id, row.file, row.text, payload, allowed, row.started)
    return start, row.ended if row.status == "cancelled" else None


async def kept_replies(connection: Connection, execution_id: str, after: int = 0) -> list[Replied]:
    """The replies of an execution behind the first `after`."""
    rows = await many(connection, "replies", {"id": execution_id, "after": after}, _Reply)
    return [replied(row.number, row.time, row.outcome) for row in rows]


def _is_own(issued: Issued) -> bool:
    return not isinstance(issued.command, Invoke) or issued.command.request.kind == PLAYBOOK


def _event_values(row: LoggedEvent, worker: str | None) -> tuple[object, ...]:
    """As `add_events` takes them."""
    place = (row.execution_id, row.position, row.time, row.time, row.name, row.step, row.key, row.iteration)
    return (*place, row.data, worker)
