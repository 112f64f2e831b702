"""`noetl fmt`: one way to write playbooks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from noetl.diagnostics import Diagnostic, Severity, render_text
from noetl.errors import UsageError

from . import FINDINGS, OK, USAGE
from .linting import paths as places

if TYPE_CHECKING:
    from noetl.compiler.formatting import Formatted


def command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Playbooks, folders, or - for standard input.")],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing, show the changes; exit as --check.")] = False,
) -> None:
    """Rewrite playbooks in one form: order of keys, spellings, layout. Comments stay, and the meaning stays.

    Folders are searched for *.yaml and *.yml files that hold `kind: Playbook`. Standard input is formatted to standard
    output. A file with an error of YAML, or of another kind, is left as it is; its errors go to standard error, and the
    exit code is 1. A file that cannot be read or written exits with 2 after the others have been formatted.

    \b
    Examples:
      noetl fmt playbook.yaml
      noetl fmt --check playbooks/
      noetl fmt --diff playbook.yaml
      cat playbook.yaml | noetl fmt - > formatted.yaml
    """
    if check and diff:
        raise UsageError("--check and --diff exclude each other")
    raise typer.Exit(_Session(write=not (check or diff), diff=diff).code(paths))


class _Session:
    """Formats the files of one call and counts what becomes of them."""

    def __init__(self, *, write: bool, diff: bool) -> None:
        self._write = write
        self._diff = diff
        self._changed = 0
        self._refused = 0
        self._lost = False

    def code(self, paths: Sequence[str]) -> int:
        """Format all files; the exit code."""
        files, troubles = places.gather(paths)
        for file in files:
            self._file(file)
        for trouble in troubles:
            print(f"noetl: error: {trouble}", file=sys.stderr)
        word = "formatted" if self._write else "to format"
        others = f", {self._refused} refused" if self._refused else ""
        print(f"{len(files)} {_files(len(files))} read, {self._changed} {word}{others}", file=sys.stderr)
        if troubles or self._lost:
            return USAGE
        return FINDINGS if self._refused or (self._changed and not self._write) else OK

    def _file(self, file: str) -> None:
        from noetl.compiler import source
        from noetl.compiler.formatting import format_source

        read = source.read(file)
        if read.data is None:
            self._lost = True
            self._show(read.diagnostics, {})
            return
        done = format_source(read.data, read.path)
        if done.text is None:
            self._refused += 1
            self._show(done.diagnostics, {done.path: done.before})
            return
        after = done.text.encode("utf-8")
        changed = after != read.data
        self._changed += changed
        if file == places.STDIN and self._write:
            sys.stdout.buffer.write(after)
        elif changed and self._write:
            self._put(file, after)
        elif changed:
            self._tell(done, read.data, after)

    def _put(self, file: str, data: bytes) -> None:
        from .linting.review import write_whole

        try:
            write_whole(file, data)
        except UsageError as error:  # the others are formatted all the same
            self._lost = True
            print(f"noetl: error: {error}", file=sys.stderr)
        else:
            print(f"formatted {file}", file=sys.stderr)

    def _tell(self, done: Formatted, before: bytes, after: bytes) -> None:
        """Say that a file would change, or how."""
        if not self._diff:
            print(done.path)
            return
        from .linting.repair import unified

        print(unified(done.path, before, after), end="")

    def _show(self, found: Sequence[Diagnostic], sources: dict[str, str]) -> None:
        errors = [one for one in found if one.severity is Severity.ERROR]
        print(render_text(errors, sources), file=sys.stderr)


def _files(number: int) -> str:
    return "file" if number == 1 else "files"
