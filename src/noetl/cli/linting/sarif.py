"""Findings as SARIF 2.1.0, which GitHub code scanning and other collectors read.

`tests/golden/sarif/part.json` is the part of the format that is written here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

import noetl
from noetl.compiler.linting.selection import family
from noetl.diagnostics import Diagnostic, Fix, Kind, Related, Span

from . import pages

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
HELP: Final = "urn:noetl:check:"
"""The beginning of what names a kind everywhere; its page is in the report itself."""
FINGERPRINT: Final = "noetlLine/v1"
_BREAK: Final = re.compile(r"\r\n|\r|\n")


def render(found: Sequence[Diagnostic], sources: Mapping[str, str]) -> str:
    """All findings as one run. `sources` maps a path to the text of that file."""
    kinds = sorted({one.kind for one in found}, key=lambda kind: kind.code)
    index = {kind.code: number for number, kind in enumerate(kinds)}
    prints = _Fingerprints(sources)
    run = {
        "tool": {
            "driver": {
                "name": "noetl",
                "version": noetl.__version__,
                "semanticVersion": noetl.__version__,
                "rules": [_rule(kind) for kind in kinds],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, index[one.code], prints) for one in found],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(kind: Kind) -> dict[str, object]:
    page = pages.page(kind)
    return {
        "id": kind.code,
        "name": kind.name,
        "shortDescription": {"text": kind.summary},
        "fullDescription": {"text": kind.summary},
        "helpUri": f"{HELP}{kind.code}",
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": str(kind.severity)},
        "properties": {"tags": [family(kind.code)] if family(kind.code) else []},
    }


def _result(found: Diagnostic, rule: int, prints: _Fingerprints) -> dict[str, object]:
    text = f"{found.message}\n{found.hint}" if found.hint else found.message
    made: dict[str, object] = {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": str(found.severity),
        "message": {"text": text},
        "locations": [{"physicalLocation": _place(found.path, found.span)}],
        "partialFingerprints": {FINGERPRINT: prints.of(found)},
    }
    if found.related:
        made["relatedLocations"] = [_related(found.path, n, one) for n, one in enumerate(found.related)]
    if found.fix:
        made["fixes"] = [_fix(found.path, found.fix)]
    return made


def _related(path: str, number: int, related: Related) -> dict[str, object]:
    return {"id": number, "message": {"text": related.message}, "physicalLocation": _place(path, related.span)}


def _fix(path: str, fix: Fix) -> dict[str, object]:
    replacements = [{"deletedRegion": _region(e.span), "insertedContent": {"text": e.text}} for e in fix.edits]
    change = {"artifactLocation": _artifact(path), "replacements": replacements}
    return {"description": {"text": fix.title}, "artifactChanges": [change]}


def _place(path: str, span: Span) -> dict[str, object]:
    return {"artifactLocation": _artifact(path), "region": _region(span)}


def _artifact(path: str) -> dict[str, object]:
    """A path as a reference: relative to the current folder, if it is in it."""
    if path.startswith("<"):
        return {"uri": quote(path.strip("<>"))}
    relative = os.path.relpath(path)
    if relative.startswith(os.pardir):
        return {"uri": "file://" + quote(os.fsencode(os.path.abspath(path).replace(os.sep, "/")))}
    return {"uri": quote(os.fsencode(relative.replace(os.sep, "/")))}


def _region(span: Span) -> dict[str, object]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


class _Fingerprints:
    """What a finding is known by across runs: its code and the text of its line, and which one of several it is."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._lines: dict[str, list[str]] = {}
        self._seen: Counter[tuple[str, str]] = Counter()

    def of(self, found: Diagnostic) -> str:
        """The fingerprint of the next finding, in order."""
        if found.path not in self._lines:
            self._lines[found.path] = _BREAK.split(self._sources.get(found.path, ""))
        lines = self._lines[found.path]
        line = lines[found.span.line - 1].strip() if found.span.line <= len(lines) else ""
        text = f"{found.code}\n{line}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(text).hexdigest()[:16]
        self._seen[found.path, digest] += 1
        return f"{digest}:{self._seen[found.path, digest]}"
