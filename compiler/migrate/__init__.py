"""From a playbook of noetl.io/v1 to one of noetl.io/v2: the same steps in v2 spelling, with comments, and notes for
what a person has to look at.

`migrate_source` gives the text. A playbook that holds nothing of v1 comes out byte for byte as it went in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from noetl.compiler import source
from noetl.compiler.document.normalise import normalise
from noetl.compiler.document.v1 import V1_API, refused_whole
from noetl.compiler.findings import (
    V1_ITERATOR,
    V1_NEXT,
    V1_PLAYBOOK,
    V1_SAVE,
    V1_STEP_WHEN,
    V1_TOOL_STRING,
    V1_TYPE,
    Findings,
    string_of,
)
from noetl.compiler.formatting import format_text, with_breaks
from noetl.compiler.formatting.printing import print_sheet
from noetl.compiler.formatting.reading import lines_of, read
from noetl.compiler.nodes import Map
from noetl.diagnostics import Diagnostic, Severity, in_order

from .names import from_workload
from .parts import Notebook
from .playbook import rewrite

LEFTOVERS: Final = frozenset((V1_PLAYBOOK, V1_TYPE, V1_STEP_WHEN, V1_NEXT, V1_TOOL_STRING, V1_SAVE, V1_ITERATOR))
"""What lint refuses as v1 (DOC-1, DOC-6)."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """A text in v2; None where it is refused, and `diagnostics` say why. Else they are notes, at places of `before`."""

    path: str
    before: str
    text: str | None
    diagnostics: tuple[Diagnostic, ...] = ()


def migrate_source(data: bytes | str, path: str) -> Migrated:
    """Migrate one playbook; never raises on its text. What comes out has nothing left to migrate."""
    parsed = source.parse(data, path)
    errors = [found for found in parsed.diagnostics if found.severity is Severity.ERROR]
    findings = Findings(path)
    if parsed.root is not None and refused_whole(parsed.root, findings):
        errors += [found for found in findings.items if found.kind is not V1_PLAYBOOK]
    if errors or parsed.root is None:
        return Migrated(path, parsed.text, None, tuple(in_order(errors)))
    assert isinstance(parsed.root, Map)
    if not _is_v1(parsed.root, parsed.text):
        text = data if isinstance(data, str) else data.decode("utf-8")
        return Migrated(path, parsed.text, text)
    notes = Findings(path)
    text = _migrated(lines_of(parsed.text), path, Notebook(notes))
    return Migrated(path, parsed.text, with_breaks(text, parsed.text), tuple(in_order(notes.items)))


def _is_v1(root: Map, text: str) -> bool:
    if string_of(root.get("apiVersion")) == V1_API:
        return True
    findings = Findings("")
    normalise(root, text, findings)
    return any(found.kind in LEFTOVERS for found in findings.items)


def _migrated(text: str, path: str, notebook: Notebook) -> str:
    sheet, _ = read(text, path)
    assert sheet is not None  # `migrate_source` has read it
    rewrite(sheet, notebook)
    return format_text(from_workload(print_sheet(sheet), text, path, notebook), path)
