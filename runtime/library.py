"""The playbooks that a playbook can call (TOO-4): by `metadata.path`, then by file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.diagnostics import Severity
from noetl.errors import ExecutionError

from .capabilities import refusals

SUFFIXES: Final = (".yaml", ".yml")


class PlaybookMissing(ExecutionError):
    """No playbook, or none that can be run, is there under that path."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A playbook that can be run."""

    workflow: ir.Workflow
    file: str
    text: str


class Library(Protocol):
    """Where sub-playbooks come from."""

    def get(self, path: str) -> Entry:
        """The playbook; PlaybookMissing, which says why, if there is none that can be run."""
        ...


class TextLibrary:
    """Playbooks by name, with their texts; with a `folder`, their files stand in it (TOO-4)."""

    def __init__(self, texts: Mapping[str, str], folder: Path | None = None) -> None:
        self._texts = dict(texts)
        self._folder = folder
        self._paths: dict[str, str] | None = None
        self._entries: dict[str, Entry] = {}

    def get(self, path: str) -> Entry:
        """The text whose `metadata.path` this is, or else that of this name."""
        if self._paths is None:
            self._paths = _paths(self._texts)
        name = self._paths.get(path, path)
        name = next((n for n in (name, *(f"{name}{suffix}" for suffix in SUFFIXES)) if n in self._texts), name)
        if name not in self._texts:
            raise _missing(path, [*self._paths, *self._texts])
        if name not in self._entries:
            found = entry(self._texts[name], name)
            self._entries[name] = found if self._folder is None else replace(found, file=str(self._folder / found.file))
        return self._entries[name]


class FolderLibrary:
    """The playbooks in and below some folders; the first folder that has one wins."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._paths: dict[str, str] | None = None
        self._entries: dict[str, Entry] = {}

    def get(self, path: str) -> Entry:
        """The file whose `metadata.path` this is, or else the file of this name, below a folder."""
        _, file = self._named(path) or (path, None)
        if file is None:
            raise _missing(path, self._by_path())
        if file not in self._entries:
            self._entries[file] = entry(_read(file), file)
        return self._entries[file]

    def find(self, path: str) -> tuple[str, str] | None:
        """The name and the text of the playbook that `get` would take, whether it can be run or not.

        A `TextLibrary` of such finds what this library finds, if later ones are found by their `metadata.path`.
        """
        found = self._named(path)
        return None if found is None else (found[0], _read(found[1]))

    def texts(self) -> dict[str, str]:
        """All playbooks by name, for a `TextLibrary` that finds what this library finds."""
        return {self._name(file): _read(file) for file in self._files()}

    def _files(self) -> list[str]:
        """Of two files with one `metadata.path` the later one counts."""
        return [str(f) for folder in reversed(self._folders) for f in sorted(folder.rglob("*")) if _is_playbook(f)]

    def _name(self, file: str) -> str:
        """The path below the folder; where a folder before has it, too, another spelling of it."""
        number, folder = next((n, f) for n, f in enumerate(self._folders) if Path(file).is_relative_to(f))
        name = Path(file).relative_to(folder).as_posix()
        return "./" * sum((other / name).is_file() for other in self._folders[:number]) + name

    def _by_path(self) -> dict[str, str]:
        if self._paths is None:
            self._paths = _paths({file: _read(file) for file in self._files()})
        return self._paths

    def _named(self, path: str) -> tuple[str, str] | None:
        """The name of a playbook and its file."""
        if (file := self._by_path().get(path)) is not None:
            return self._name(file), file
        if Path(path).is_absolute() or ".." in Path(path).parts:
            return None  # a path may come from data, which opens no other file of the machine
        for folder in self._folders:
            for suffix in ("", *SUFFIXES):
                name = f"{path}{suffix}"
                if os.path.isfile(folder / name):  # false, too, for what no file can be called
                    return name, str(folder / name)
        return None


def entry(text: str, file: str) -> Entry:
    """The playbook of a text; PlaybookMissing with its first error if it cannot be run."""
    compilation = compile_source(text, file)
    errors = [found for found in compilation.diagnostics if found.severity is Severity.ERROR]
    if not errors and compilation.workflow is not None:
        errors = refusals(compilation.workflow, file)
    if errors or compilation.workflow is None:
        first = errors[0]
        raise PlaybookMissing(f'playbook "{file}" cannot be run: {first.span} {first.code} {first.message}')
    return Entry(compilation.workflow, file, text)


def _paths(texts: Mapping[str, str]) -> dict[str, str]:
    """The name of each text by the `metadata.path` that it declares."""
    found: dict[str, str] = {}
    for name, text in texts.items():
        document = compile_source(text, name, check=False).document
        path = document.metadata.path if document is not None else None
        if path is not None:
            found[path.text] = name
    return found


def _is_playbook(file: Path) -> bool:
    return file.suffix in SUFFIXES and not any(part.startswith(".") for part in file.parts[1:]) and file.is_file()


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _missing(path: str, known: Sequence[str] | Mapping[str, str]) -> PlaybookMissing:
    told = ", ".join(f'"{name}"' for name in sorted(set(known))[:20]) or "none"
    return PlaybookMissing(f'no playbook has the path "{path}"; playbooks: {told}')
