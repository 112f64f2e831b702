"""What is kept of an execution so that it can be rebuilt: how it started, and every reply that came from outside.

The engine is deterministic, so the replies are all there is to keep: fed to a fresh `Execution` in the same order they
give the same state, the same events and the same open commands. A journal is the `EventStore` port of the runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from noetl.compiler.ir import Json

from .commands import Reply
from .events import Listener


@dataclass(frozen=True, slots=True)
class ExecutionStart:
    """How an execution started: all that the engine is given besides replies."""

    execution_id: str
    path: str
    """The playbook's file as it was named."""
    text: str
    """The playbook's text, so that a later change of the file changes nothing."""
    payload: Mapping[str, Json]
    env: Mapping[str, str]
    """The environment names that the runner allowed, with their values (TPL-6)."""
    time: str
    parent: str | None = None
    """Of a sub-playbook, the idempotency key of the call that runs it (TOO-4)."""


@dataclass(frozen=True, slots=True)
class Replied:
    """A reply and the number of the command that it answers."""

    number: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class Kept:
    """What a journal holds of an execution."""

    start: ExecutionStart
    replies: Sequence[Replied]
    """In the order in which the engine was given them."""


class Replies(Protocol):
    """Keeps the replies of an execution."""

    def replied(self, execution_id: str, replied: Replied) -> None:
        """Keep a reply, before the engine is given it. Durable when it returns."""
        ...


class Checkpoint(Replies, Protocol):
    """Keeps the replies of one part of an execution."""

    def begin(self, time: str) -> tuple[str, Sequence[Replied]]:
        """The time of the part's start, which is now if it is not known yet, and its replies so far."""
        ...


class Journal(Replies, Protocol):
    """Keeps executions. A journal may hold many, a sub-playbook's among them."""

    def open(self, start: ExecutionStart) -> Kept:
        """Keep a new execution; of one that is known, what was kept of it: its first start, and its replies so far.

        Durable when it returns.
        """
        ...

    def listener(self, execution_id: str) -> Listener:
        """Takes the events of the execution in order. They may be kept late: replies bring them up again."""
        ...

    def ended(self, execution_id: str, outcome: Mapping[str, Json], time: str) -> None:
        """The execution came to its end: status, output and error. Durable when it returns."""
        ...
