"""Calls with credentials as the tests make them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.probe import Reply
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.embedded import execute
from noetl.runtime.events import Event
from noetl.runtime.ports import Credentials, Outcome, ToolCall
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import SystemClock
from noetl.runtime.tools import ToolBox

from .calls import request, run_calls

JSON = {"content-type": "application/json"}
TOKEN = "c4n4ry-access-token"
SECRET = "c4n4ry client/secret"


def http(url: str, auth: object) -> ToolCall:
    return request("http", {"url": url, "auth": auth}, timeout=10.0)


def run(*calls: ToolCall, store: Credentials, together: bool = False) -> list[Outcome]:
    return run_calls(*calls, credentials=store, together=together)


def error(outcome: Outcome) -> dict[str, Json]:
    assert isinstance(outcome.error, dict)
    return outcome.error


def answer(body: object, status: int = 200) -> Reply:
    return Reply(status, JSON, json.dumps(body).encode())


def play(text: str, store: Mapping[str, Json], environ: Mapping[str, str] | None = None) -> tuple[dict[str, Json], str]:
    """The summary of an execution, and all that is told of it: the summary and every event."""
    compilation = compile_source(text.encode(), "p.yaml")
    assert compilation.workflow is not None, compilation.diagnostics
    workflow, events = compilation.workflow, list[Event]()

    async def whole() -> dict[str, Json]:
        box = ToolBox(MappedCredentials(store), environ=environ)
        try:
            done = await execute(workflow, {}, ExecutionInfo("e", {}), box, SystemClock(), events.append)
            return done.summary()
        finally:
            await box.close()

    summary = asyncio.run(whole())
    return summary, repr((summary, events))


# -- oauth2 ----------------------------------------------------------------------------------------------------------
