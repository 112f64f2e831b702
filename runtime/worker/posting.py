"""Posts outcomes to the server until it has them, or says that they are not wanted."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Final

import httpx

from noetl.compiler.ir import Json

from ..ports import Outcome
from ..queue.claims import Claimed
from ..store.rows import encoded

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 5.0
"""Seconds between two tries, while the server does not answer."""
_SECONDS: Final = 30.0
_UNFIT: Final = frozenset({httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.UNPROCESSABLE_ENTITY})
_log = logging.getLogger("noetl.worker")


class Posting:
    """A client of one server. Belongs to one event loop; `async with` closes it."""

    def __init__(self, url: str, token: str | None, trusted: ssl.SSLContext | bool = True) -> None:
        self.url = url
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=_SECONDS,
            limits=httpx.Limits(max_connections=32),
            trust_env=False,
            verify=trusted,
        )

    async def __aenter__(self) -> Posting:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def post(self, path: str, body: dict[str, Json]) -> httpx.Response:
        """One request; httpx.TransportError if it is not answered."""
        return await self._client.post(path, content=encoded(body).encode())

    async def outcome(self, claimed: Claimed, outcome: Outcome) -> None:
        """Post an outcome. Goes on trying while the server does not answer: whoever waits cancels it when the claim is
        lost. An outcome that the server refuses is told to the log: another worker has the command, or nobody wants it.
        """
        event = _event(claimed, outcome)
        pause, replaced = FIRST_PAUSE, False
        while True:
            try:
                answer = await self.post("/api/v2/events", event)
            except httpx.TransportError as error:
                _log.warning("the server does not answer: %s %s", type(error).__name__, error)
            else:
                if answer.is_success:
                    return
                if answer.status_code in _UNFIT and not replaced:
                    # Nobody else could post it either: the call would be made again for ever.
                    replaced = True
                    event |= _event(claimed, _unfit(answer))
                    continue
                if not goes_on(answer):
                    _log.warning("an outcome was refused: %s", answer.text[:500])
                    return
                _log.warning("the server answered %d", answer.status_code)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def goes_on(answer: httpx.Response) -> bool:
    """Whether the same request may be answered otherwise later: the server is not well, or has too much to do."""
    return answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS


def _event(claimed: Claimed, outcome: Outcome) -> dict[str, Json]:
    return {
        "execution_id": claimed.request.execution_id,
        "name": "call.done" if outcome.error is None else "call.error",
        "event_id": f"{claimed.number}:{claimed.claim}",
        "payload": {"number": claimed.number, "claim": claimed.claim, "outcome": outcome.to_json()},
    }


def _unfit(answer: httpx.Response) -> Outcome:
    """The outcome of a call whose own outcome the server does not take."""
    return Outcome(
        error={"type": "LimitExceeded", "message": f"the server does not take the outcome: {answer.text[:200]}"}
    )
