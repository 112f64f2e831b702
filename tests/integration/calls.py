"""Calls of tools as the engine makes them, and what comes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from noetl.compiler.ir import Json
from noetl.compiler.values import MISSING
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.ports import NOWHERE, CallPlace, Credentials, Outcome, ToolCall
from noetl.runtime.tools import ToolBox


def request(
    kind: str,
    fields: Mapping[str, object],
    args: Mapping[str, object] | None = None,
    *,
    roots: Mapping[str, Json] | None = None,
    step: str = "s",
    execution_id: str = "e",
    place: CallPlace = NOWHERE,
    timeout: float | None = 20.0,
) -> ToolCall:
    """A call with these fields, from which the `roots` can be read."""
    names: Mapping[str, Json] = roots or {}
    return ToolCall(
        kind, fields, args or {}, lambda n: names.get(n, MISSING), lambda: names, step, execution_id, place, timeout
    )


def run_calls(
    *calls: ToolCall,
    credentials: Credentials | None = None,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    together: bool = False,
) -> list[Outcome]:
    """The outcomes of calls in one tool box, one after the other or together."""

    async def all_of_them() -> list[Outcome]:
        box = ToolBox(credentials or MappedCredentials({}), folder=folder, environ=environ)
        try:
            if together:
                return await asyncio.gather(*(box.call(call) for call in calls))
            return [await box.call(call) for call in calls]
        finally:
            await box.close()

    return asyncio.run(all_of_them())
