"""Tool outcomes kept and given again, by run key, call and attempt: for playbooks whose code uses chance.

The variable `NOETL_REPLAY` names a JSON file `{"kinds": [...], "outcomes": {<place>: <outcome>}}`. Wherever tools run,
those kinds then answer what was kept, so that two places can be compared on the same outcomes. In a sub-playbook the
places of the calls that lead there come first (`ToolCall.where`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from noetl.compiler.ir import Json
from noetl.errors import UsageError

from .ports import Outcome, ToolCall, ToolRunner

VARIABLE: Final = "NOETL_REPLAY"


class Recorder:
    """A runner that keeps what another one answers."""

    def __init__(self, runner: ToolRunner) -> None:
        self._runner = runner
        self.outcomes: dict[str, dict[str, Json]] = {}
        """By place; JSON."""

    async def call(self, request: ToolCall) -> Outcome:
        """Call the tool and keep the outcome."""
        outcome = await self._runner.call(request)
        self.outcomes[request.where] = outcome.to_json()
        return outcome

    async def close(self) -> None:
        """Close the other runner."""
        await self._runner.close()


class Replayer:
    """A runner that gives kept outcomes for some tool kinds and leaves the others to a real one."""

    def __init__(self, runner: ToolRunner, outcomes: Mapping[str, Mapping[str, Json]], kinds: frozenset[str]) -> None:
        self._runner = runner
        self._outcomes = outcomes
        self._kinds = kinds

    async def call(self, request: ToolCall) -> Outcome:
        """The kept outcome; an attempt that was never kept is a failed call of type NotRecorded."""
        if request.kind not in self._kinds:
            return await self._runner.call(request)
        where = request.where
        kept = self._outcomes.get(where)
        if kept is None:
            return Outcome(error={"type": "NotRecorded", "message": f"no outcome was recorded for {where}"})
        return Outcome.from_json(kept)

    async def close(self) -> None:
        """Close the real runner."""
        await self._runner.close()


def replaying(runner: ToolRunner, environ: Mapping[str, str]) -> ToolRunner:
    """The runner itself, or one that replays where `NOETL_REPLAY` is set; UsageError if its file cannot be read."""
    path = environ.get(VARIABLE)
    if not path:
        return runner
    try:
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
        return Replayer(runner, kept["outcomes"], frozenset(kept["kinds"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f'{VARIABLE} names "{path}", which holds no recorded outcomes: {error}') from error
