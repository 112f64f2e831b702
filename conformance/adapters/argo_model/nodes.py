"""The nodes of a Workflow's status."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Phase: TypeAlias = Literal["Running", "Succeeded", "Failed", "Error", "Skipped", "Omitted"]
Type: TypeAlias = Literal["DAG", "Steps", "StepGroup", "TaskGroup", "Retry", "Pod", "Suspend", "Skipped"]


@dataclass(slots=True)
class Node:
    """One node; `name` is its full name, with `@` for that of the Workflow."""

    name: str
    display: str
    type: Type
    phase: Phase
    message: str = ""
    boundary: str = ""
    template: str = ""
    library: str = ""
    """The WorkflowTemplate of a `templateRef`."""
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] | None = None
    exit_code: int | None = None
    children: list[str] = field(default_factory=list)
    outbound: list[str] = field(default_factory=list)
    """Of a dag or steps node, where what comes after it is attached."""
    after: frozenset[str] = frozenset()
    """The nodes that were fulfilled in the update in which this one first appeared, or before."""

    @property
    def fulfilled(self) -> bool:
        """Whether nothing of it is to come."""
        return self.phase != "Running"

    @property
    def completed(self) -> bool:
        """Whether it ran to an end."""
        return self.phase in ("Succeeded", "Failed", "Error")

    @property
    def broken(self) -> bool:
        """Failed or Error."""
        return self.phase in ("Failed", "Error")
