"""Text in a picture: how wide it is, and how it is cut. The typeface has letters of one width, so that it is known."""

from __future__ import annotations

import unicodedata
from typing import Final

NAME_SIZE: Final = 14.0
SMALL_SIZE: Final = 11.0
"""In pixels."""
_LETTER: Final = 0.61
"""The width of a letter as a part of its height."""


def width(text: str, size: float) -> float:
    """The width of a line of text in pixels."""
    return _letters(text) * _LETTER * size


def cut(text: str, letters: int) -> str:
    """The text on one line, shortened to so many letters."""
    line = " ".join(text.split())
    if _letters(line) <= letters:
        return line
    kept = ""
    for char in line:
        if _letters(kept + char) > letters - 1:
            break
        kept += char
    return kept.rstrip() + "\u2026"


def _letters(text: str) -> int:
    """How many letters wide a text is: those of East Asia take two, marks on others none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
