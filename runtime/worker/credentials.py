"""Credentials that the server keeps: a worker asks for them with the claim of the command that names them (TOO-6)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from noetl.compiler.ir import Json

from ..credentials import credential, missing
from ..ports import Credential, CredentialMissing
from ..queue.address import is_private
from ..queue.claims import Claimed
from .posting import FIRST_PAUSE, LONGEST_PAUSE, goes_on

if TYPE_CHECKING:
    from .posting import Posting

_log = logging.getLogger("noetl.worker")


@dataclass(slots=True)
class _Command:
    """A command that is carried out, and what it was lent: nothing of it outlives the call."""

    claimed: Claimed
    lent: dict[str, Credential | CredentialMissing] = field(default_factory=dict)


_CURRENT: Final[ContextVar[_Command | None]] = ContextVar("noetl_command", default=None)


@contextlib.contextmanager
def during(claimed: Claimed) -> Iterator[None]:
    """What is asked for within is asked for this command."""
    token = _CURRENT.set(_Command(claimed))
    try:
        yield
    finally:
        _CURRENT.reset(token)


class LentCredentials:
    """The store of a server, as the command under way may see it."""

    def __init__(self, posting: Posting) -> None:
        self._posting = posting

    def get(self, name: str) -> Credential:
        """What was lent; CredentialMissing if it was not."""
        command = _CURRENT.get()
        found = None if command is None else command.lent.get(name)
        if found is None:
            raise missing(name)
        if isinstance(found, CredentialMissing):
            raise found
        return found

    async def fetch(self, name: str) -> None:
        """Ask the server for it. Goes on asking while the server does not answer: the claim may outlast that."""
        command = _CURRENT.get()
        if command is not None and name not in command.lent:
            command.lent[name] = await self._asked(name, command.claimed)

    async def _asked(self, name: str, claimed: Claimed) -> Credential | CredentialMissing:
        if not is_private(self._posting.url):
            return CredentialMissing(
                f'credential "{name}" is not asked for: the server is reached without TLS on another machine'
            )
        body: dict[str, Json] = {
            "name": name,
            "execution_id": claimed.request.execution_id,
            "number": claimed.number,
            "claim": claimed.claim,
        }
        pause = FIRST_PAUSE
        while True:
            try:
                answer = await self._posting.post("/api/v2/credentials/open", body)
            except httpx.TransportError as error:
                _log.warning("the server does not answer: %s %s", type(error).__name__, error)
            else:
                if not goes_on(answer):
                    return _read(name, answer)
                _log.warning("the server answered %d", answer.status_code)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def _read(name: str, answer: httpx.Response) -> Credential | CredentialMissing:
    told: Json = answer.json()
    if not isinstance(told, dict) or answer.status_code == httpx.codes.NOT_FOUND:
        return missing(name)
    if answer.is_success and isinstance(fields := told.get("fields"), dict):
        return credential(name, {**fields, "type": str(told.get("type"))})
    error = told.get("error")
    said = error.get("message") if isinstance(error, dict) else answer.status_code
    return CredentialMissing(f'credential "{name}" cannot be had from the server: {said}')
