"""What `noetl conform` was asked, as one value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from noetl.conformance.adapters.base import OnCluster
from noetl.errors import UsageError

_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|)")
_FACTOR: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Orders:
    """The options, as they were given."""

    target: str | None
    tier: str | None
    cases: Path | None
    case: str | None
    level: str | None
    budget: str | None
    seed: int
    report: Path | None
    compare: Path | None
    deviations: Path | None
    outcomes: Sequence[Path]
    quiet: bool
    cluster: OnCluster | None = None
    """The options of argo's tier live."""

    def asked(self) -> str:
        """The target; UsageError if there is none."""
        if self.target is None:
            raise UsageError("--target says what is judged, such as --target runtime")
        return self.target

    def seconds(self) -> float | None:
        """The budget; UsageError if it is no time."""
        return None if self.budget is None else seconds(self.budget)

    def folder(self) -> Path | None:
        """Where the report goes; UsageError if that is no folder."""
        if self.report is not None and self.report.exists() and not self.report.is_dir():
            raise UsageError(f'"{self.report}" is no folder')
        return self.report

    def refuse(self, what: str, *names: str) -> None:
        """UsageError if one of these options was given, which do not go with `what`."""
        given = [f"--{name}" for name in names if getattr(self, name)]
        if given:
            raise UsageError(f"{', '.join(given)} cannot be given {what}")


def seconds(text: str) -> float:
    """A time such as `90s`, `5m`, `1h` or `90` in seconds; UsageError for anything else."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise UsageError(f'--budget takes a time such as 90s, 5m or 1h, not "{text}"')
    return float(match[1]) * _FACTOR[match[2]]
