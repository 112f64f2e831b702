"""In what a target is known to differ: a ledger whose entries are checked, and end.

A file `deviations/<target>.toml`, or one that `--deviations FILE` names:

    [[deviation]]
    code = "AF-1"                     # what reports call it; never used again
    cases = ["RET-2-waits-*"]         # ids, or patterns of them
    reason = "the scheduler rounds waits up"
    says = "gaps: less than"          # what the first line of the failure contains
    expires = 2027-03-01              # the day from which on it is an error
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from noetl.compiler.ir import Json
from noetl.errors import UsageError

FOLDER: Final = Path(__file__).parent / "deviations"
_Text = Annotated[str, Field(min_length=1)]


class Deviation(BaseModel):
    """One entry."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    code: _Text
    cases: Annotated[list[_Text], Field(min_length=1)]
    reason: _Text
    says: _Text
    expires: date

    def covers(self, case: str) -> bool:
        """Whether the case of this id is among those that fail."""
        return any(fnmatchcase(case, pattern) for pattern in self.cases)

    def predicts(self, said: Sequence[str]) -> bool:
        """Whether this is how it fails."""
        return bool(said) and self.says in said[0]


class _Ledger(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    deviation: list[Deviation] = []


def kept_for(target: str) -> tuple[Deviation, ...]:
    """The entries that are kept with the suite; none where the target has no file."""
    file = FOLDER / f"{target}.toml"
    return read_deviations(file) if file.exists() else ()


def read_deviations(file: Path) -> tuple[Deviation, ...]:
    """The entries of a file; UsageError that names every problem."""
    try:
        found = _Ledger.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).deviation
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise UsageError(f"{file}: {told}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}") from error
    codes = [entry.code for entry in found]
    if twice := sorted({code for code in codes if codes.count(code) > 1}):
        raise UsageError(f"{file}: {', '.join(twice)}: a code is used once")
    return tuple(found)


def deviations_of(told: Iterable[Mapping[str, Json]]) -> tuple[Deviation, ...]:
    """The entries that a report tells; pydantic's ValidationError if it tells something else."""
    return tuple(Deviation.model_validate_json(json.dumps(dict(entry))) for entry in told)


def expired(entries: Iterable[Deviation]) -> list[str]:
    """A line for each entry whose day has come."""
    today = datetime.now(UTC).date()
    return [
        f"deviation {entry.code} expired on {entry.expires}: {entry.reason}"
        for entry in entries
        if entry.expires <= today
    ]
