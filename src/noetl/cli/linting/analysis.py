"""Everything that can be found in one file, before anybody chooses from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from noetl.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from noetl.compiler import frontend

STDIN: Final = "<stdin>"
"""What standard input is called."""


class Question(NamedTuple):
    """What is asked of every file."""

    target: str | None = None
    """The engine whose refusals are added."""
    everything: bool = False
    """Whether kinds that are off by default are looked for."""


class Analysis(NamedTuple):
    """What was found in a file."""

    path: str
    text: str | None
    """None where the file cannot be read."""
    diagnostics: tuple[Diagnostic, ...]
    whole: bool
    """Whether the text could be read as a playbook, so that everything was looked for."""


def unreadable(path: str) -> Analysis:
    """The analysis of a file that could not be opened."""
    from noetl.compiler import source

    text = source.read(path)
    return Analysis(text.path, None, text.diagnostics, False) if text.data is None else analyse(text.data, path)


def analyse(data: bytes, path: str, question: Question | None = None) -> Analysis:
    """All diagnostics of a playbook."""
    from noetl.compiler import frontend

    asked = question or Question()
    try:
        compiled = frontend.compile_source(data, path, everything=asked.everything)
        found = compiled.diagnostics
        if asked.target is not None and compiled.ok and compiled.workflow is not None:
            found += _refused(asked.target, compiled)
    except Exception as error:
        error.add_note(f"while checking {path}")
        raise
    return Analysis(path, compiled.text, found, compiled.workflow is not None)


def _refused(name: str, compiled: frontend.Compilation) -> tuple[Diagnostic, ...]:
    """What a target cannot carry of a playbook without errors."""
    from noetl.errors import UnsupportedByTarget
    from noetl.targets.base import Source
    from noetl.targets.registry import load

    if compiled.workflow is None:
        return ()
    try:
        load(name).compile(Source(compiled.path, compiled.text, compiled.workflow))
    except UnsupportedByTarget as refused:
        return refused.diagnostics
    return ()


def failing(found: Diagnostic, strict: bool) -> bool:
    """Whether a finding lets the command fail: errors do, warnings where `strict`, notes never."""
    return found.severity is Severity.ERROR or (strict and found.severity is Severity.WARNING)
