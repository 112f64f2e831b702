"""What can be known about an expression or template without its data (RUL-2, RUL-3): names, failure, folding."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from noetl.compiler.ir import EventName

from . import ExpressionError, Parsed, Read, examine
from .fold import Folder
from .scan import Path

__all__ = ["asks_about_failure", "fold", "mentions_event_name", "names", "paths", "problems"]

OUTCOME_ROOTS: Final = frozenset(("response", "result", "this"))
"""The roots that hold the outcome of a call that worked, or of an answered one that failed (RUL-4)."""
_STATUS: Final[frozenset[Path]] = frozenset(((), ("status",), ("status_code",), ("metadata", "status_code")))


def problems(source: str, template: bool) -> tuple[ExpressionError, ...]:
    """All that refuses the source, in its order; a syntax error stands alone."""
    try:
        return tuple(examine(source, template).found.problems)
    except ExpressionError as error:
        return (error,)


def paths(source: str, template: bool) -> tuple[Read, ...]:
    """Every place that reads a name of the playbook, in the order of the source; none where the syntax is bad."""
    parsed = _parsed(source, template)
    return tuple(parsed.found.reads) if parsed else ()


def names(source: str, template: bool) -> frozenset[str]:
    """The names of the playbook that the source reads."""
    return frozenset(read.name for read in paths(source, template))


def asks_about_failure(source: str) -> bool:
    """Whether a rule with this `when` is eligible after a failed call (RUL-3)."""
    parsed = _parsed(source, False)
    if parsed is None:
        return False
    if "call.error" in parsed.found.texts:
        return True
    return any(
        read.name == "error" or (read.name in OUTCOME_ROOTS and read.path in _STATUS and (bool(read.path) or read.bare))
        for read in parsed.found.reads
    )


def mentions_event_name(source: str) -> bool:
    """Whether the `when` reads `event.name`, or `event` as a whole, which holds it (RUL-2)."""
    return any(read.name == "event" and read.path[:1] in ((), ("name",)) for read in paths(source, False))


def fold(source: str, event: EventName, response: bool | None, error: bool | None) -> bool | None:
    """The truth of a `when` at `event`, or None where it depends on data (RUL-2, RUL-3).

    `response` and `error` say whether the roots `response`, `result` and `this`, and the root `error`, are defined;
    None: not known. An expression that can only be false or raise is false (TPL-4).
    """
    parsed = _parsed(source, False)
    return None if parsed is None or parsed.found.problems else _folded(source, event, response, error)


@lru_cache(4096)
def _folded(source: str, event: EventName, response: bool | None, error: bool | None) -> bool | None:
    fixed = {**dict.fromkeys(OUTCOME_ROOTS, response), "error": error}
    return Folder(event, fixed).verdict(examine(source, False).root)


def _parsed(source: str, template: bool) -> Parsed | None:
    try:
        return examine(source, template)
    except ExpressionError:
        return None
