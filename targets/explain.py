"""What became of each step of a playbook on a target, and why: the story that `--explain` tells, and its refusals.

A step is native where a task of the target's own stands for it alone, or one for each token that can be there. What
shares a task, or goes round inside of one, is a fallback: it means the same, but the target sees one task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from noetl.compiler import ir
from noetl.compiler.findings import quoted
from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic, Severity, kind

from .plan import MAX_COPIES, Plan, Unit
from .regions import Reason

FALLBACK: Final = kind(
    "NTL509", "not-native-on-target", Severity.ERROR, "a step that a target does not carry by tasks of its own"
)
REMEDIES: Final[Mapping[Reason, str]] = {
    Reason.CYCLE: "page with `call` or `retry` inside one step, or loop over a list",
    Reason.FAN_OUT: "let the rule fire once for the whole loop, and loop again in the next step",
    Reason.JOIN_IN_CYCLE: "put the join: all step outside of the cycle",
    Reason.TOO_MANY: f"let at most {MAX_COPIES} tokens arrive at a time, or join them with join: all",
    Reason.FED: "join the tokens with join: all, or let the steps before it send a fixed number",
    Reason.BETWEEN: "it is native once the steps around it are",
}
"""What an author can write instead, for each reason of a fallback."""


@dataclass(frozen=True, slots=True)
class StepStory:
    """What one step became."""

    step: str
    first: int
    """The first of its lines in the playbook."""
    last: int
    unit: str
    """The kind of its unit; `dropped` where no path from start leads to it."""
    reason: Reason | None
    tasks: tuple[str, ...]
    """The tasks of the target that run it."""
    together: tuple[str, ...]
    """All steps that share these tasks, itself among them."""
    said: tuple[str, ...] = ()
    """What a profile says of its tasks, as the target has it, such as `pool="db"`."""

    @property
    def native(self) -> bool:
        """Whether the target has tasks for this step alone."""
        return self.unit not in ("region", "dropped")

    @property
    def remedy(self) -> str | None:
        """What would make it native."""
        return None if self.reason is None else REMEDIES.get(self.reason)

    def to_json(self) -> dict[str, Json]:
        """As `--explain --format json` has it."""
        told: dict[str, Json] = {"step": self.step, "lines": [self.first, self.last], "unit": self.unit}
        told |= {"native": self.native, "tasks": [*self.tasks], "with": [s for s in self.together if s != self.step]}
        if self.said:
            told["profile"] = [*self.said]
        if self.reason is not None:
            told |= {"reason": self.reason.code, "why": self.reason.text}
        if self.remedy is not None:
            told["remedy"] = self.remedy
        return told


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of something that a target limits is used."""

    what: str
    used: int
    limit: int | None
    """None: the target has no limit of its own, and more only costs."""

    def text(self) -> str:
        """As people read it."""
        return f"{self.what}: {self.used}" if self.limit is None else f"{self.what}: {self.used} of {self.limit}"

    def to_json(self) -> dict[str, Json]:
        """As programs read it."""
        return {"what": self.what, "used": self.used, "limit": self.limit}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The story of one compilation."""

    steps: tuple[StepStory, ...]
    """In the order of the playbook."""
    budgets: tuple[Budget, ...]
    text: str
    """All of it for people."""

    def to_json(self) -> dict[str, Json]:
        """All of it for programs."""
        return {"steps": [s.to_json() for s in self.steps], "budgets": [b.to_json() for b in self.budgets]}


def fallbacks(plan: Plan, target: str, path: str) -> list[Diagnostic]:
    """A diagnostic for every step that is not native."""
    regions = [unit for unit in plan.units if unit.kind == "region"]
    return [_fallback(unit, number, target, path) for unit in regions for number in range(len(unit.steps))]


def _fallback(unit: Unit, number: int, target: str, path: str) -> Diagnostic:
    step, reason = unit.steps[number], unit.reasons[number]
    how = f"{len(unit.steps)} steps in one task" if len(unit.steps) > 1 else "in a task that may run it several times"
    message = f'step {quoted(step.name)} is not native on target "{target}" [{reason.code}]: {reason.text} ({how})'
    return Diagnostic(FALLBACK, message, step.span, path, hint=REMEDIES[reason])


def unit_lines(unit: Unit, places: Callable[[ir.Step], tuple[int, int]]) -> Iterator[str]:
    """What a unit is and why, as text; `places` has the first and the last line of a step."""
    tasks = counted(len(unit.copies), "task") if len(unit.copies) > 1 else "one task"
    if unit.kind == "region" and len(unit.steps) > 1:
        yield ", ".join(step.name for step in unit.steps)
        yield f"    unit region, {tasks}{'' if unit.many else ': one token goes through'}"
        for step, reason in zip(unit.steps, unit.reasons, strict=True):
            yield f"        {step.name} ({_span(*places(step))}): {reason.text} [{reason.code}]"
    else:
        yield f"{unit.step.name} ({_span(*places(unit.step))})"
        yield f"    unit {unit.kind}, {tasks}: {unit.reasons[0].text} [{unit.reasons[0].code}]"
    if unit.kind == "region":
        for reason in dict.fromkeys(unit.reasons):
            yield f"    to make it native [{reason.code}]: {REMEDIES[reason]}"


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as `1 step` and `2 steps`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _span(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}-{last}"
