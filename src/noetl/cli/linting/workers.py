"""Many files: from the cache, in this process, or in several where that is faster. The order is always that given."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from .analysis import STDIN, Analysis, Question, analyse, unreadable
from .paths import MAX_BYTES
from .paths import STDIN as DASH
from .report import is_drawn_on

if TYPE_CHECKING:
    from .cache import Cache

_T = TypeVar("_T")

SHARE: Final = 400_000
"""Bytes to check for which one more process pays: starting it takes as long as checking some ten thousand."""
PATIENCE: Final = 1.0
"""Seconds before progress is shown."""


def analyse_all(
    paths: Sequence[str], question: Question, cache: Cache | None, processes: int | None = None
) -> Iterator[tuple[bytes, Analysis]]:
    """The bytes and the analysis of each file, in order; `processes` None: as many as pay."""
    texts = {path: _read(path) for path in paths}
    known: dict[str, Analysis] = {}
    for path, data in texts.items():
        if data is None:
            known[path] = unreadable(path)
        elif path != DASH and cache is not None and (kept := cache.get(data, path)) is not None:
            known[path] = kept
    missing = [(path, data) for path, data in texts.items() if path not in known and data is not None]
    count = _processes(sum(len(data) for _, data in missing), len(missing), processes)
    done = _parallel(missing, question, count) if count > 1 else (_one((p, d, question)) for p, d in missing)
    for path in paths:
        found = known.get(path) or next(done)
        data = texts[path] or b""
        if cache is not None and path not in known and path != DASH:
            cache.put(data, found)
        yield data, found


def with_progress(found: Iterator[_T], total: int) -> Iterator[_T]:
    """The same, with a line on a terminal's standard error that tells how far it is once it takes long."""
    if not is_drawn_on(sys.stderr):
        yield from found
        return
    begun = shown = time.monotonic()
    drawn = False
    for number, one in enumerate(found, 1):
        now = time.monotonic()
        if now - begun > PATIENCE and now - shown > PATIENCE / 10:
            print(f"\rchecked {number} of {total} files", end="", file=sys.stderr, flush=True)
            shown, drawn = now, True
        yield one
    if drawn:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _read(path: str) -> bytes | None:
    """The bytes of a file, at most one more than a playbook may have; None if it cannot be read."""
    try:
        if path == DASH:
            return sys.stdin.buffer.read(MAX_BYTES + 1) if sys.stdin is not None else None
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError):  # ValueError: a path that holds NUL, a closed stream
        return None


def _processes(size: int, files: int, wanted: int | None) -> int:
    """How many processes check so many bytes."""
    if wanted is not None:
        return min(wanted, files)
    return min(_cores(), files, 1 + size // SHARE)


def _cores() -> int:
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)  # of Linux
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _one(what: tuple[str, bytes, Question]) -> Analysis:
    path, data, question = what
    return analyse(data, STDIN if path == DASH else path, question)


def _parallel(missing: Sequence[tuple[str, bytes]], question: Question, count: int) -> Iterator[Analysis]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from noetl.compiler import checks, frontend, passes  # noqa: F401  (once here, not once in each process)

    checks.registry()
    # A copy of this process has all that is imported; elsewhere than on Linux copies are not safe.
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        size = max(1, min(16, len(missing) // (count * 4)))
        yield from pool.map(_one, [(path, data, question) for path, data in missing], chunksize=size)
