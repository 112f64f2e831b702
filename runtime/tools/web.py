"""The connections of a place: kept warm and used again by everything that speaks HTTP here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .failure import CallFailed
from .http_map import HttpMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer that was read whole."""

    status: int
    content: bytes
    content_type: str


class Web:
    """Clients, made when they are first needed. Cookies are never kept, so that no request depends on another."""

    def __init__(self, http_map: HttpMap) -> None:
        self._map = http_map
        self._clients: dict[bool, httpx.AsyncClient] = {}

    def client(self, url: httpx.URL | str, verify: bool = True) -> httpx.AsyncClient:
        """The client for a request that goes to `url`. Loading certificates is slow, so plain http goes without."""
        verify = verify and self._map.apply(str(url)).startswith("https:")
        if verify not in self._clients:
            from .web_client import new_client

            self._clients[verify] = new_client(self._map, verify)
        return self._clients[verify]

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None = None,
        seconds: float,
        limit: int,
    ) -> Fetched:
        """One request outside of an attempt's time; redirects are not followed.

        CallFailed: `ConnectionFailed` where there is no whole answer within `seconds`, `LimitExceeded` past `limit`
        bytes, `ValueError` for what is no address. Messages do not show the address.
        """
        import httpx

        try:
            client = self.client(url)
            sent = [(name.encode(), value.encode()) for name, value in headers.items()]
            async with (
                asyncio.timeout(seconds),
                client.stream(method, url, headers=sent, content=content, timeout=None) as answer,
            ):
                data = bytearray()
                async for part in answer.aiter_bytes():
                    data += part
                    if len(data) > limit:
                        raise CallFailed("LimitExceeded", f"the answer is larger than {limit} bytes")
                return Fetched(answer.status_code, bytes(data), answer.headers.get("content-type", ""))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise CallFailed("ValueError", 'the address does not begin with "http://" or "https://"') from None
        except TimeoutError:
            raise CallFailed("ConnectionFailed", f"no whole answer within {seconds:g} s") from None
        except httpx.HTTPError as error:
            raise CallFailed("ConnectionFailed", str(error) or type(error).__name__) from None

    async def close(self) -> None:
        """Close all connections."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()
