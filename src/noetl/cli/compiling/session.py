"""One pass over all playbooks: read, compile, compare with what is there, write."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from noetl.diagnostics import Diagnostic, render_text
from noetl.errors import UsageError
from noetl.targets.base import Compiled, Source
from noetl.targets.batch import compile_all
from noetl.targets.mapping import asked

from . import seal
from .places import Given, Output, below, gather
from .playbooks import Reader, Remembering
from .progress import progress

if TYPE_CHECKING:
    from noetl.targets.profile import Read as ReadProfile

State: TypeAlias = Literal["written", "current", "stale", "missing", "printed", "held"]
"""What became of a file, or of one that is only checked: what it is. `held` back is one beside a refused playbook."""
Orphan: TypeAlias = Literal["removed", "orphan", "edited"]
"""What became of a file that no playbook makes: `edited` is one that noetl wrote and somebody changed, which stays."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the command line asks for."""

    paths: tuple[str, ...]
    output: str | None
    check: bool
    prune: bool
    profile: ReadProfile | None = None
    watch: bool = False
    maps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A playbook that was compiled."""

    source: Source
    compiled: Compiled
    place: Path
    state: State


@dataclass(slots=True)
class Pass:
    """What one pass came to."""

    playbooks: tuple[str, ...]
    """All of them, as diagnostics call them."""
    made: list[Made] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)
    """What is wrong with playbooks, warnings included."""
    texts: dict[str, str] = field(default_factory=dict)
    orphans: list[tuple[Path, Orphan]] = field(default_factory=list)

    @property
    def refused(self) -> tuple[str, ...]:
        """The playbooks that there is no file of."""
        made = {one.source.path for one in self.made}
        return tuple(path for path in self.playbooks if path not in made)


class Session:
    """Compiles the same playbooks as often as it is asked."""

    def __init__(self, orders: Orders, reader: Reader, target: Remembering) -> None:
        self._orders = orders
        self._reader = reader
        self._target = target
        self._from_folders = any(os.path.isdir(path) for path in orders.paths)
        self._output: Final = Output(orders.output, self._from_folders)

    def run(self) -> Pass:
        """Compile all playbooks. If one is refused nothing is written; while they are watched, the others are.

        UsageError if a file cannot be read or written, or would take the place of one that noetl did not write.
        """
        given = gather(self._orders.paths)
        self._output.check(len(given))
        self._reader.begin()
        done = Pass(())
        folders: dict[str, str] = {}
        read: list[Source] = []
        with progress(len(given)) as begin:

            def sources() -> Iterator[Source]:
                for one in given:
                    begin(one.path)
                    for source in self._source(one, done, folders):
                        read.append(source)
                        yield source

            batch = compile_all(self._target.compile, sources())
        done.found += batch.refused
        self._check_maps(read)
        if unknown := self._unknown(read, done):
            done.found += unknown
            batch.done.clear()
        places = [self._output.place(folders[source.path], made.file) for source, made in batch.done]
        self._check_places(places, [one.path for one in given])
        held = len(batch.done) < len(given) and not (self._orders.watch or self._orders.check)
        for (source, made), place in zip(batch.done, places, strict=True):
            done.made.append(Made(source, made, place, self._put(made, place, held=held)))
        if self._from_folders and self._output.folder is not None and not done.refused:
            done.orphans = list(self._orphans(self._output.folder, done.made))
        return done

    def reread(self) -> None:
        """Read the profile again. One that has got an error is told, and what it said before counts."""
        before = self._orders.profile
        if before is None:
            return
        from noetl.targets.profile import load

        said = load(before.path)
        if said.text == before.text:
            return
        if said.diagnostics:
            print(render_text(said.diagnostics, {said.path: said.text}), file=sys.stderr, flush=True)
        if said.profile is not None:
            self._orders = replace(self._orders, profile=said)
            self._target.renew(replace(self._target.options, profile=said.profile))

    def _unknown(self, sources: Sequence[Source], done: Pass) -> list[Diagnostic]:
        """What the profile says of steps that none of the playbooks has: then no file is written."""
        said = self._orders.profile
        if said is None or said.profile is None:
            return []
        from noetl.targets.profile import unused

        done.texts[said.path] = said.text
        return unused(said.profile, said.patterns, said.path, [source.workflow for source in sources])

    def _check_maps(self, sources: Sequence[Source]) -> None:
        """UsageError if `--map` means a step that no playbook has, or has as a parallel loop where it is a pattern."""
        for name in self._orders.maps:
            if not any(True for source in sources for _ in asked(source.workflow, (name,))):
                raise UsageError(f'--map names "{name}", which is no step that can be mapped')

    def _source(self, given: Given, done: Pass, folders: dict[str, str]) -> Iterator[Source]:
        read = self._reader.read(given.path)
        done.playbooks += (read.path,)
        done.found += read.found
        done.texts |= read.texts
        folders[read.path] = given.folder
        if read.source is not None:
            yield read.source

    # -- files -------------------------------------------------------------------------------------------------------

    def _check_places(self, places: Sequence[Path], playbooks: Sequence[str]) -> None:
        """UsageError before anything is written if a file would take the place of a playbook, or of a file in a folder
        that noetl did not write. A file that `-o` names is meant to be replaced."""
        for place in () if self._output.stream else places:
            if not place.exists():
                continue
            if any(os.path.exists(playbook) and place.samefile(playbook) for playbook in playbooks):
                raise UsageError(f'"{place}" is a playbook that is compiled; nothing is written')
            if self._output.folder is not None and not self._orders.check and _author(place) == "other":
                raise UsageError(f'"{place}" is there, and noetl did not write it; nothing is written')

    def _put(self, made: Compiled, place: Path, *, held: bool) -> State:
        """Write a file that is not there as it should be; where files are only checked, say what it is."""
        text = seal.sealed(made.content)
        if self._output.stream:
            _print(text)
            return "printed"
        state = _state(place, text)
        if self._orders.check or state == "current":
            return state
        if held:
            return "held"
        try:
            write(place, text)
        except OSError as error:
            raise UsageError(f'cannot write "{place}": {error.strerror}') from error
        return "written"

    def _orphans(self, folder: Path, made: Sequence[Made]) -> Iterator[tuple[Path, Orphan]]:
        """The files that noetl wrote and no playbook makes; removed where that is asked for and nobody edited them."""
        if not (self._orders.check or self._orders.prune):
            return
        expected = {os.path.realpath(one.place) for one in made}
        suffixes = frozenset(one.place.suffix for one in made)
        for path in below(folder, suffixes):
            if os.path.realpath(path) in expected or (author := _author(path)) == "other":
                continue
            if author == "edited":
                yield path, "edited"
            elif self._orders.prune:
                _remove(path)
                yield path, "removed"
            else:
                yield path, "orphan"


def _state(place: Path, text: str) -> State:
    if not place.exists():
        return "missing"
    if not place.is_file():  # a pipe or a device has no content to compare with
        return "stale"
    try:
        return "current" if place.read_bytes() == text.encode() else "stale"
    except OSError as error:
        raise UsageError(f'cannot read "{place}": {error.strerror}') from error


def _author(path: Path) -> seal.Author:
    if not path.is_file():
        return "other"
    try:
        return seal.author(path)
    except OSError as error:
        raise UsageError(f'cannot read "{path}": {error.strerror}') from error


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise UsageError(f'cannot remove "{path}": {error.strerror}') from error


def _print(text: str) -> None:
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # streams that a test puts in place have none
    if reconfigure is not None:
        reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.write(text)


def write(path: Path, text: str) -> None:
    """Write a file whole: Airflow may read the folder at any time, and sees all of it or nothing."""
    if path.exists() and not path.is_file():  # a device or pipe is written to, never replaced
        path.write_text(text, encoding="utf-8", newline="\n")
        return
    path = path.resolve()  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".noetl-{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8", newline="\n")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
