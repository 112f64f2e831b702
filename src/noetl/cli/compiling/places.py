"""Which playbooks are compiled, and where the file of each goes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from noetl.cli.linting import paths as files
from noetl.errors import UsageError

STREAM: Final = "-"


@dataclass(frozen=True, slots=True)
class Given:
    """A playbook that is to be compiled."""

    path: str
    folder: str
    """Where it is below the folder that was given; empty for one that was named itself."""


def gather(paths: Sequence[str]) -> list[Given]:
    """The playbooks of files and folders, each once; UsageError if one is named twice or a folder cannot be used."""
    if len(paths) != len(set(paths)):
        raise UsageError("a playbook is named twice")
    found: dict[str, Given] = {}
    for path in paths:
        inside, troubles = files.gather([path])
        if troubles:
            raise UsageError("; ".join(troubles))
        for file in inside:
            below = os.path.relpath(os.path.dirname(file), path) if os.path.isdir(path) else ""
            name = file if file == STREAM else os.path.realpath(file)
            found.setdefault(name, Given(file, "" if below == os.curdir else below))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Output:
    """What `-o` says, for playbooks of which some may come from folders."""

    named: str | None
    from_folders: bool
    """Whether a folder was given, so that the output is one, too."""

    @property
    def stream(self) -> bool:
        """Whether it is standard output."""
        return self.named == STREAM

    @property
    def folder(self) -> Path | None:
        """The folder that files go to; None where it is a single file or standard output."""
        if self.named is None:
            return Path()
        is_folder = self.from_folders or self.named.endswith("/") or os.path.isdir(self.named)
        return Path(self.named) if is_folder and not self.stream else None

    def check(self, number: int) -> None:
        """UsageError if so many playbooks do not fit."""
        if self.folder is None and number > 1:
            raise UsageError(f'{number} playbooks do not fit into "{self.named}"; a folder is a path that ends in /')
        if self.folder is not None and self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f'"{self.named}" is no folder, and a folder of playbooks needs one')

    def place(self, below: str, file: str) -> Path:
        """Where a file goes."""
        return Path(self.named or "") if self.folder is None else self.folder / below / file


def below(folder: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    """The files with one of the suffixes below a folder, by path; hidden folders and links are left out."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if path.suffix in suffixes and path.is_file() and not path.is_symlink():
                yield path
