"""Badges in the form that badge servers read: one for each area of the law, and `all`."""

from __future__ import annotations

from collections.abc import Iterable

from noetl.compiler.ir import Json

from ..law import area
from ..results import Record, Results

_GREEN, _YELLOW, _RED, _GREY = "brightgreen", "yellow", "red", "lightgrey"


def badges(results: Results) -> dict[str, dict[str, Json]]:
    """By name. Green is all cases passed, yellow some refused or known to differ, red some failed."""
    areas: dict[str, dict[str, Record]] = {}
    for one in results.records:
        for clause in one.clauses:
            areas.setdefault(area(clause), {})[one.id] = one
    made = {name: _badge(name, records.values()) for name, records in sorted(areas.items())}
    return {"all": _badge(f"noetl on {results.header.place()}", results.records), **made}


def _badge(label: str, records: Iterable[Record]) -> dict[str, Json]:
    verdicts = [one.verdict for one in records if one.verdict != "not run"]
    passed = verdicts.count("passed")
    if not verdicts:
        message, color = "not run", _GREY
    else:
        message = f"{passed}/{len(verdicts)}"
        green = passed == len(verdicts)
        red = any(verdict in ("failed", "stale", "broken") for verdict in verdicts)
        color = _RED if red else _GREEN if green else _YELLOW
    return {"schemaVersion": 1, "label": label, "message": message, "color": color}
