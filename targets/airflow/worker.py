"""What the runtime inside a task asks of the place where it runs: playbooks, replies that were kept, credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from .connections import from_connection
from .versions import AirflowFailException, AirflowNotFoundException

if TYPE_CHECKING:
    from noetl.compiler.ir import Json
    from noetl.runtime.journal import Replied
    from noetl.runtime.ports import Credential

    from .checkpoints import Checkpoints
    from .operators import Step


class Kept:
    """The checkpoint of a task as the runtime asks for it."""

    def __init__(self, checkpoints: Checkpoints, task: Step) -> None:
        self._checkpoints = checkpoints
        self._task = task

    def begin(self, time: str) -> tuple[str, list[Replied]]:
        """The time of the task's start, and its replies so far; AirflowFailException if too many tries were lost."""
        from noetl.runtime.commands import Reply
        from noetl.runtime.journal import Replied

        start, kept = self._checkpoints.begin(time)
        self._task.lost = self._checkpoints.lost
        if self._task.long_wait is not None and self._task.lost > self._task.resumes:
            raise AirflowFailException(f"{self._task.lost} tries of the task were lost")
        return start, [
            Replied(number, Reply.from_json(reply)) for number, reply in cast("list[tuple[int, Json]]", kept)
        ]

    def replied(self, execution_id: str, replied: Replied) -> None:
        """Keep a reply."""
        del execution_id
        self._checkpoints.keep([replied.number, replied.reply.to_json()])


class StoredCredentials:
    """The credential store of a worker: its environment, then Airflow's connections (TOO-6)."""

    def get(self, name: str) -> Credential:
        """The connection whose id is `name`; CredentialMissing if there is none."""
        from airflow.sdk import Connection

        from noetl.runtime.credentials import missing
        from noetl.runtime.ports import Credential

        try:
            connection = Connection.get(name)
        except AirflowNotFoundException:
            raise missing(name) from None
        type_, fields = from_connection(connection)
        return Credential(name, type_, fields)
