"""Which loops can be native: each iteration, or some of them together, a task of the target's own."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from noetl.compiler import ir
from noetl.compiler.findings import quoted
from noetl.diagnostics import Diagnostic, Severity, kind

from .plan import Plan
from .regions import fans_out

UNMAPPED: Final = kind(
    "NTL514", "step-cannot-be-mapped", Severity.ERROR, "a step whose iterations cannot be tasks of their own"
)


def asked(workflow: ir.Workflow, names: tuple[str, ...]) -> Iterator[ir.Step]:
    """The steps that names mean, or patterns with `*`, `?` or `[...]`, which mean only what can be mapped."""
    for step in workflow.steps:
        fits = any(fnmatchcase(step.name, name) for name in names) and why_not(step) is None
        if step.name in names or fits:
            yield step


def why_not(step: ir.Step) -> str | None:
    """Why the iterations of a step cannot be tasks of their own, as the end of a sentence; None if they can."""
    if step.loop is None:
        return "it has no loop"
    if not step.loop.parallel:
        return "its iterations come one after the other, as each sees what the ones before it wrote"
    if fans_out(step):
        return "its iterations release tokens, as many as there are items"
    limit = step.loop.max_in_flight
    if limit is not None and not isinstance(limit, ir.Const):
        return "a template says how many of its iterations may be under way"
    if limit is not None and limit.value == 1:
        return "its iterations come one after the other, as one may be under way"
    return None


def refusals(plan: Plan, workflow: ir.Workflow, names: tuple[str, ...], path: str) -> Iterator[Diagnostic]:
    """A diagnostic for each step that is named, not by a pattern, and that the plan does not map."""
    units = {step.name: unit for unit in plan.units for step in unit.steps}
    for step in (step for step in workflow.steps if step.name in names):
        unit = units.get(step.name)
        reason = "no path from start leads there" if unit is None else why_not(step)
        if unit is not None and reason is None and unit.kind == "region":
            reason = "it shares a task with other steps, or goes round in one"
        if reason is not None:
            message = f"the iterations of step {quoted(step.name)} cannot be tasks of their own: {reason}"
            yield Diagnostic(UNMAPPED, message, step.span, path, hint="leave it out of --map")
