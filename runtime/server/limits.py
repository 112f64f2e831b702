"""The most that a client may send at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from ..store.rows import encoded
from .refusals import TooLarge

LARGEST: Final = 96 * 1024 * 1024
"""Bytes of a request: an outcome of a tool, at most 64 MiB, as ASCII JSON in the usual case."""
_Message: TypeAlias = "MutableMapping[str, Any]"
_Receive: TypeAlias = "Callable[[], Awaitable[_Message]]"
_Send: TypeAlias = "Callable[[_Message], Awaitable[None]]"
_App: TypeAlias = "Callable[[_Message, _Receive, _Send], Awaitable[None]]"


class SizeLimit:
    """Refuses a request whose body is larger, as soon as that shows."""

    def __init__(self, app: _App, largest: int = LARGEST) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._largest:
            await self._refuse(send)
            return
        read = 0
        answering = False

        async def counted() -> _Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._largest:
                raise _Exceeded
            return message

        async def noted(message: _Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _Exceeded:
            if not answering:
                await self._refuse(send)

    async def _refuse(self, send: _Send) -> None:
        refusal = TooLarge(f"a request has at most {self._largest} bytes")
        body = encoded(refusal.to_json()).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Exceeded(BaseException):
    """Passes through whoever reads the body: it is no error of the application."""
