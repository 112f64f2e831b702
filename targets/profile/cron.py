"""Cron expressions as far as all targets read them alike: five fields of numbers, names, ranges, steps and lists."""

from __future__ import annotations

import re
from typing import Final

PRESETS: Final = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final[tuple[tuple[str, int, int, tuple[str, ...]], ...]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_ITEM: Final = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>[0-9]+))?", re.ASCII)


def check(text: str) -> str | None:
    """What is wrong with an expression, as the end of a sentence about it; None if nothing is.

    >>> check("*/15 6-18 * * mon-fri"), check("0 24 * * *")
    (None, 'has "24" for the hour, which is a number from 0 to 23')
    """
    if text in PRESETS:
        return None
    parts = text.split()
    if len(parts) != len(_FIELDS) or text.startswith("@"):
        return f"has five fields (minute, hour, day, month, day of the week), or is one of {', '.join(sorted(PRESETS))}"
    for part, (name, least, most, names) in zip(parts, _FIELDS, strict=True):
        if not all(_fits(item, least, most, names) for item in part.split(",")):
            more = f" or a name such as {names[1]}" if names else ""
            return f'has "{part}" for the {name}, which is a number from {least} to {most}{more}'
    return None


def _fits(item: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    found = _ITEM.fullmatch(item)
    if found is None or (found["step"] is not None and int(found["step"]) == 0):
        return False
    if found["low"] is None:
        return True
    low = _number(found["low"], least, names)
    high = low if found["high"] is None else _number(found["high"], least, names)
    # A step after a single number means a range in one engine and nothing in another.
    single = found["step"] is not None and found["high"] is None
    return low is not None and high is not None and not single and least <= low <= high <= most


def _number(text: str, least: int, names: tuple[str, ...]) -> int | None:
    if text.isdigit():
        return int(text)
    return names.index(text.lower()) + least if text.lower() in names else None
