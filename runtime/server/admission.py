"""Who gets in at all, and how often: looked at before anything of a request's body is read."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from .limits import App, Message, Receive, Send, refuse
from .refusals import NoToken, TooMany
from .tokens import Gate

OPEN: Final = frozenset({"/api/v2/health", "/api/v2/openapi.json", "/api/v2/docs"})
"""What needs no token: it tells nothing of any execution."""
_CALLERS: Final = 10_000
"""Callers that are remembered; of more the one that asked longest ago has a fresh allowance."""


class Allowance:
    """So many requests a second of each caller; one that was quiet for a second has a whole second's at once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`rate` is at least 1; `clock` gives seconds."""
        self._rate = rate
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def takes(self, caller: str) -> bool:
        """Whether a request of this caller is within what it is allowed, from which it is taken."""
        now = self._clock()
        left, since = self._left.pop(caller, (self._rate, now))
        left = min(self._rate, left + (now - since) * self._rate)
        self._left[caller] = (max(left - 1, 0.0) if left >= 1 else left, now)
        if len(self._left) > _CALLERS:
            self._left.popitem(last=False)
        return left >= 1


class Admission:
    """Refuses who has no token, and who asks too often."""

    def __init__(self, app: App, gate: Gate, allowance: Allowance) -> None:
        self._app = app
        self._gate = gate
        self._allowance = allowance

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http" and scope["path"] not in OPEN:
            given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            try:
                name = self._gate.admit(given, "user", "worker")
            except NoToken as refusal:
                await refuse(send, refusal)
                return
            address = str((scope.get("client") or ("",))[0])
            if not self._allowance.takes(address if name is None else f"{name}/{given}"):
                await refuse(send, TooMany())
                return
        await self._app(scope, receive, send)
