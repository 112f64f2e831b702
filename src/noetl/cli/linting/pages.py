"""The pages of the kinds of findings (`docs/checks`), which noetl carries with it."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

from noetl.compiler.linting.selection import family
from noetl.diagnostics import Kind, Severity

FOLDER: Final = "check_pages"
_ROW: Final = re.compile(
    r"^\| \[?(NTL\d{3})\]?(?:\([^)]*\))? \| ([a-z0-9-]+) \| (\w+)(, off by default)? \| (.*) \|$", re.MULTILINE
)


@cache
def kinds() -> dict[str, Kind]:
    """Every kind, by its code and by its name, as the index of the pages has it."""
    found: dict[str, Kind] = {}
    for code, name, severity, off, summary in _ROW.findall(_text("README.md") or ""):
        found[code] = found[name] = Kind(code, name, Severity(severity), summary, not off)
    return found


def page(kind: Kind) -> str:
    """What there is to know of a kind: its page, or what its registration says."""
    written = _text(f"{kind.code}-{kind.name}.md")
    if written is not None:
        return written.rstrip("\n")
    what = f"{kind.summary[:1].upper()}{kind.summary[1:]}."
    return f"# {kind.code} {kind.name}\n\n*{kind.severity}*\n\n{what}\n\nFamily: {family(kind.code)}."


def _text(name: str) -> str | None:
    found = files("noetl") / FOLDER / name
    return found.read_text(encoding="utf-8") if found.is_file() else None
