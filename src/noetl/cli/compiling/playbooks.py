"""Playbooks read, checked and given what they run; what was read before and has not changed is not read again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from noetl.diagnostics import Diagnostic, Severity
from noetl.errors import UsageError
from noetl.targets.base import Compiled, Options, Source, Target
from noetl.targets.children import paths, shipped

if TYPE_CHECKING:
    from noetl.compiler.frontend import Compilation
    from noetl.runtime.library import FolderLibrary


@dataclass(frozen=True, slots=True)
class Read:
    """A playbook as far as it can be compiled."""

    path: str
    """As diagnostics call it."""
    source: Source | None
    """None if it has an error."""
    found: list[Diagnostic]
    texts: dict[str, str]
    """The texts that diagnostics may be about."""


@dataclass(slots=True)
class Reader:
    """Reads playbooks; `folders` hold those that others may run."""

    folders: tuple[Path, ...]
    known: dict[str, tuple[bytes, Compilation]] = field(default_factory=dict)
    _libraries: dict[Path, FolderLibrary] = field(default_factory=dict)

    def begin(self) -> None:
        """Look for sub-playbooks anew."""
        self._libraries.clear()

    def read(self, file: str) -> Read:
        """One playbook with those that it runs; UsageError if it cannot be read."""
        compilation = self._compilation(file)
        found = [d for d in compilation.diagnostics if d.severity is not Severity.NOTE]
        texts = {compilation.path: compilation.text}
        if compilation.workflow is None or not compilation.ok:
            return Read(compilation.path, None, found, texts)
        source = Source(compilation.path, compilation.text, compilation.workflow)
        source, missing = self._with_playbooks(source)
        return Read(compilation.path, source, [*found, *missing], {**source.playbooks, **texts})

    def _compilation(self, file: str) -> Compilation:
        from noetl.compiler import frontend, source

        read = source.read(file)
        if read.data is None:
            raise UsageError("; ".join(d.message for d in read.diagnostics))
        known = self.known.get(file)
        if known is not None and known[0] == read.data:
            return known[1]
        compilation = frontend.compile_source(read.data, read.path)
        self.known[file] = read.data, compilation
        return compilation

    def _with_playbooks(self, source: Source) -> tuple[Source, list[Diagnostic]]:
        """The playbook with those that it runs: all that there are, where it runs one by a template (TOO-4)."""
        if not runs_others(source):
            return source, []
        library = self._library(Path(source.path).parent)
        found = shipped(source.workflow, source.path, library.find)
        texts = library.texts() | found.texts if found.templated and self.folders else found.texts
        return replace(source, playbooks=texts, all_playbooks=bool(self.folders)), found.missing

    def _library(self, folder: Path) -> FolderLibrary:
        """Where the playbooks of a folder look for others: read once, however many they are."""
        from noetl.runtime.library import FolderLibrary

        if folder not in self._libraries:
            self._libraries[folder] = FolderLibrary([*self.folders, folder])
        return self._libraries[folder]


def runs_others(source: Source) -> bool:
    """Whether a playbook runs sub-playbooks."""
    return any(paths(source.workflow))


@dataclass(slots=True)
class Remembering:
    """A target that compiles a playbook again only if its text, or that of one that it ships, has changed."""

    target: Target
    options: Options
    known: dict[str, tuple[object, Compiled]] = field(default_factory=dict)

    def renew(self, options: Options) -> None:
        """From now on compile with other options."""
        self.options = options
        self.known.clear()

    def compile(self, source: Source) -> Compiled:
        """As the target does; what was refused is tried again."""
        asked = (source.text, tuple(source.playbooks.items()), source.all_playbooks)
        known = self.known.get(source.path)
        if known is not None and known[0] == asked:
            return known[1]
        from noetl.compiler.frontend import without_collection

        with without_collection():
            made = self.target.compile(source, self.options)
        self.known[source.path] = asked, made
        return made
