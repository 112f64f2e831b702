"""Every exception that noetl raises on purpose.

The docstring of a class is its default message, so that an error without details still says what to do.

    NoetlError
      PlaybookError          problems of a playbook, as diagnostics
        UnsupportedByTarget  what a target cannot express
      ExecutionError         an execution that cannot go on
      UsageError             wrong arguments or files
      InternalError          a bug in noetl
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from noetl.diagnostics import Diagnostic


class NoetlError(Exception):
    """Something went wrong in noetl."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class PlaybookError(NoetlError):
    """The playbook has problems; run `noetl lint` on it to see them all."""

    def __init__(self, diagnostics: Sequence[Diagnostic], message: str | None = None) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(message or "; ".join(f"{d.code} {d.message}" for d in self.diagnostics[:3]))


class UnsupportedByTarget(PlaybookError):
    """The target cannot express this playbook; the diagnostics say which part and why."""


class ExecutionError(NoetlError):
    """The execution cannot go on."""


class UsageError(NoetlError):
    """The command was called with arguments that do not fit; see --help."""


class InternalError(NoetlError):
    """This is a bug in noetl; please report it with the playbook that shows it."""
