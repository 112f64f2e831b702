"""The text of each clause of the semantics, so that a failure can say what was promised."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

TEXT: Final = "semantics.md"
"""The file of `docs/` as noetl carries it."""
_CLAUSE: Final = re.compile(r"^(?:- )?\*\*([A-Z]{3,4}-\d+)[^*]*\*\*")
_HEADING: Final = re.compile(r"^#{1,6} ")


@cache
def text() -> str:
    """The whole text."""
    return files("noetl").joinpath(TEXT).read_text(encoding="utf-8")


def digest() -> str:
    """What the text is, in 16 hexadecimal digits."""
    return hashlib.sha256(text().encode()).hexdigest()[:16]


@cache
def clauses() -> Mapping[str, str]:
    """The text of every clause by its id, on one line, in the order of the document."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text().splitlines():
        match = _CLAUSE.match(line)
        if match is not None:
            current = found.setdefault(match[1], [])
            line = line[match.end() :]
        elif _HEADING.match(line) or not line.strip() or line.startswith(("- ", "|", "```")):
            current = None
        if current is not None and line.strip():
            current.append(line.strip())
    return {clause: " ".join(lines) for clause, lines in found.items()}


def area(clause: str) -> str:
    """The letters of a clause's id, such as `RUL`: what badges are made of."""
    return clause.partition("-")[0]
