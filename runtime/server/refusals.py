"""Why the server does not do what it is asked: a type, a message and a status of HTTP. Nothing has changed then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic, as_json
from noetl.errors import ExecutionError


class Refused(ExecutionError):
    """The request cannot be carried out."""

    status: ClassVar[int] = 422
    headers: ClassVar[Mapping[str, str]] = {}
    """Beside those of every answer."""

    def to_json(self) -> dict[str, Json]:
        """The body of the answer."""
        return {"error": {"type": type(self).__name__, "message": str(self)}}


class PlaybookRefused(Refused):
    """The playbook has errors."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(f"the playbook has {len(self.diagnostics)} errors")

    def to_json(self) -> dict[str, Json]:
        """With every diagnostic, as `noetl lint --format json` shows it."""
        return {**super().to_json(), "diagnostics": [cast(Json, as_json(found)) for found in self.diagnostics]}


class NotFound(Refused):
    """There is no such thing."""

    status = 404


class Conflict(Refused):
    """It does not fit what is already there."""

    status = 409


class ClaimLost(Conflict):
    """The command is not this worker's: its lease lapsed, it was answered, or it was never claimed by it."""


class Ended(Conflict):
    """The execution has ended."""


class NotAllowed(Refused):
    """The token does not allow this."""

    status = 403


class NoToken(Refused):
    """A token is needed: send it as `Authorization: Bearer TOKEN`."""

    status = 401
    headers: ClassVar[Mapping[str, str]] = {"www-authenticate": "Bearer"}


class NotPrivate(NotAllowed):
    """Credentials are sent over TLS, or to this machine."""

    def __init__(self) -> None:
        super().__init__("credentials are sent over TLS, or to this machine: see NOETL_TLS_CERT")


class NotNamed(NotAllowed):
    """The command does not name the credential."""


class NotOpened(Conflict):
    """The credential was kept under another key."""


class TooMany(Refused):
    """Too many requests within a second: try again."""

    status = 429
    headers: ClassVar[Mapping[str, str]] = {"retry-after": "1"}

    def __init__(self) -> None:
        super().__init__("too many requests within a second; try again")


class TooLarge(Refused):
    """The request is too large."""

    status = 413
