"""The playbooks that a server knows: registered by path, in versions, or bound to one execution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from noetl.compiler.frontend import Compilation, compile_source
from noetl.compiler.ir import Json
from noetl.diagnostics import Severity

from ..capabilities import refusals
from ..library import PlaybookMissing, TextLibrary, entry
from .database import Connection, Database, do, many, one
from .refusals import NotFound, PlaybookRefused

UNNAMED: Final = "<playbook>"


@dataclass(frozen=True, slots=True)
class Playbook:
    """A version of a playbook, under the path from which its scripts are read."""

    id: int
    path: str
    version: int
    text: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class _Latest:
    id: int
    version: int
    text: str


@dataclass(frozen=True, slots=True)
class _Bound:
    file: str
    id: int
    path: str
    version: int
    text: str


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    path: str
    version: int
    name: str
    text: str
    registered: datetime


@dataclass(frozen=True, slots=True)
class _Listed:
    path: str
    versions: list[int]
    latest: int
    name: str
    registered: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registration came to."""

    playbook: Playbook
    name: str
    new: bool
    """Whether there was no version with this text on top."""
    compilation: Compilation
    """With the warnings and notes."""


class Catalog:
    """Registers and finds playbooks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, text: str, file: str | None, execution_id: str | None) -> Registered:
        """Keep a playbook as the latest version of its path, and bind it to an execution where one is named.

        A text that is the latest version already is not kept twice. PlaybookRefused if it has errors.
        """
        compilation = accepted(text, file or UNNAMED)
        assert compilation.document is not None
        metadata = compilation.document.metadata
        name = metadata.name.text
        path = metadata.path.text if metadata.path is not None else file or name
        async with self._database.transaction() as connection:
            await do(connection, "lock_path", {"path": path})
            latest = await one(connection, "latest_playbook", {"path": path}, _Latest)
            new = latest is None or latest.text != text
            version = 1 if latest is None else latest.version + new
            if latest is None or new:
                values = {"path": path, "version": version, "name": name, "text": text}
                added = await one(connection, "add_playbook", values, _Id)
                assert added is not None
                identity = added.id
            else:
                identity = latest.id
            if execution_id is not None:
                binding = {"execution_id": execution_id, "file": file or path, "playbook": identity}
                await do(connection, "unbind", binding)
                await do(connection, "bind", binding)
        return Registered(Playbook(identity, path, version, text, file or path), name, new, compilation)

    async def listed(self) -> list[dict[str, Json]]:
        """Every path with its versions."""
        async with self._database.reading() as connection:
            rows = await many(connection, "playbooks", {}, _Listed)
        return [
            {
                "path": row.path,
                "name": row.name,
                "versions": [*row.versions],
                "latest": row.latest,
                "registered": row.registered.isoformat(),
            }
            for row in rows
        ]

    async def find(self, path: str, version: int | None) -> Playbook:
        """A version of a path, by default the latest; NotFound if there is none."""
        async with self._database.reading() as connection:
            found = await _registered(connection, path, version)
        if found is None:
            told = "" if version is None else f" in version {version}"
            raise NotFound(f'no playbook is registered as "{path}"{told}')
        return found

    async def bound_to(self, execution_id: str) -> Playbook:
        """The playbook that was registered for an execution last; NotFound if there is none."""
        async with self._database.reading() as connection:
            found = await bound(connection, execution_id)
        if found is None:
            raise NotFound(f'no playbook was registered for execution "{execution_id}"')
        return found


@dataclass(frozen=True, slots=True)
class _Id:
    id: int


async def bound(connection: Connection, execution_id: str) -> Playbook | None:
    """The playbook that was bound to an execution last; None if there is none."""
    rows = await many(connection, "bound", {"execution_id": execution_id}, _Bound)
    return _playbook(rows[-1]) if rows else None


async def callable_playbook(connection: Connection, root: str, path: str) -> Playbook:
    """What a call finds (TOO-4): among the playbooks that are bound to the execution at the top, then in the catalog.

    PlaybookMissing, which says why, if there is none that can be run.
    """
    rows = await many(connection, "bound", {"execution_id": root}, _Bound)
    texts = {row.file: row.text for row in rows}
    registered = await _registered(connection, path, None)
    if registered is None or path in _library(tuple(texts.items())):
        found = _library(tuple(texts.items())).get(path)
        return _playbook(next(row for row in rows if row.file == found.file))
    entry(registered.text, registered.path)
    return registered


async def _registered(connection: Connection, path: str, version: int | None) -> Playbook | None:
    row = await one(connection, "playbook", {"path": path, "version": version}, _Row)
    return None if row is None else Playbook(row.id, row.path, row.version, row.text, row.path)


def _playbook(row: _Bound) -> Playbook:
    return Playbook(row.id, row.path, row.version, row.text, row.file)


@lru_cache(maxsize=64)
def _library(texts: tuple[tuple[str, str], ...]) -> _Texts:
    return _Texts(dict(texts))


class _Texts(TextLibrary):
    """A library that says whether it has something."""

    def __contains__(self, path: str) -> bool:
        try:
            self.get(path)
        except PlaybookMissing:
            return False
        return True


def accepted(text: str, file: str) -> Compilation:
    """The compilation of a playbook that can be run; PlaybookRefused with its errors, notes and warnings left out."""
    compilation = compile_source(text, file)
    errors = [found for found in compilation.diagnostics if found.severity is Severity.ERROR]
    if not errors and compilation.workflow is not None:
        errors = refusals(compilation.workflow, file)
    if errors or compilation.workflow is None:
        raise PlaybookRefused(errors)
    return compilation
