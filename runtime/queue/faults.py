"""Named points at which a test has a process killed: `NOETL_FAULT=accepted:3` at the third time that it gets there."""

from __future__ import annotations

import os
import signal
from typing import Final

VARIABLE: Final = "NOETL_FAULT"
POINTS: Final = frozenset(
    {"server.locked", "server.applied", "server.written", "server.committed", "worker.claimed", "worker.called"}
)
"""Where: the execution is locked; the engine moved on; all is written, not committed; it is committed, and nobody was
told. A worker has claimed; its tool was called, and nothing posted."""
_passed: dict[str, int] = {}


def point(name: str) -> None:
    """Go on, or end this process as SIGKILL does."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    where, _, number = wanted.partition(":")
    if where == name:
        _passed[name] = _passed.get(name, 0) + 1
        if _passed[name] == int(number or 1):
            os.kill(os.getpid(), signal.SIGKILL)
