"""Calls of the python tool as the tests make them."""

from __future__ import annotations

from collections.abc import Mapping

from noetl.compiler.ir import Json
from noetl.runtime.ports import Outcome, ToolCall

from .calls import request, run_calls


def python(
    code: str,
    args: Mapping[str, object] | None = None,
    *,
    roots: Mapping[str, Json] | None = None,
    timeout: float | None = 20.0,
    step: str = "s",
    **fields: object,
) -> ToolCall:
    return request("python", {"code": code, **fields}, args, roots=roots, step=step, timeout=timeout)


def failed(outcome: Outcome) -> dict[str, Json]:
    assert isinstance(outcome.error, dict)
    assert outcome.response is None
    return outcome.error


def responses(*calls: ToolCall) -> list[Json]:
    outcomes = run_calls(*calls)
    assert [outcome.error for outcome in outcomes] == [None] * len(calls)
    return [outcome.response for outcome in outcomes]
