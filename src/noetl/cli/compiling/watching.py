"""`noetl compile --watch`: a pass whenever a playbook has changed, until Ctrl-C."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from noetl.cli.linting.paths import SUFFIXES
from noetl.errors import UsageError

from .playbooks import runs_others
from .report import Wanted, summary, tell
from .session import Pass, Session

INTERVAL: Final = 0.3
"""Seconds between two looks."""
SETTLE: Final = 0.1
"""Seconds in which nothing may change before a change counts: an editor writes several times."""
Stamp: TypeAlias = dict[str, tuple[int, int, int]]
"""Of each file when it was changed, its size and which it is."""


def watch(session: Session, wanted: Wanted, paths: Sequence[str], folders: Sequence[Path]) -> None:
    """Compile, and compile again what has changed. Returns after Ctrl-C; UsageError only of the first pass."""
    try:
        _watch(session, wanted, paths, folders)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)


def _watch(session: Session, wanted: Wanted, paths: Sequence[str], folders: Sequence[Path]) -> None:
    places = [*paths, *map(str, folders)]
    seen = stamp(places)
    done = session.run()
    tell(done, wanted)
    print(f"watching {_count(len(done.playbooks))}; Ctrl-C ends it", file=sys.stderr, flush=True)
    while True:
        # What changed, came or went while a pass was made must differ from what is seen: only places that are
        # new to the watch are looked at afterwards.
        further = [place for place in _looked(done) if place not in places]
        places += further
        seen = {**stamp(further), **seen}
        seen = changed(seen, places)
        done = _again(session, wanted, done)


def changed(seen: Stamp, places: Sequence[str]) -> Stamp:
    """The next stamp that differs from one, when nothing has changed for a while."""
    while (now := stamp(places)) == seen:
        time.sleep(INTERVAL)
    while True:
        time.sleep(SETTLE)
        after = stamp(places)
        if after == now:
            return after
        now = after


def _again(session: Session, wanted: Wanted, before: Pass) -> Pass:
    """Another pass; where it cannot be made, what is wrong is told and the one before counts."""
    session.reread()
    try:
        done = session.run()
    except UsageError as error:
        print(f"noetl: error: {error}", file=sys.stderr, flush=True)
        return before
    tell(done, wanted, before.found)
    if len(done.playbooks) == 1 and done.refused:
        print(summary(done), file=sys.stderr, flush=True)
    sys.stdout.flush()
    return done


def _looked(done: Pass) -> list[str]:
    """The folders in which a pass has looked for sub-playbooks: a change there may change a file."""
    return sorted({str(Path(one.source.path).parent) for one in done.made if runs_others(one.source)})


def stamp(paths: Sequence[str]) -> Stamp:
    """The playbooks in and below some paths as they are now; what is gone has no entry."""
    found: Stamp = {}
    for path in paths:
        for file in _below(path) if os.path.isdir(path) else [path]:
            try:
                state = os.stat(file)
            except OSError:
                continue
            found[file] = state.st_mtime_ns, state.st_size, state.st_ino
    return found


def _below(folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(parent, name) for name in names if name.endswith(SUFFIXES))


def _count(number: int) -> str:
    return f"{number} playbook{'' if number == 1 else 's'}"
