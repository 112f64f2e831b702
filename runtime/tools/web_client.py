"""How a client is made; a module of its own, because httpx is loaded when it is first needed."""

from __future__ import annotations

import logging
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

import noetl

from .http_map import HttpMap

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # below that they write addresses and headers, secrets and all


def new_client(http_map: HttpMap, verify: bool) -> httpx.AsyncClient:
    """A client without a time limit of its own and without cookies, that sends to where `NOETL_HTTP_MAP` says."""
    return httpx.AsyncClient(
        verify=verify,
        timeout=None,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        headers={"user-agent": f"noetl/{noetl.__version__}", "accept-encoding": "gzip, deflate"},
        mounts={origin: _Mapped(http_map, verify) for origin in http_map.origins()},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


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
