"""The `http` tool (TOO-1): one client with warm connections, one envelope for every answer."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

import noetl
from noetl.compiler.ir import Json
from noetl.compiler.values import NotSerializable, to_json
from noetl.runtime.ports import Outcome, ToolCall

from .failure import CallFailed
from .http_body import body_value
from .http_map import HttpMap
from .http_request import Prepared, prepare
from .kind import RESPONSE_BYTES, Attempt, KindRunner, Place

MAX_REDIRECTS: Final = 20
FIRST_FAILURE: Final = 400


class Http:
    """Makes requests. Connections are kept and used again; cookies are not, so that no call depends on another."""

    default_timeout: Final = 30.0

    def __init__(self, place: Place) -> None:
        self._vault = place.vault
        self._map = place.http_map
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def call(self, request: ToolCall, attempt: Attempt) -> Outcome:
        """One request, and the redirects that it may follow."""
        prepared = prepare(request, self._vault)
        self._client(prepared.url, prepared.verify)  # its certificates are loaded before the time begins
        attempt.start()
        try:
            response, content = await self._exchange(prepared)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise CallFailed("ConnectionFailed", f"{_shown(prepared)}: {reason}") from None
        return _outcome(prepared, response, content)

    async def close(self) -> None:
        """Close all connections."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    async def _exchange(self, prepared: Prepared) -> tuple[httpx.Response, bytes]:
        request = self._client(prepared.url, prepared.verify).build_request(
            prepared.method, prepared.url, headers=prepared.wire_headers(), content=prepared.content
        )
        for _ in range(MAX_REDIRECTS + 1):
            client = self._client(request.url, prepared.verify)
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

    def _client(self, url: httpx.URL, verify: bool) -> httpx.AsyncClient:
        """The client for a request that goes to `url`. Loading certificates is slow, so plain http goes without."""
        verify = verify and self._map.apply(str(url)).startswith("https:")
        if verify not in self._clients:
            self._clients[verify] = httpx.AsyncClient(
                verify=verify,
                timeout=None,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
                headers={"user-agent": f"noetl/{noetl.__version__}", "accept-encoding": "gzip, deflate"},
                mounts={origin: _Mapped(self._map, verify) for origin in self._map.origins()},
                cookies=_no_cookies(),
            )
        return self._clients[verify]


class _Mapped(httpx.AsyncBaseTransport):
    """Sends to where `NOETL_HTTP_MAP` says. The `Host` header stays that of the address which the playbook wrote."""

    def __init__(self, http_map: HttpMap, verify: bool) -> None:
        self._map = http_map
        self._inner = httpx.AsyncHTTPTransport(verify=verify)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = httpx.Request(
            request.method,
            self._map.apply(str(request.url)),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await self._inner.handle_async_request(sent)

    async def aclose(self) -> None:
        await self._inner.aclose()


def make(place: Place) -> KindRunner:
    """The runner of kind `http`."""
    return Http(place)


def _no_cookies() -> CookieJar:
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


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
