"""From a task of another engine back to the playbook, by nothing but the compiled file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from noetl.compiler.ir import Json

from .plan import Unit

Kind: TypeAlias = Literal["step", "region", "edge", "outcome"]
"""What a task stands for; `outcome` is the one that decides about the whole execution."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the playbook that a task stands for."""

    step: str
    first: int
    """The first of its lines in the playbook."""
    last: int
    code: str | None = None
    """Why the step is part of such a task, as `--explain` has it; None of an edge, and where it is not known."""
    why: str | None = None

    def to_json(self) -> dict[str, Json]:
        """What is not known is null."""
        return {"step": self.step, "lines": [self.first, self.last], "reason": self.code, "why": self.why}


@dataclass(frozen=True, slots=True)
class Place:
    """What a task stands for."""

    task: str
    kind: Kind
    parts: tuple[Part, ...]
    """The step; of a region all its steps; of an edge the step that it leaves, with the lines of the edge."""
    edge: str | None = None
    """The edge among those of its task, such as `rule0.1`."""
    leads_to: tuple[str, ...] = ()
    """The tasks at the ends of its edges."""


@dataclass(frozen=True, slots=True)
class Places:
    """What a compiled file says about its tasks."""

    identity: str
    """What the other engine calls the playbook, such as the DAG's id."""
    playbook: str
    """The name of the playbook's file."""
    tasks: Mapping[str, Place]

    def to_json(self, place: Place) -> dict[str, Json]:
        """One task as `noetl trace --format json` has it."""
        return {
            "in": self.identity,
            "task": place.task,
            "is": place.kind,
            "playbook": self.playbook,
            "parts": [part.to_json() for part in place.parts],
            "edge": place.edge,
            "leads_to": [*place.leads_to],
        }


@dataclass(frozen=True, slots=True)
class Mention:
    """A task that a text is about; None of what it does not say."""

    task: str
    identity: str | None = None


@runtime_checkable
class Tracing(Protocol):
    """A target whose compiled files lead back to the playbook."""

    def places(self, content: str) -> Places | None:
        """What a file says about its tasks; None if the target has not made it."""
        ...

    def mentions(self, text: str) -> Iterator[Mention]:
        """The tasks that a line of a log, the path of one, or an address speaks of, in the engine's own ways."""
        ...


def parts_of(unit: Unit, lines: Mapping[str, tuple[int, int]]) -> tuple[Part, ...]:
    """The steps of a unit, each with the reason why it is part of it."""
    return tuple(
        Part(step.name, *lines[step.name], reason.code, reason.text)
        for step, reason in zip(unit.steps, unit.reasons, strict=True)
    )
