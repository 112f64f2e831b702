"""The credentials that a server keeps. Users keep and list them; a worker is lent what its command names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from noetl.compiler.ir import Json
from noetl.errors import UsageError

from ..ports import Credential
from ..queue.naming import named_credentials
from ..queue.wire import unpacked
from ..store.rows import decoded
from .database import Database, do, many, one
from .executions import is_of
from .refusals import ClaimLost, NotFound, NotNamed, NotOpened
from .sealing import Sealer
from .statements import query


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose command it is."""

    execution_id: str
    number: int
    claim: str


@dataclass(frozen=True, slots=True)
class _New:
    new: bool


@dataclass(frozen=True, slots=True)
class _Listed:
    name: str
    type: str
    fields: list[str]
    updated: datetime


@dataclass(frozen=True, slots=True)
class _Sealed:
    name: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class _Claimed:
    request: str | None
    worker: str | None


def check_key(address: str, sealer: Sealer) -> None:
    """UsageError where what a database keeps is under another key."""
    with psycopg.connect(address) as connection:
        row = connection.execute(query("any_sealed")).fetchone()
    if row is not None:
        try:
            sealer.opened(str(row[0]), bytes(row[1]))
        except NotOpened as error:
            raise UsageError(str(error)) from error


class KeptCredentials:
    """Those of a database, under a key."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def keep(self, found: Credential) -> bool:
        """Keep a credential under its name; whether there was none."""
        values = {
            "name": found.name,
            "type": found.type,
            "fields": sorted(found.fields),
            "sealed": self._sealer.seal(found),
        }
        async with self._database.transaction() as connection:
            row = await one(connection, "keep_credential", values, _New)
        assert row is not None
        return row.new

    async def remove(self, name: str) -> None:
        """Forget it; NotFound if there is none."""
        async with self._database.transaction() as connection:
            if await do(connection, "drop_credential", {"name": name}) == 0:
                raise NotFound(f'no credential is called "{name}"')

    async def listed(self) -> list[dict[str, Json]]:
        """Names, types and what their fields are called; no value."""
        async with self._database.reading() as connection:
            rows = await many(connection, "credentials", {}, _Listed)
        return [
            {"name": row.name, "type": row.type, "fields": [*row.fields], "updated": row.updated.isoformat()}
            for row in rows
        ]

    async def lent(self, name: str, claim: Claim, worker: str | None) -> Credential:
        """The credential, for a command that a worker has claimed and that names it.

        ClaimLost where the command is not this worker's at this moment; NotNamed where it does not name the credential;
        NotFound if there is none; NotOpened if it was kept under another key.
        """
        values = {"execution_id": claim.execution_id, "number": claim.number, "claim": claim.claim}
        async with self._database.reading() as connection:
            row = await one(connection, "claimed", values, _Claimed)
            if row is None or not is_of(row.worker, worker):
                raise ClaimLost(f'command {claim.number} of execution "{claim.execution_id}" is under another claim')
            request = decoded(row.request or "null")
            if not isinstance(request, dict) or name not in named_credentials(unpacked(request)):
                raise NotNamed(f'the command does not name a credential "{name}"')
            sealed = await one(connection, "sealed", {"name": name}, _Sealed)
        if sealed is None:
            raise NotFound(f'no credential is called "{name}"')
        return self._sealer.opened(name, sealed.sealed)
