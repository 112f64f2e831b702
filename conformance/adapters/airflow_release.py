"""The order in which `dag.test()` runs ready tasks: one at a time, drawn from a seed, so that any order can come up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

READY = "scheduled"


class Release:
    """Picks one of the ready tasks; the others are ready again in the next round."""

    def __init__(self) -> None:
        self._seed = ""
        self._round = 0

    def draw_from(self, seed: str) -> None:
        """The next run takes its order from this seed."""
        self._seed = seed
        self._round = 0

    def released(self, instances: Sequence[Any]) -> list[Any]:
        """Task instances of a run, with one of the ready ones."""
        self._round += 1
        chosen = min((ti for ti in instances if ti.state == READY), key=self._lot, default=None)
        return [ti for ti in instances if ti.state != READY or ti is chosen]

    def _lot(self, ti: Any) -> bytes:
        text = f"{self._seed}\0{self._round}\0{ti.task_id}\0{ti.map_index}"
        return hashlib.sha256(text.encode()).digest()
