"""What the engine asks of the outside, and what the outside answers: nothing else crosses its border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from noetl.compiler.ir import Json

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

    def to_json(self) -> dict[str, Json]:
        """As JSON."""
        return {"time": self.time, "outcome": None if self.outcome is None else self.outcome.to_json()}

    @classmethod
    def from_json(cls, kept: Json) -> Reply:
        """The reply written by `to_json`; ValueError if it is another shape."""
        if not isinstance(kept, dict):
            raise ValueError("not a reply")
        outcome = kept["outcome"]
        return cls(str(kept["time"]), Outcome.from_json(outcome) if isinstance(outcome, dict) else None)
