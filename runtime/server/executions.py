"""What can be done with executions: start, answer, cancel, serve what is due. Each is one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from noetl.compiler.ir import Json

from ..library import PlaybookMissing
from ..ports import Outcome
from ..queue import faults
from ..queue.wire import unpacked
from ..store.rows import decoded
from ..tools.playbook import ChildRefused, answer, child_id, failed, payload_of, timed_out, wanted_path
from .catalog import bound, callable_playbook
from .database import Connection, Database, do, many
from .live import Held, Live, workflow
from .refusals import ClaimLost, Conflict, Ended, NotFound
from .turns import PLAYBOOK, WAIT, New, Open, Turn, begun, locked

RUNNING: Final = "running"


@dataclass(frozen=True, slots=True)
class Answered:
    """A worker's outcome of a command that it claimed."""

    number: int
    claim: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Due:
    """Something that the server itself has to do."""

    execution_id: str
    number: int
    kind: str


@dataclass(frozen=True, slots=True)
class _Orphan:
    id: str


class Executions:
    """The executions of a database. Several servers may have the same: each transaction locks its execution."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held = Held()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self, new: New) -> None:
        """Begin an execution; Conflict if there is one with this id already."""
        async with self._database.transaction() as connection:
            live = await begun(connection, new, self._held)
            if live is None:
                raise Conflict(f'there is an execution "{new.execution_id}" already')
            faults.point("server.written")
        self._held.keep(live)
        faults.point("server.committed")

    async def start_bound(
        self, execution_id: str, event_id: str, payload: dict[str, Json], env: dict[str, str]
    ) -> bool:
        """`workflow.start`: begin the execution that a playbook was bound to; False if this was accepted before.

        NotFound if no playbook was bound; Conflict if it was begun otherwise.
        """
        async with self._database.transaction() as connection:
            playbook = await bound(connection, execution_id)
            if playbook is None:
                raise NotFound(f'no playbook was registered for execution "{execution_id}"')
            live = await begun(connection, New(execution_id, playbook, payload, env), self._held)
            if not await _accept(connection, execution_id, event_id, "workflow.start"):
                return False
            if live is None:
                raise Conflict(f'execution "{execution_id}" has begun already')
            faults.point("server.written")
        self._held.keep(live)
        faults.point("server.committed")
        return True

    async def answer(self, execution_id: str, event_id: str, name: str, answered: Answered, worker: str | None) -> bool:
        """`call.done`, `call.error`: the outcome of a claimed command; False if this event was accepted before.

        ClaimLost if the command is open under another claim, or not at all; Ended if the execution has ended.
        `worker` is the one whose token was sent, None where none is needed.
        """
        async with self._locked(execution_id) as turn:
            if not await _accept(turn.connection, execution_id, event_id, name):
                return False
            _check_running(turn)
            command = await turn.command(answered.number)
            if command is None or command.claim != answered.claim or not is_of(command.worker, worker):
                raise ClaimLost(f'command {answered.number} of execution "{execution_id}" is not under this claim')
            self._held.keep(await turn.reply(answered.number, answered.outcome))
        return True

    async def log(
        self, execution_id: str, event_id: str, name: str, step: str, payload: Json, worker: str | None
    ) -> bool:
        """`step.enter`, `step.exit`: keep a posted event of a step that the playbook has; False if it was before."""
        async with self._locked(execution_id) as turn:
            if not await _accept(turn.connection, execution_id, event_id, name):
                return False
            _check_running(turn)
            start = await turn.start_of()
            known = {one.name for one in workflow(start.path, start.text).steps}
            if step not in known:
                told = ", ".join(f'"{one}"' for one in sorted(known))
                raise NotFound(f'the playbook of execution "{execution_id}" has no step "{step}"; steps: {told}')
            await turn.log(name, step, payload, worker)
        return True

    async def cancel(self, execution_id: str) -> None:
        """End an execution and its children (RUN-8). Ended if it has ended already."""
        async with self._locked(execution_id) as turn:
            _check_running(turn)
            self._held.keep(await turn.cancel())
        await self.cancel_orphans()

    async def cancel_orphans(self) -> None:
        """End the sub-playbooks whose calls are answered, timed out or abandoned."""
        while True:
            async with self._database.reading() as connection:
                orphans = await many(connection, "orphans", {}, _Orphan)
            for orphan in orphans:
                async with self._locked(orphan.id) as turn:
                    if turn.row.status == RUNNING:
                        self._held.keep(await turn.cancel())
            if not orphans:
                break

    async def due(self) -> list[Due]:
        """The waits that are over, the calls of sub-playbooks that can begin, have ended, or took too long."""
        async with self._database.reading() as connection:
            return await many(connection, "due", {}, Due)

    async def serve(self, due: Due) -> None:
        """Do it, if nobody else has."""
        async with self._locked(due.execution_id) as turn:
            command = await turn.command(due.number)
            if turn.row.status != RUNNING or command is None or not command.due:
                return
            if command.kind == WAIT:
                self._held.keep(await turn.reply(due.number, None))
            elif command.kind == PLAYBOOK:
                live = await self._serve_playbook(turn, due.number, command)
                if live is not None:
                    self._held.keep(live)

    async def _serve_playbook(self, turn: Turn, number: int, command: Open) -> Live | None:
        kept = decoded(command.request)
        assert isinstance(kept, dict)
        request = unpacked(kept)
        if command.outcome is not None:
            ended = decoded(command.outcome)
            assert isinstance(ended, dict)
            outcome = ended["outcome"]
            assert isinstance(outcome, dict)
            return await turn.reply(number, answer(request, outcome, ended["response"]))
        if command.claim is not None:
            return await turn.reply(number, timed_out(request))
        try:
            playbook = await callable_playbook(turn.connection, turn.row.root, wanted_path(request, turn.row.depth))
            payload = payload_of(request)
        except ChildRefused as refused:
            return await turn.reply(number, refused.outcome)
        except PlaybookMissing as missing:
            return await turn.reply(number, failed("PlaybookFailed", str(missing)))
        wanted = request.fields.get("return_step")
        start, row = await turn.start_of(), turn.row
        child = New(
            child_id(request.idempotency_key),
            playbook,
            payload,
            dict(start.env),
            row.priority,
            row.root,
            row.id,
            number,
            row.depth + 1,
            f"{request.where}/",
            wanted if isinstance(wanted, str) else None,
        )
        own = {"execution_id": row.id, "number": number}
        await do(turn.connection, "child_started", {**own, "timeout": request.timeout})
        await begun(turn.connection, child, self._held)
        return None

    @asynccontextmanager
    async def _locked(self, execution_id: str) -> AsyncIterator[Turn]:
        """A transaction of an execution. What is in memory of it is forgotten where it does not come to its end."""
        lock = self._turns.setdefault(execution_id, asyncio.Lock())
        async with lock:
            try:
                async with self._database.transaction() as connection:
                    turn = Turn(connection, await locked(connection, execution_id), self._held)
                    faults.point("server.locked")
                    yield turn
                    faults.point("server.written")
            except BaseException:  # cancelled, too: what was applied in memory is not in the database
                self._held.drop(execution_id)
                raise
            faults.point("server.committed")


async def _accept(connection: Connection, execution_id: str, event_id: str, name: str) -> bool:
    """Whether an event comes for the first time."""
    values = {"execution_id": execution_id, "event_id": event_id, "name": name}
    return await do(connection, "accept", values) == 1


def _check_running(turn: Turn) -> None:
    if turn.row.status != RUNNING:
        raise Ended(f'execution "{turn.row.id}" is {turn.row.status}')


def is_of(claimed_by: str | None, worker: str | None) -> bool:
    """Whether a command was claimed under a worker's name: `NAME`, or `NAME/...` where it has several processes."""
    return worker is None or (claimed_by or "").partition("/")[0] == worker
