"""The targets that are installed, by entry point; a target's code is imported when it is asked for."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast

from noetl.errors import UsageError

from .base import Target

GROUP = "noetl.targets"


def names() -> tuple[str, ...]:
    """The names of the installed targets, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def version_of(target: Target, wanted: str | None) -> str:
    """The version of the other engine that is meant, by default the newest; UsageError if there are no files for it."""
    if wanted is None:
        return target.versions[-1]
    if wanted not in target.versions:
        raise UsageError(f'target "{target.name}" has no version "{wanted}"; versions: {", ".join(target.versions)}')
    return wanted


def load(name: str) -> Target:
    """The target called `name`; UsageError, which lists the installed ones, if there is none."""
    for point in entry_points(group=GROUP, name=name):
        return cast(Target, point.load())
    raise UsageError(f'there is no target "{name}"; installed: {", ".join(names()) or "none"}')
