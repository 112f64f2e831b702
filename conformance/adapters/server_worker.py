"""A worker of `noetl conform --target server`: each case has a folder of its own, with its files and its credentials.

python -m noetl.conformance.adapters.server_worker DATABASE URL CASES NAME
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Final

from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.mock import Mocked, OutcomeFile, Outcomes
from noetl.runtime.ports import Outcome, ToolRunner
from noetl.runtime.queue.claims import Claimed, Queue
from noetl.runtime.tools import ToolBox
from noetl.runtime.worker.boxes import Boxes
from noetl.runtime.worker.posting import Posting
from noetl.runtime.worker.settings import read_settings
from noetl.runtime.worker.worker import Worker

FILES: Final = "files"
CREDENTIALS: Final = "credentials.json"
OUTCOMES: Final = "outcomes.json"
"""What the folder of a case holds; it is called as the execution at the top."""
HELD: Final = 24
"""Cases whose tools are kept until others come."""


class CaseTools:
    """The tools of each case."""

    def __init__(self, cases: Path) -> None:
        self._cases = cases
        self._held: OrderedDict[str, Boxes] = OrderedDict()

    async def call(self, claimed: Claimed) -> Outcome:
        """Make the attempt with the tools of its case."""
        boxes = self._held.get(claimed.root)
        if boxes is None:
            boxes = self._held[claimed.root] = self._boxes(self._cases / claimed.root)
        self._held.move_to_end(claimed.root)
        outcome = await boxes.call(claimed)
        if len(self._held) > HELD:
            _, oldest = self._held.popitem(last=False)
            await oldest.close()
        return outcome

    async def close(self) -> None:
        """Close them all."""
        while self._held:
            _, boxes = self._held.popitem()
            await boxes.close()

    def _boxes(self, folder: Path) -> Boxes:
        credentials = MappedCredentials(json.loads((folder / CREDENTIALS).read_text("utf-8")))
        given = folder / OUTCOMES
        if not given.exists():
            return Boxes(folder / FILES, lambda place: ToolBox(credentials, folder=place))
        outcomes = Outcomes(OutcomeFile.model_validate_json(given.read_text("utf-8")), folder.name)

        def mocked(place: Path) -> ToolRunner:
            return Mocked(outcomes, ToolBox(credentials, folder=place))

        return Boxes(folder / FILES, mocked)


async def _work(database: str, url: str, cases: Path, name: str) -> None:
    settings = read_settings(name=name, size=16, poll=1.0, lease=30.0, grace=0.0)
    async with Queue(database, settings.identity(), None, settings.lease) as queue, Posting(url, None) as posting:
        worker = Worker(queue, posting, CaseTools(cases), settings)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        await worker.run()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]))
