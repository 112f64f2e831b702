"""Calls of the postgres tool as the tests make them."""

from __future__ import annotations

from noetl.runtime.ports import ToolCall

from .calls import request


def sql(command: object, params: object = None, *, timeout: float = 60.0, **more: object) -> ToolCall:
    return request("postgres", {"auth": "pg", "command": command, "params": params, **more}, timeout=timeout)


def into(table: str, data: object, **more: object) -> ToolCall:
    return request("postgres", {"auth": "pg", "table": table, "data": data, **more}, timeout=60.0)
