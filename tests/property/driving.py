"""Executions driven by hand: commands are answered in any order, by script, at a time that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from noetl.runtime.commands import Invoke, Reply
from noetl.runtime.engine import Execution, Issued
from noetl.runtime.library import Library
from noetl.runtime.ports import Outcome, ToolCall
from noetl.runtime.tools.playbook import Playbooks

TIME: Final = "2026-01-01T00:00:00.000000+00:00"
"""When every command is answered."""
Answer: TypeAlias = Callable[[ToolCall], Outcome]


class Answers(Protocol):
    """What tools answer, by the place of the attempt."""

    def outcome(self, place: str) -> Outcome:
        """The same outcome for the same place, always."""
        ...


class Tools:
    """Tools that answer by script, those of sub-playbooks too."""

    def __init__(self, script: Answers) -> None:
        self._script = script

    def answer(self, request: ToolCall) -> Outcome:
        """The outcome of an attempt."""
        return self._script.outcome(str(request.place))

    async def call(self, request: ToolCall) -> Outcome:
        """The same, as a runner of tools gives it."""
        return self.answer(request)

    async def close(self) -> None:
        """Holds nothing."""


class Standing:
    """A clock that stands still."""

    virtual = True

    def now(self) -> str:
        """The time that every reply has."""
        return TIME

    def monotonic(self) -> float:
        """Always the same."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Takes no time."""


def with_children(tools: Tools, library: Library) -> Answer:
    """Sub-playbooks of the library are run to their end; the tools answer every other call, theirs as well."""
    children = Playbooks(lambda _: tools, library, Standing(), folder=Path(), env={})

    def answer(request: ToolCall) -> Outcome:
        return asyncio.run(children.call(request)) if request.kind == "playbook" else tools.answer(request)

    return answer


def reply(issued: Issued, answer: Answer) -> Reply:
    """The reply to a command."""
    command = issued.command
    return Reply(TIME, answer(command.request) if isinstance(command, Invoke) else None)


def last(number: int) -> int:
    """The latest of so many open commands."""
    return number - 1


def driven(
    execution: Execution,
    waiting: list[Issued],
    answer: Answer,
    choose: Callable[[int], int] = last,
    *,
    most: int | None = None,
) -> Execution:
    """The execution at its end: `choose(n)` says which of n open commands is answered next, up to `most` of them."""
    answered = 0
    while waiting:
        assert answered != most, "no end"
        issued = waiting.pop(choose(len(waiting)))
        waiting += execution.apply(issued.number, reply(issued, answer))
        answered += 1
    assert execution.ended
    return execution
