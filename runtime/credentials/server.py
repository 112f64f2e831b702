"""Credentials from a server (TOO-6).

    GET <url>/api/v2/credentials/<name>         Authorization: Bearer $NOETL_CREDENTIALS_TOKEN, where that is set
    200 {"name": "stripe", "type": "bearer", "fields": {"token": "..."}}
    404 there is none

Any other answer, and none within ten seconds, is a failed call that names the credential. What was answered is good for
a minute.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from noetl.compiler.ir import Json
from noetl.errors import UsageError
from noetl.runtime.ports import Credential, CredentialMissing

from .stores import credential, missing

if TYPE_CHECKING:
    import httpx

TOKEN: Final = "NOETL_CREDENTIALS_TOKEN"
"""The variable with the token that the server asks for."""
PATH: Final = "/api/v2/credentials/"
SECONDS: Final = 10.0
GOOD_FOR: Final = 60.0
"""Seconds for which an answer is kept."""
REFUSED_FOR: Final = 1.0
"""Seconds for which it is kept that the server did not answer, so that a retry asks again."""
NOT_FOUND: Final = 404


class ServerCredentials:
    """The credentials of a server. Safe to use from several threads."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """UsageError if the address is none."""
        import httpx

        try:
            address = httpx.URL(url)
        except httpx.InvalidURL:
            address = httpx.URL()
        if address.scheme not in ("http", "https") or not address.host:
            raise UsageError(f'"{url}" is not the address of a server of credentials')
        self._url = url.rstrip("/")
        token = environ.get(TOKEN)
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._lock = threading.Lock()
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._kept: dict[str, tuple[float, Credential | CredentialMissing]] = {}

    def get(self, name: str) -> Credential:
        """The credential called `name`; CredentialMissing if there is none or the server does not give it."""
        known = self._known(name)
        if known is None:
            with self._lock:
                asking = self._asking[name]
            with asking:
                known = self._known(name) or self._answered(name)
        if isinstance(known, CredentialMissing):
            raise known
        return known

    async def fetch(self, name: str) -> None:
        """Ask the server beside other calls, so that `get` answers at once; CredentialMissing like `get`."""
        if self._known(name) is None:
            await asyncio.to_thread(self.get, name)

    def _known(self, name: str) -> Credential | CredentialMissing | None:
        kept = self._kept.get(name)
        return None if kept is None or kept[0] < time.monotonic() else kept[1]

    def _answered(self, name: str) -> Credential | CredentialMissing:
        """What the server answers, kept. One that fails is not asked again by who only looks after `fetch`."""
        found: Credential | CredentialMissing
        try:
            found, good_for = self._ask(name), GOOD_FOR
        except CredentialMissing as refused:
            found, good_for = refused, REFUSED_FOR
        self._kept[name] = (time.monotonic() + good_for, found)
        return found

    def _ask(self, name: str) -> Credential | CredentialMissing:
        import httpx

        logging.getLogger("httpcore").setLevel(logging.WARNING)  # below that it writes headers
        try:
            answer = httpx.get(self._url + PATH + quote(name, safe=""), headers=self._headers, timeout=SECONDS)
        except httpx.HTTPError as error:
            raise _refused(name, str(error) or type(error).__name__) from None
        if answer.status_code == NOT_FOUND:
            return missing(name)
        if answer.status_code != httpx.codes.OK:
            raise _refused(name, f"it answered {answer.status_code}")
        return _read(name, answer)


def _read(name: str, answer: httpx.Response) -> Credential:
    try:
        body: Json = answer.json()
    except ValueError:
        body = None
    fields = body.get("fields") if isinstance(body, dict) else None
    kind = body.get("type") if isinstance(body, dict) else None
    if not isinstance(fields, dict) or not isinstance(kind, str):
        raise _refused(name, "its answer is no map with type and fields")
    return credential(name, {**fields, "type": kind})


def _refused(name: str, reason: str) -> CredentialMissing:
    return CredentialMissing(f'credential "{name}" cannot be had from the server of credentials: {reason}')
