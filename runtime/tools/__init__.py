"""Runs tools: one attempt in, one outcome out, with secrets opened on the way in and taken out on the way back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

from noetl.compiler.tools import PLUG_INS, plugged
from noetl.compiler.values import NotSerializable, to_json
from noetl.runtime.ports import CredentialMissing, Outcome
from noetl.runtime.redaction import Redactor

from .auth import names_in
from .failure import CallFailed, clean
from .http_map import VARIABLE, HttpMap
from .kind import Attempt, Place, Printed
from .vault import Vault
from .web import Web

if TYPE_CHECKING:
    from noetl.compiler.ir import Json
    from noetl.runtime.ports import Credentials, ToolCall

    from .kind import KindRunner, Maker

RUNNERS: Final[Mapping[str, str]] = {
    "duckdb": "noetl.runtime.tools.sql.duckdb_kind",
    "event_log": "noetl.runtime.tools.event_log",
    "http": "noetl.runtime.tools.http",
    "postgres": "noetl.runtime.tools.sql.postgres_kind",
    "python": "noetl.runtime.tools.python",
    "secrets": "noetl.runtime.tools.secrets",
}
"""The module of each kind, imported at the first call of that kind; it has `make(place: Place) -> KindRunner`."""


class ToolBox:
    """The `ToolRunner` of a real place: real connections, real processes, real credentials.

    `folder` is the playbook's folder (the current one where it has none). Belongs to the event loop of its first call.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        folder: Path | None = None,
        environ: Mapping[str, str] | None = None,
        runners: Mapping[str, str] = RUNNERS,
    ) -> None:
        """UsageError if `NOETL_HTTP_MAP` of `environ` (default: the process's) is malformed."""
        environ = os.environ if environ is None else environ
        self._redactor = Redactor()
        self._web = Web(HttpMap.parse(environ.get(VARIABLE, "")))
        self._place = Place(Vault(credentials, self._redactor, self._web), folder or Path(), environ, self._web)
        self._modules = runners
        self._runners: dict[str, KindRunner] = {}

    async def call(self, request: ToolCall) -> Outcome:
        """Make one attempt; whatever goes wrong in the tool is the outcome's error. No known secret is in any of it."""
        streams: list[Printed] = []
        try:
            outcome = await self._attempt(request, streams)
            outcome = replace(
                outcome,
                response=to_json(outcome.response),
                error=to_json(outcome.error),
                answered=to_json(outcome.answered),
            )
        except CallFailed as failure:
            outcome = Outcome(error=failure.error)
        except (CredentialMissing, NotSerializable) as failure:
            outcome = _failed(failure)
        except Exception as failure:  # a tool must not be able to end an execution
            outcome = _failed(failure)
        written = [stream.text(self._redactor.text) for stream in streams] or ["", ""]
        return replace(self._redacted(outcome), stdout=written[0], stderr=written[1])

    async def close(self) -> None:
        """End the processes and connections of every kind that was used."""
        while self._runners:
            _, runner = self._runners.popitem()
            await runner.close()
        await self._web.close()

    async def _attempt(self, request: ToolCall, streams: list[Printed]) -> Outcome:
        runner = self._runner(request.kind)
        vault = self._place.vault
        opened = replace(request, fields=await vault.opened(request.fields), args=await vault.opened(request.args))
        await vault.fetch(names_in(opened.fields))
        seconds = runner.default_timeout if request.timeout is None else request.timeout
        try:
            async with asyncio.timeout(None) as limit:
                attempt = Attempt(limit, seconds)
                streams += (attempt.stdout, attempt.stderr)
                return await runner.call(opened, attempt)
        except TimeoutError:
            if not limit.expired():
                raise
            raise CallFailed("Timeout", f"not finished within {seconds:g} s") from None

    def _runner(self, kind: str) -> KindRunner:
        if kind not in self._runners:
            module = self._modules.get(kind)
            made: KindRunner = (_plug_in(kind) if module is None else _loaded(kind, module)).make(self._place)
            self._runners[kind] = made
        return self._runners[kind]

    def _redacted(self, outcome: Outcome) -> Outcome:
        take_out = self._redactor.value
        return replace(
            outcome,
            response=take_out(outcome.response),
            error=take_out(outcome.error),
            answered=take_out(outcome.answered),
        )


def _loaded(kind: str, module: str) -> Maker:
    """The module of a kind; CallFailed if the library that it stands on is not installed."""
    try:
        loaded: Maker = import_module(module)
    except ModuleNotFoundError as error:
        raise CallFailed("Unsupported", f'kind "{kind}" needs the module "{error.name}": noetl[{kind}]') from None
    return loaded


def _plug_in(kind: str) -> Maker:
    """What the plug-in of a kind brings; CallFailed if there is none, or it cannot be loaded."""
    found = [point for point in entry_points(group=PLUG_INS) if point.name == kind]
    if not found:
        known = ", ".join(sorted(f'"{name}"' for name in {*RUNNERS, *plugged()}))
        raise CallFailed("Unsupported", f'no tool of kind "{kind}" can be run here; kinds with a runner: {known}')
    try:
        loaded: Maker = found[0].load()
    except Exception as error:  # it is somebody else's module
        raise CallFailed("Unsupported", f'the plug-in for kind "{kind}" cannot be loaded: {error}') from None
    return loaded


def _failed(failure: Exception) -> Outcome:
    error: dict[str, Json] = {"type": type(failure).__name__, "message": clean(str(failure))}
    return Outcome(error=error)
