"""What a region keeps in Airflow's store of task states, so that the next try of a killed one goes on where it was.

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
    """The checkpoint of one region. What was kept for other tokens counts as nothing."""

    def __init__(self, store: Store, given: Iterable[Json]) -> None:
        """`given` is all that the region's runs depend on besides the replies."""
        self._store = store
        self._given = hashlib.sha256(json.dumps([*given]).encode()).hexdigest()
        self._count = 0

    def begin(self, time: str) -> tuple[str, list[Json]]:
        """The time of the first try with the replies that it kept; of the first try itself `time` and none."""
        kept = self._store.get(KEY)
        start = json.loads(kept) if isinstance(kept, str) else {}
        if start.get("given") != self._given:
            self._store.clear()
            self._store.set(KEY, json.dumps({"given": self._given, "time": time}))
            return time, []
        found: list[Json] = []
        while isinstance(text := self._store.get(f"{KEY}.{len(found)}"), str):
            found.append(json.loads(text))
        self._count = len(found)
        return start["time"], found

    def keep(self, reply: Json) -> None:
        """Keep a reply. Durable when it returns."""
        self._store.set(f"{KEY}.{self._count}", json.dumps(reply))
        self._count += 1

    def forget(self) -> None:
        """The region has ended: when it runs again, it starts anew."""
        self._store.clear()
