"""What a task keeps in Airflow's store of task states, so that its next try goes on where the last one was.

The engine is deterministic, so the replies to its commands are all there is to keep. Each is a text under a key of its
own: a text comes back as it was, whatever it holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from noetl.compiler.ir import Json

KEY: Final = "noetl"
"""The key of the start; `noetl.0` and so on are those of the replies."""


class Store(Protocol):
    """The part of Airflow's `task_state_store` that is used; it survives the tries of a task."""

    def get(self, key: str) -> Json:
        """The value of a key, None if there is none."""
        ...

    def set(self, key: str, value: Json) -> None:
        """Keep a value. Durable when it returns."""
        ...

    def clear(self) -> None:
        """Forget everything of the task."""
        ...


class Checkpoints:
    """The checkpoint of one task. What was kept for other tokens counts as nothing."""

    def __init__(
        self, store: Store, given: Iterable[Json], *, cleared: int = 0, tries: int = 0, at_once: bool = True
    ) -> None:
        """`given` is all that the task's runs depend on besides the replies.

        `cleared` are the tries before somebody cleared the task, `tries` those since then that have ended. A reply is
        kept `at_once`, or when the task leaves.
        """
        self._store = store
        self._given = hashlib.sha256(json.dumps([*given]).encode()).hexdigest()
        self._cleared = cleared
        self._tries = tries
        self._at_once = at_once
        self._time = ""
        self._count = 0
        self._fresh: list[Json] = []
        self.waits = 0
        """For how many waits the task has left since it was cleared."""

    def begin(self, time: str) -> tuple[str, list[Json]]:
        """The time of the first try with the replies that it kept; of the first try itself `time` and none."""
        kept = self._store.get(KEY)
        start = json.loads(kept) if isinstance(kept, str) else {}
        if start.get("given") != self._given:
            self._store.clear()
            self._time = time
            self._note()
            return time, []
        self._time = start["time"]
        self.waits = start["waits"] if start["cleared"] == self._cleared else 0
        found: list[Json] = []
        while isinstance(text := self._store.get(f"{KEY}.{len(found)}"), str):
            found.append(json.loads(text))
        self._count = len(found)
        return self._time, found

    @property
    def lost(self) -> int:
        """How many tries since then did not leave for a wait: their worker was lost, or they took too long."""
        return max(0, self._tries - self.waits)

    def keep(self, reply: Json) -> None:
        """Keep a reply. Durable when it returns, where replies are kept at once."""
        self._fresh.append(reply)
        if self._at_once:
            self._write()

    def leave(self) -> None:
        """The task leaves for a wait. What it was replied is durable when this returns."""
        self._write()
        self.waits += 1
        self._note()

    def forget(self) -> None:
        """The task has ended: when it runs again, it starts anew."""
        self._store.clear()

    def _write(self) -> None:
        for reply in self._fresh:
            self._store.set(f"{KEY}.{self._count}", json.dumps(reply))
            self._count += 1
        self._fresh.clear()

    def _note(self) -> None:
        start = {"given": self._given, "time": self._time, "cleared": self._cleared, "waits": self.waits}
        self._store.set(KEY, json.dumps(start))
