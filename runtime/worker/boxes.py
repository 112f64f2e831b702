"""The tools of a worker: those of each playbook's folder."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from ..ports import Outcome, ToolRunner
from ..queue.claims import Claimed
from .credentials import during

HELD: Final = 16
"""Folders whose tools are kept warm."""


class Tools(Protocol):
    """Runs the tools of claimed commands."""

    async def call(self, claimed: Claimed) -> Outcome:
        """Make the attempt; every failure of the tool is an outcome."""
        ...

    async def close(self) -> None:
        """Give back connections and processes."""
        ...


class Boxes:
    """A runner for each folder, made by `make` when its first command comes."""

    def __init__(self, folder: Path, make: Callable[[Path], ToolRunner]) -> None:
        """`folder` is where the paths of playbooks start."""
        self._folder = folder
        self._make = make
        self._boxes: OrderedDict[Path, ToolRunner] = OrderedDict()
        self._used: dict[Path, int] = {}

    async def call(self, claimed: Claimed) -> Outcome:
        """Make the attempt with the tools of the playbook's folder."""
        place = self._place(claimed.file)
        box = self._boxes.get(place)
        if box is None:
            box = self._boxes[place] = self._make(place)
        self._boxes.move_to_end(place)
        self._used[place] = self._used.get(place, 0) + 1
        try:
            with during(claimed):
                return await box.call(claimed.request)
        finally:
            self._used[place] -= 1
            await self._thin_out()

    async def close(self) -> None:
        """Close all of them."""
        while self._boxes:
            _, box = self._boxes.popitem()
            await box.close()

    def _place(self, file: str) -> Path:
        """The folder of a playbook; of one whose path leads out of the worker's folder that folder itself."""
        path = Path(file)
        if path.is_absolute() or ".." in path.parts:
            return self._folder
        return self._folder / path.parent

    async def _thin_out(self) -> None:
        for place in [p for p in self._boxes if not self._used.get(p)][: max(0, len(self._boxes) - HELD)]:
            await self._boxes.pop(place).close()
