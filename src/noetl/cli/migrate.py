"""`noetl migrate`: playbooks of the first version of the language as playbooks of the second."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from noetl.diagnostics import render_text
from noetl.errors import UsageError

from . import FINDINGS, OK, USAGE

STREAM: Final = "-"


def command(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Playbooks, or - for standard input.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file for one playbook, a folder for any number, or - for standard output.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if a playbook is not v2 yet.")
    ] = False,
) -> None:
    """Rewrite playbooks of noetl.io/v1 as noetl.io/v2, with their comments.

    Each file is rewritten in place unless -o says where to; standard input goes to standard output. What a person has
    to look at is told on standard error, as notes NTL150 and on, at the places of the v1 file. What v2 has no form for
    becomes a comment. A playbook that is v2 already comes out byte for byte as it is. A file that YAML cannot read, or
    of another kind, is refused and exits with 1.

    \b
    Examples:
      noetl migrate playbook.yaml
      noetl migrate old/*.yaml -o playbooks/
      noetl migrate --check playbooks/*.yaml
      cat old.yaml | noetl migrate - > new.yaml
    """
    _check_usage(files, output)
    raise typer.Exit(_Session(output, check=check).code(files))


def _check_usage(files: Sequence[str], output: str | None) -> None:
    if len(files) != len(set(files)):
        raise UsageError("a playbook is named twice")
    if len(files) > 1 and output is not None and not _is_folder(output):
        raise UsageError(f'{len(files)} playbooks do not fit into "{output}"; a folder is a path that ends in /')
    names = [os.path.basename(file) for file in files]
    if output is not None and _is_folder(output) and len(names) != len(set(names)):
        raise UsageError("two playbooks have the same file name and would go to one place")
    if output is not None and _is_folder(output) and STREAM in files:
        raise UsageError("standard input has no name in a folder; name a file after -o")


def _is_folder(output: str) -> bool:
    return output.endswith("/") or os.path.isdir(output)


class _Session:
    """Migrates the files of one call."""

    def __init__(self, output: str | None, *, check: bool) -> None:
        self._output = output
        self._check = check
        self._old = 0
        self._notes = 0
        self._refused = 0
        self._lost = False

    def code(self, files: Sequence[str]) -> int:
        """Migrate all files; the exit code."""
        for file in files:
            self._file(file)
        done = "to migrate" if self._check else "migrated"
        noun = "file" if len(files) == 1 else "files"
        more = f", {self._notes} to look at" if self._notes else ""
        refused = f", {self._refused} refused" if self._refused else ""
        print(f"{len(files)} {noun} read, {self._old} {done}{more}{refused}", file=sys.stderr)
        if self._lost:
            return USAGE
        return FINDINGS if self._refused or (self._check and self._old) else OK

    def _file(self, file: str) -> None:
        from noetl.compiler import source
        from noetl.compiler.migrate import migrate_source

        read = source.read(file)
        if read.data is None:
            self._lost = True
            print(render_text(read.diagnostics, {}), file=sys.stderr)
            return
        done = migrate_source(read.data, read.path)
        if done.diagnostics:
            print(render_text(done.diagnostics, {done.path: done.before}), file=sys.stderr)
        if done.text is None:
            self._refused += 1
            return
        after = done.text.encode("utf-8")
        changed = after != read.data
        self._old += changed
        self._notes += len(done.diagnostics)
        if self._check:
            if changed:
                print(done.path)
        elif changed or self._output is not None or file == STREAM:
            try:
                self._put(file, after)
            except UsageError as error:  # the others are migrated all the same
                self._lost = True
                print(f"noetl: error: {error}", file=sys.stderr)

    def _put(self, file: str, data: bytes) -> None:
        from .linting.review import write_whole

        place = file if self._output is None else self._output
        if place == STREAM:
            sys.stdout.buffer.write(data)
            return
        if self._output is not None and _is_folder(self._output):
            place = os.path.join(self._output, os.path.basename(file))
        try:
            os.makedirs(os.path.dirname(place) or ".", exist_ok=True)
        except OSError as error:
            raise UsageError(f'cannot write "{place}": {error.strerror}') from error
        write_whole(place, data)
        print(f"wrote {place}", file=sys.stderr)
