"""What a report is about: the target that was asked, with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from noetl.compiler.ir import Json


@dataclass(frozen=True, slots=True)
class Header:
    """What was judged, with what. Two reports can be compared where `suite` is the same."""

    target: str
    suite: str
    """The digest of all cases of the suite."""
    law: str
    """The digest of the semantics."""
    seed: int
    level: str
    versions: Mapping[str, str] = field(default_factory=dict)
    refuses: Sequence[str] = ()
    """The codes with which the target's table refuses."""
    began: str = ""
    """ISO 8601 in UTC."""
    tier: str | None = None
    """The tier of the target, if it has several."""
    deviations: Sequence[Mapping[str, Json]] = ()
    """In what the target is known to differ: `deviations.Deviation` as JSON."""

    def place(self) -> str:
        """The target with its tier."""
        return self.target if self.tier is None else f"{self.target} ({self.tier})"
