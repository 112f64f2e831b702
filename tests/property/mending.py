"""What has to hold for the fixes of any text."""

from __future__ import annotations

import re
from typing import Final

from noetl.cli.linting.analysis import Analysis, analyse
from noetl.cli.linting.repair import mend
from noetl.compiler import ir, source
from noetl.compiler.document.normalise import normalise
from noetl.compiler.findings import Findings
from noetl.compiler.linting import fixes, suppression
from noetl.compiler.nodes import Map, Node, Scalar
from noetl.diagnostics import Diagnostic, Kind, Severity, registered

FILE: Final = "fix.yaml"
BREAK: Final = re.compile(r"\r\n|\r|\n")
ADDING: Final = frozenset({"NTL131", "NTL201"})
"""Kinds whose fix adds a step."""


def look(text: str) -> Analysis:
    """Everything found in a text."""
    return analyse(text.encode("utf-8"), FILE)


def known() -> dict[str, Kind]:
    """All kinds, by code and name."""
    return {name: kind for kind in registered() for name in (kind.code, kind.name)}


def fixable(found: Analysis) -> list[Diagnostic]:
    """What has a fix, unused suppressions included."""
    text = found.text or ""
    reviewed = suppression.review(
        text, FILE, found.diagnostics, known=known, active=lambda kind: found.whole and kind.default
    )
    return sorted((one for one in reviewed.kept if one.fix), key=lambda one: (one.span, one.code))


def check_mended(data: bytes) -> str | None:
    """Fix a text and check the result; None where it is no text."""
    before = analyse(data, FILE)
    text = before.text
    if text is None or data.removeprefix(b"\xef\xbb\xbf") != text.encode("utf-8", "replace"):
        return None
    check_edits(text, fixable(before))
    check_each(before, text)
    applied: set[str] = set()

    def noted(found: Analysis) -> list[Diagnostic]:
        chosen = fixable(found)
        applied.update(one.code for one in chosen)
        return chosen

    after, analysis, fixed = mend(before, look, noted)
    assert (fixed > 0) == (after != text)
    again, _, more = mend(analysis, look, fixable)
    assert (again, more) == (after, 0)
    parsed, mended = source.parse(text, FILE), source.parse(after, FILE)
    if parsed.root is not None:
        assert mended.root is not None
    if before.whole:
        assert analysis.whole
        if applied == {"NTL130"}:
            assert canonical(after) == canonical(text)
    return after


def check_each(before: Analysis, text: str) -> None:
    """A fix alone, as an editor applies it, leaves YAML that is as good as before."""
    for one in fixes.compatible(text, fixable(before))[:4]:
        if one.fix:
            after = look(fixes.apply(text, [one.fix]))
            assert after.whole or not before.whole, (one, text)
            assert broken(after) <= broken(before), (one, text)


def broken(found: Analysis) -> int:
    """How many errors a text has as YAML."""
    return sum(one.code.startswith("NTL0") and one.severity is Severity.ERROR for one in found.diagnostics)


def check_edits(text: str, found: list[Diagnostic]) -> None:
    """Fixes together change their spans and nothing else, whatever the lines end with."""
    chosen = fixes.compatible(text, found)
    edits = [edit for one in chosen if one.fix for edit in one.fix.edits]
    lines = BREAK.split(text)
    ends = [match[0] for match in BREAK.finditer(text)] + [""]
    starts = [0]
    for line, end in zip(lines, ends, strict=True):
        starts.append(starts[-1] + len(line) + len(end))
    at, kept = 0, []
    for edit in sorted(edits, key=lambda edit: edit.span):
        start = starts[edit.span.line - 1] + edit.span.column - 1
        assert at <= start
        kept.append(text[at:start])
        at = starts[edit.span.end_line - 1] + edit.span.end_column - 1
    kept.append(text[at:])
    after = fixes.apply(text, [one.fix for one in chosen if one.fix])
    inserted = sum(len(edit.text) for edit in edits)
    extra = 2 * sum(edit.text.count("\n") for edit in edits)
    assert sum(map(len, kept)) + inserted <= len(after) <= sum(map(len, kept)) + inserted + extra
    assert after.startswith(kept[0])
    assert after.endswith(kept[-1])
    position = 0
    for part in kept:
        position = after.index(part, position) + len(part)
    if len(set(ends[:-1])) == 1:
        assert set(BREAK.findall(after)) <= {ends[0]}


def canonical(text: str) -> ir.Json:
    """The playbook in its canonical spelling."""
    root = source.parse(text, FILE).root
    assert root is not None
    normal = normalise(root, text, Findings(FILE))
    return None if normal is None else plain(normal)


def plain(node: Node) -> ir.Json:
    """A node without its place; the order of keys, which a rename moves nothing in, counts."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Map):
        return {key.text: plain(value) for key, value in node.entries}
    return [plain(item) for item in node.items]
