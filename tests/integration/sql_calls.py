"""Calls of SQL tools as the tests make them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from noetl.compiler.ir import Json
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.tools import ToolBox

from .calls import request, run_calls

T = TypeVar("T")


def tool(kind: str, args: Mapping[str, object] | None = None, *, timeout: float = 60.0, **fields: object) -> ToolCall:
    """A request with these fields."""
    return request(kind, fields, args, timeout=timeout)


def with_box(
    scenario: Callable[[ToolBox], Awaitable[T]],
    credentials: Mapping[str, Json] | None = None,
    folder: Path | None = None,
) -> T:
    """What the scenario makes of a tool box, which is closed afterwards."""

    async def run() -> T:
        box = ToolBox(MappedCredentials(credentials or {}), folder=folder, environ={})
        try:
            return await scenario(box)
        finally:
            await box.close()

    return asyncio.run(run())


def run(*calls: ToolCall, credentials: Mapping[str, Json] | None = None, folder: Path | None = None) -> list[Outcome]:
    """The outcomes of calls, one after the other."""

    return run_calls(*calls, credentials=MappedCredentials(credentials or {}), folder=folder, environ={})


def response(outcome: Outcome) -> dict[str, Any]:
    """The response of a call that worked."""
    assert outcome.error is None, outcome.error
    assert outcome.view == "sql"
    assert isinstance(outcome.response, dict)
    return outcome.response


def rows(outcome: Outcome) -> Any:
    """The rows of a call that worked."""
    return response(outcome)["rows"]


def error(outcome: Outcome) -> dict[str, Json]:
    """The error of a call that failed."""
    assert outcome.response is None, outcome.response
    assert isinstance(outcome.error, dict)
    return outcome.error
