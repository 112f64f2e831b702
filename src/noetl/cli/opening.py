"""The event log as commands open it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noetl.runtime.store.log import Entry, Log


@contextmanager
def writing(place: str | None, *, mocked: bool) -> Iterator[Log]:
    """The log of `--log`, made if it is not there. `mocked` marks the executions whose outcomes come from a file."""
    from noetl.runtime.store import open_log

    log = open_log(place)
    log.mocked = mocked
    try:
        yield log
    finally:
        log.close()


@contextmanager
def reading(place: str | None, execution_id: str | None) -> Iterator[tuple[Log, Entry]]:
    """The log of `--log` and an execution of it, by default the latest; UsageError where one is not there."""
    from noetl.runtime.store import open_log

    log = open_log(place, create=False)
    try:
        yield log, log.find(execution_id)
    finally:
        log.close()
