"""The findings of a repository that are known and shall not be shown, until someone comes to mend them.

A finding is known again by its file, its code and the text of the line where it stands, whatever the number of that
line and its indentation. The text is kept as a hash: a baseline is committed, and the line may hold a secret.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from noetl.diagnostics import START_OF_FILE, Diagnostic, Kind, Severity, kind

STALE: Final = kind("NTL703", "stale-baseline", Severity.NOTE, "a baseline with findings that are gone")
VERSION: Final = 1
_BREAK: Final = re.compile(r"\r\n|\r|\n")

Known: TypeAlias = tuple[str, str, str]
"""File, code and hash of the line."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """How often each finding is known."""

    entries: Counter[Known]

    def unknown(self, file: str, text: str, found: Sequence[Diagnostic]) -> list[Diagnostic]:
        """The findings of a file, in order, that are not known. `file` is its name in the baseline."""
        left = Counter({entry: number for entry, number in self.entries.items() if entry[0] == file})
        shown = []
        for one, entry in zip(found, entries(file, text, found), strict=True):
            if left[entry] > 0:
                left[entry] -= 1
            else:
                shown.append(one)
        return shown

    def gone(self, found: Counter[Known], files: Iterable[str]) -> int:
        """How many known findings of these files are there no more."""
        looked = set(files)
        return sum((Counter({e: n for e, n in self.entries.items() if e[0] in looked}) - found).values())


def entries(file: str, text: str, found: Sequence[Diagnostic]) -> list[Known]:
    """What each finding of a file is known by."""
    lines = _BREAK.split(text)
    return [(file, one.code, _hash(lines, one.span.line)) for one in found]


def stale(path: str, number: int) -> Diagnostic:
    """The finding that a baseline holds findings that are gone."""
    message = (
        f"{number} {'finding' if number == 1 else 'findings'} of the baseline {'is' if number == 1 else 'are'} gone"
    )
    return Diagnostic(STALE, message, START_OF_FILE, path, hint="write it anew with --write-baseline")


def parse(text: str) -> Baseline:
    """A baseline as `render` writes it; ValueError for anything else."""
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("version") != VERSION or not isinstance(data.get("findings"), list):
        raise ValueError(f'it has no "version": {VERSION} and list "findings"')
    counted: Counter[Known] = Counter()
    for entry in data["findings"]:
        known = [entry.get(key) for key in ("path", "code", "line")] if isinstance(entry, dict) else []
        count = entry.get("count", 1) if isinstance(entry, dict) else 0
        match known, count:
            case [str(path), str(code), str(line)], int(count) if count > 0:
                counted[path, code, line] += count
            case _:
                raise ValueError("a finding has path, code and line, and count where there are several")
    return Baseline(counted)


def render(counted: Counter[Known], kinds: Iterable[Kind]) -> str:
    """A baseline as text: one finding a line, sorted, so that changes of it merge."""
    names = {one.code: one.name for one in kinds}
    lines = []
    for (path, code, line), count in sorted(counted.items()):
        shown: dict[str, object] = {"path": path, "code": code, "name": names.get(code, ""), "line": line}
        lines.append(json.dumps(shown | ({"count": count} if count > 1 else {}), ensure_ascii=False))
    inner = ",\n".join(f"  {line}" for line in lines)
    return (
        f'{{"version": {VERSION}, "findings": [\n{inner}\n]}}\n'
        if lines
        else f'{{"version": {VERSION}, "findings": []}}\n'
    )


def _hash(lines: Sequence[str], number: int) -> str:
    text = lines[number - 1].strip() if 1 <= number <= len(lines) else ""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
