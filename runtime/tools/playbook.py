"""Kind `playbook`: another playbook, run to its end as one call (TOO-4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from noetl.compiler.values import NotSerializable, plain

from ..embedded import Source, execute
from ..events import Event, silent
from ..keys import Key
from ..library import Entry, Library, PlaybookMissing
from ..ports import Clock, Outcome, ToolCall, ToolRunner
from ..scope import ExecutionInfo, Limits

if TYPE_CHECKING:
    from noetl.compiler.ir import Json

    from ..journal import Journal

MAX_DEPTH: Final = 32
"""How deep playbooks may call playbooks (TOO-4)."""
_CHILDREN: Final = UUID("5f0f1e0c-6b61-5d0c-9a51-3a7d2f1b7c11")
"""The namespace of the ids of sub-playbooks' executions."""


def child_id(idempotency_key: str) -> str:
    """The execution that an attempt runs: the same one when the attempt is made again after a crash."""
    return str(uuid5(_CHILDREN, idempotency_key))


class Playbooks:
    """A runner that runs sub-playbooks, and gives every other call to the tools of the playbook's folder."""

    def __init__(
        self,
        tools: Callable[[Path], ToolRunner],
        library: Library,
        clock: Clock,
        *,
        folder: Path,
        env: Mapping[str, str],
        limits: Limits | None = None,
        journal: Journal | None = None,
    ) -> None:
        """`tools` makes the runner for playbooks of a folder; it is asked once for each and closed with this one."""
        self._make = tools
        self._library = library
        self._clock = clock
        self._env = env
        self._limits = limits or Limits()
        self._journal = journal
        self._boxes: dict[Path, ToolRunner] = {}
        self._folder = folder

    async def call(self, request: ToolCall) -> Outcome:
        """Make one attempt."""
        return await self.at(request, self._folder, 0)

    async def close(self) -> None:
        """Close the tools of every folder."""
        while self._boxes:
            _, box = self._boxes.popitem()
            await box.close()

    async def at(self, request: ToolCall, folder: Path, depth: int) -> Outcome:
        """Make an attempt for a playbook of `folder`, which is `depth` playbooks below the main one."""
        if request.kind != "playbook":
            return await self._tools(folder).call(request)
        try:
            async with asyncio.timeout(request.timeout) as limit:
                return await self._run(request, depth)
        except TimeoutError:
            if not limit.expired():
                raise
            return timed_out(request)

    def _tools(self, folder: Path) -> ToolRunner:
        if folder not in self._boxes:
            self._boxes[folder] = self._make(folder)
        return self._boxes[folder]

    async def _run(self, request: ToolCall, depth: int) -> Outcome:
        try:
            entry = self._library.get(wanted_path(request, depth))
            payload = payload_of(request)
        except ChildRefused as refused:
            return refused.outcome
        except PlaybookMissing as missing:
            return failed("PlaybookFailed", str(missing))
        wanted = request.fields.get("return_step")
        return await self._child(request, entry, payload, Watch(wanted) if isinstance(wanted, str) else None, depth)

    async def _child(
        self, request: ToolCall, entry: Entry, payload: dict[str, Json], watch: Watch | None, depth: int
    ) -> Outcome:
        folder = Path(entry.file).parent
        key = request.idempotency_key
        execution = await execute(
            entry.workflow,
            payload,
            ExecutionInfo(child_id(key), self._env, self._limits, records=False),
            _Within(self, folder if folder != Path() else self._folder, depth + 1, f"{request.where}/"),
            self._clock,
            watch or silent,
            journal=self._journal,
            source=Source(entry.file, entry.text, key),
        )
        if execution.cancelled:
            raise asyncio.CancelledError  # `execute` has taken it; whoever cancelled the attempt waits for it
        outcome = execution.outcome()
        return answer(request, outcome, outcome["output"] if watch is None else watch.result)


class _Within:
    """The runner of a sub-playbook."""

    def __init__(self, playbooks: Playbooks, folder: Path, depth: int, caller: str) -> None:
        self._playbooks = playbooks
        self._folder = folder
        self._depth = depth
        self._caller = caller

    async def call(self, request: ToolCall) -> Outcome:
        """Make one attempt."""
        return await self._playbooks.at(replace(request, caller=self._caller), self._folder, self._depth)

    async def close(self) -> None:
        """Everything is closed with the main playbook's runner."""


class Watch:
    """Listens for the result of a step: of its run with the largest key."""

    def __init__(self, step: str) -> None:
        self._step = step
        self._key: Key | None = None
        self.result: Json = None

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        if event.step != self._step or not event.name.startswith("run.") or event.key is None:
            return
        if self._key is None or self._key < event.key:
            self._key, self.result = event.key, event.data.get("result")


class ChildRefused(Exception):
    """A call that starts no child; `outcome` is what it comes to."""

    def __init__(self, kind: str, message: str) -> None:
        self.outcome = failed(kind, message)
        super().__init__(message)


def wanted_path(request: ToolCall, depth: int) -> str:
    """The path of the playbook that a call wants; ChildRefused where it is none, or too many called each other."""
    if depth >= MAX_DEPTH:
        raise ChildRefused("LimitExceeded", f"playbooks call playbooks more than {MAX_DEPTH} deep")
    path = request.fields.get("path")
    if not isinstance(path, str):
        raise ChildRefused("PlaybookFailed", f"the path of a playbook is text, not {path!r}")
    return path


def payload_of(request: ToolCall) -> dict[str, Json]:
    """The payload of the child; ChildRefused where the args are no JSON (VAL-1)."""
    try:
        payload = plain(request.args)
    except NotSerializable as failure:
        raise ChildRefused("NotSerializable", f"the args: {failure}") from failure
    return payload if isinstance(payload, dict) else {}


def answer(request: ToolCall, outcome: Mapping[str, Json], response: Json) -> Outcome:
    """What a call comes to whose child has ended; `response` is the answer of one that completed."""
    if outcome["status"] == "completed":
        return Outcome(response=response)
    error = outcome.get("error")
    told = f"{error.get('type')}: {error.get('message')}" if isinstance(error, dict) else "no reason"
    return failed("PlaybookFailed", f'playbook "{request.fields["path"]}" failed with {told}', error)


def timed_out(request: ToolCall) -> Outcome:
    """What a call comes to whose child did not end in time."""
    return failed("Timeout", f"not finished within {request.timeout:g} s")


def failed(kind: str, message: str, cause: Json = None) -> Outcome:
    """A failed call."""
    error: dict[str, Json] = {"type": kind, "message": message}
    if cause is not None:
        error["cause"] = cause
    return Outcome(error=error)
