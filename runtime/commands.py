"""What the engine asks of the outside, and what the outside answers: nothing else crosses its border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .ports import Outcome, ToolCall


@dataclass(frozen=True, slots=True)
class Invoke:
    """Run a tool once: an attempt of a call, or a sink."""

    request: ToolCall
    sink: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Answer after at least this many seconds."""

    seconds: float


Command: TypeAlias = Invoke | Wait


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command: the time at which it came, and the outcome of an `Invoke`."""

    time: str
    outcome: Outcome | None = None
