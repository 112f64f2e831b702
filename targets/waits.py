"""How long the runs of a step may wait between two attempts, as far as that is known when it is compiled (RET-2)."""

from __future__ import annotations

from math import inf
from typing import Final

from noetl.compiler import ir

LONG: Final = 30.0
"""Seconds from which on a wait is long, unless a profile says otherwise."""


def longest_wait(step: ir.Step) -> float:
    """The longest wait in seconds that a rule of the step can ask for; infinity where a template decides."""
    return max((_longest(rule.control) for rule in step.rules), default=0.0)


def _longest(control: ir.ControlAction | None) -> float:
    if isinstance(control, ir.Page):
        return 0.0 if control.initial_delay is None else _number(control.initial_delay)
    if not isinstance(control, ir.Retry):
        return 0.0
    bound = inf if control.max_delay is None else _number(control.max_delay)
    first, factor = _number(control.initial_delay), _number(control.backoff_multiplier)
    steps = _number(control.max_attempts) - 2
    if steps < 0 or first == 0:
        return 0.0
    try:
        last = first * factor**steps if factor > 1 else first
    except OverflowError:
        last = inf
    return min(bound, last)


def _number(value: ir.Value) -> float:
    """A number as it is written; infinity where it is none, such as a template."""
    found = value.value if isinstance(value, ir.Const) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else inf
