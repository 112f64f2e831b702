"""The `http` tool (TOO-1): one client with warm connections, one envelope for every answer."""

from __future__ import annotations

from typing import Final

import httpx

from noetl.compiler.ir import Json
from noetl.compiler.values import NotSerializable, to_json
from noetl.runtime.ports import Credential, Outcome, ToolCall

from .auth import the_credential
from .failure import CallFailed
from .http_body import body_value
from .http_request import Prepared, prepare
from .kind import RESPONSE_BYTES, Attempt, KindRunner, Place
from .tokens import TYPES

MAX_REDIRECTS: Final = 20
FIRST_FAILURE: Final = 400
UNAUTHORISED: Final = 401


class Http:
    """Makes requests over the connections of the place."""

    default_timeout: Final = 30.0

    def __init__(self, place: Place) -> None:
        self._vault = place.vault
        self._web = place.web

    async def call(self, request: ToolCall, attempt: Attempt) -> Outcome:
        """One request, and the redirects that it may follow."""
        credential = the_credential(request.fields, self._vault)
        fetched = credential is not None and credential.type in TYPES
        if credential is not None and fetched:
            token = await self._vault.tokens.access_token(credential)
            prepared = prepare(request, Credential(credential.name, "bearer", {"token": token}), self._vault.redactor)
        else:
            prepared = prepare(request, credential, self._vault.redactor)
        self._web.client(prepared.url, prepared.verify)  # its certificates are loaded before the time begins
        attempt.start()
        try:
            response, content = await self._exchange(prepared)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise CallFailed("ConnectionFailed", f"{_shown(prepared)}: {reason}") from None
        if response.status_code == UNAUTHORISED and credential is not None and fetched:
            self._vault.tokens.forget(credential)  # a retry is worth a new one
        return _outcome(prepared, response, content)

    async def close(self) -> None:
        """Holds nothing: the connections are the place's."""

    async def _exchange(self, prepared: Prepared) -> tuple[httpx.Response, bytes]:
        request = self._web.client(prepared.url, prepared.verify).build_request(
            prepared.method, prepared.url, headers=prepared.wire_headers(), content=prepared.content
        )
        for _ in range(MAX_REDIRECTS + 1):
            client = self._web.client(request.url, prepared.verify)
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                onward = response.next_request if prepared.follow_redirects else None
                if onward is None:
                    return response, await _content(response)
            finally:
                await response.aclose()
            request = self._onward(request, onward)
        raise CallFailed("ConnectionFailed", f"{_shown(prepared)}: more than {MAX_REDIRECTS} redirects")

    def _onward(self, before: httpx.Request, onward: httpx.Request) -> httpx.Request:
        """A redirect's request; to another origin it takes no secret along."""
        if _origin(before.url) != _origin(onward.url):
            for name, value in before.headers.items():
                if name == "authorization" or self._vault.redactor.holds(value):
                    onward.headers.pop(name, None)
        return onward


def make(place: Place) -> KindRunner:
    """The runner of kind `http`."""
    return Http(place)


async def _content(response: httpx.Response) -> bytes:
    data = bytearray()
    async for part in response.aiter_bytes():
        data += part
        if len(data) > RESPONSE_BYTES:
            raise CallFailed("LimitExceeded", f"the response is larger than {RESPONSE_BYTES} bytes")
    return bytes(data)


def _outcome(prepared: Prepared, response: httpx.Response, content: bytes) -> Outcome:
    status, content_type = response.status_code, response.headers.get("content-type", "")
    if status < FIRST_FAILURE:
        return Outcome(response=_envelope(response, body_value(content, content_type)), view="http")
    try:
        body = to_json(body_value(content, content_type))
    except NotSerializable:
        body = None  # the call failed anyway, and its status says more than what its body could not be
    envelope = _envelope(response, body)
    error: dict[str, Json] = {
        "type": "HttpStatus",
        "message": f"{_shown(prepared)} answered {status} {response.reason_phrase}".rstrip(),
        "status": status,
        "status_code": status,
        "headers": envelope["headers"],
        "body": body,
    }
    return Outcome(error=error, answered=envelope, view="http")


def _envelope(response: httpx.Response, body: Json) -> dict[str, Json]:
    status, elapsed = response.status_code, response.elapsed.total_seconds()
    url = str(response.url.copy_with(username=None, password=None))
    return {
        "status": status,
        "status_code": status,
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "url": url,
        "elapsed": elapsed,
        "data": body,
        "body": body,
        "metadata": {"status_code": status, "url": url, "elapsed": elapsed},
    }


def _shown(prepared: Prepared) -> str:
    """The request in a message: without the query, which may be long, and without a password."""
    return f"{prepared.method} {prepared.url.copy_with(username=None, password=None, query=None)}"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
