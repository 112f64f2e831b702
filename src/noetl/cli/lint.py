"""`noetl lint`: every problem of the playbooks given, in one go."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import typer

from noetl.diagnostics import Diagnostic, Severity, in_order, render_json, render_text

from . import FINDINGS, OK, USAGE

SUFFIXES: Final = (".yaml", ".yml")
STDIN: Final = "-"
_PLAYBOOK: Final = re.compile(rb"""^[ \t{]*["']?kind["']?[ \t]*:[ \t]*["']?Playbook\b""", re.MULTILINE)


class Format(StrEnum):
    """How findings are shown."""

    TEXT = "text"
    JSON = "json"


def command(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Playbooks, folders to search, or - for standard input.")
    ],
    format: Annotated[Format, typer.Option("--format", help="How findings are shown.")] = Format.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail, too.")] = False,
) -> None:
    """Check playbooks and show every problem with its place.

    Folders are searched for *.yaml and *.yml files that hold `kind: Playbook`. Findings go to standard output, a
    summary to standard error. Errors exit with 1; warnings exit with 0, with --strict 1; notes never fail. A path that
    cannot be read exits with 2 after the others have been checked.

    \b
    Examples:
      noetl lint playbook.yaml
      noetl lint --strict playbooks/
      cat playbook.yaml | noetl lint --format json -
    """
    files, troubles = gather(paths)
    found: list[Diagnostic] = []
    sources: dict[str, str] = {}
    unread = False
    for path in files:
        checked = check(path)
        found += checked.diagnostics
        unread = unread or checked.text is None
        sources[checked.path] = checked.text or ""
    shown = in_order(found)
    if format is Format.JSON:
        print(render_json(shown))
    elif shown:
        coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(render_text(shown, sources, _paint) if coloured else render_text(shown, sources))
    for trouble in troubles:
        print(f"noetl: error: {trouble}", file=sys.stderr)
    print(summary(len(sources), shown), file=sys.stderr)
    raise typer.Exit(USAGE if troubles or unread else exit_code(shown, strict))


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with one playbook, and its text; None where it cannot be read."""

    path: str
    text: str | None
    diagnostics: tuple[Diagnostic, ...]


def gather(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """The files to check, each once and in the order given, those of a folder by name; and what is wrong with paths."""
    files: dict[str, None] = {}
    troubles: list[str] = []
    for path in paths:
        if path != STDIN and os.path.isdir(path):
            inside = list(_playbooks(path, troubles))
            if not inside:
                troubles.append(f'folder "{path}" holds no playbook')
            files.update(dict.fromkeys(inside))
        else:
            files[path] = None
    return list(files), troubles


def check(path: str) -> Checked:
    """All diagnostics of the playbook at `path`, or of standard input for `-`."""
    from noetl.compiler import frontend, source

    text = source.read(path)
    if text.data is None:
        return Checked(text.path, None, text.diagnostics)
    try:
        compiled = frontend.compile_source(text.data, text.path)
    except Exception as error:
        error.add_note(f"while checking {text.path}")
        raise
    return Checked(compiled.path, compiled.text, compiled.diagnostics)


def exit_code(diagnostics: Iterable[Diagnostic], strict: bool) -> int:
    """0 or 1: errors fail, warnings only where `strict`, notes never."""
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return FINDINGS if any(d.severity in failing for d in diagnostics) else OK


def summary(files: int, diagnostics: Sequence[Diagnostic]) -> str:
    """One line: how many files and how many findings of each severity, and how many of them have a fix."""
    counted = [_count(sum(d.severity is s for d in diagnostics), str(s)) for s in Severity]
    fixable = sum(d.fix is not None for d in diagnostics)
    return f"{_count(files, 'file')}: {', '.join(counted)}" + (f" ({fixable} fixable)" if fixable else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _playbooks(folder: str, troubles: list[str]) -> Iterator[str]:
    """Playbooks below `folder` by path; hidden folders are left out, unreadable ones become troubles."""

    def unreadable(error: OSError) -> None:
        troubles.append(f'cannot read "{error.filename}": {error.strerror}')

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            path = os.path.join(parent, name)
            if name.endswith(SUFFIXES) and _is_playbook(path, unreadable):
                yield path


def _is_playbook(path: str, unreadable: Callable[[OSError], None]) -> bool:
    from noetl.compiler.source import MAX_BYTES

    try:
        with open(path, "rb") as file:
            return _PLAYBOOK.search(file.read(MAX_BYTES)) is not None
    except OSError as error:
        unreadable(error)
        return False


def _paint(severity: Severity, text: str) -> str:
    colour = {Severity.ERROR: typer.colors.RED, Severity.WARNING: typer.colors.YELLOW, Severity.NOTE: typer.colors.BLUE}
    return typer.style(text, fg=colour[severity], bold=True)
