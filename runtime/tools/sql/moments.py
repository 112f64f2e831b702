"""Dates and times as databases write them, in the form of VAL-1."""

from __future__ import annotations

import re
from typing import Final

_MOMENT: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d[ T])?(?P<time>\d\d:\d\d:\d\d)(?P<fraction>\.\d+)?"
    r"(?P<offset>[+-]\d\d(?::?\d\d)?(?::\d\d)?)?"
)


def moment(text: str) -> str:
    """A date, a time or both as ISO 8601; what that cannot say (`infinity`, years before 1) stays as it is written.

    >>> moment("2024-05-01 10:00:00.5+02"), moment("10:00:00"), moment("infinity")
    ('2024-05-01T10:00:00.500000+02:00', '10:00:00', 'infinity')
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        return text
    date, fraction, offset = found["date"] or "", found["fraction"] or "", found["offset"] or ""
    if offset and ":" not in offset:
        offset = f"{offset[:3]}:{offset[3:] or '00'}"
    return f"{date.replace(' ', 'T')}{found['time']}{fraction and fraction.ljust(7, '0')}{offset}"
