"""The most that a client may send at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from ..store.rows import encoded
from .refusals import Refused, TooLarge

LARGEST: Final = 96 * 1024 * 1024
"""Bytes of a request: an outcome of a tool, at most 64 MiB, as ASCII JSON in the usual case."""
Message: TypeAlias = "MutableMapping[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[Message]]"
Send: TypeAlias = "Callable[[Message], Awaitable[None]]"
App: TypeAlias = "Callable[[Message, Receive, Send], Awaitable[None]]"


async def refuse(send: Send, refusal: Refused) -> None:
    """Answer a request whose body is not read."""
    body = encoded(refusal.to_json()).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class SizeLimit:
    """Refuses a request whose body is larger, as soon as that shows."""

    def __init__(self, app: App, largest: int) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
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

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._largest:
                raise _Exceeded
            return message

        async def noted(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _Exceeded:
            if not answering:
                await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        await refuse(send, TooLarge(f"a request has at most {self._largest} bytes"))


class _Exceeded(BaseException):
    """Passes through whoever reads the body: it is no error of the application."""
