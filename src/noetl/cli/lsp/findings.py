"""Diagnostics and their fixes in the terms of the protocol."""

from __future__ import annotations

import os
from typing import Final

from lsprotocol import types

from noetl.cli.linting.analysis import Analysis, Question
from noetl.cli.linting.review import Review
from noetl.cli.linting.settings import Settings, nearest
from noetl.compiler.linting.selection import Selection
from noetl.diagnostics import Diagnostic, Severity
from noetl.errors import UsageError

from .playbooks import Playbook

SOURCE: Final = "noetl"
_SEVERITIES: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}


def shown(playbook: Playbook) -> list[Diagnostic]:
    """What `noetl lint` would show of the playbook: its configuration and suppressing comments count."""
    if not playbook.is_playbook:
        return []
    compiled = playbook.compilation
    analysis = Analysis(compiled.path, compiled.text, compiled.diagnostics, compiled.workflow is not None)
    settings = _settings(playbook.path)
    selection = Selection(settings.select or Selection().select, settings.ignore)
    return Review(settings, selection, Question()).shown(analysis)


def _settings(path: str) -> Settings:
    folder = os.path.dirname(path)
    try:
        return nearest(folder) if os.path.isdir(folder) else Settings(os.getcwd())
    except UsageError:  # lint says what is wrong with it
        return Settings(folder)


def diagnostic(playbook: Playbook, uri: str, found: Diagnostic) -> types.Diagnostic:
    """A finding with its place, hint and related places."""
    text = playbook.text
    related = [
        types.DiagnosticRelatedInformation(types.Location(uri, text.range(one.span)), one.message)
        for one in found.related
    ]
    return types.Diagnostic(
        range=text.range(found.span),
        message=f"{found.message}\nhint: {found.hint}" if found.hint else found.message,
        severity=_SEVERITIES[found.severity],
        code=found.code,
        source=SOURCE,
        related_information=related or None,
    )


def actions(playbook: Playbook, uri: str, asked: types.Range) -> list[types.CodeAction]:
    """The fixes of findings that touch a range; several of them also as one."""
    first, last = playbook.text.place(asked.start), playbook.text.place(asked.end)
    made: list[types.CodeAction] = []
    for found in shown(playbook):
        start, end = (found.span.line, found.span.column), (found.span.end_line, found.span.end_column)
        if found.fix is None or end < first or last < start:
            continue
        edits = [types.TextEdit(playbook.text.range(edit.span), edit.text) for edit in found.fix.edits]
        made.append(
            types.CodeAction(
                title=found.fix.title,
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[diagnostic(playbook, uri, found)],
                edit=types.WorkspaceEdit(changes={uri: edits}),
                is_preferred=True,
            )
        )
    return made
