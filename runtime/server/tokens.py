"""Who may do what: a token for each user and each worker. Without any token everybody on this machine may do all."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from noetl.errors import UsageError

from .refusals import NotAllowed, NoToken

Role: TypeAlias = Literal["user", "worker"]
SHORTEST: Final = 16
"""Characters of a token."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token by its digest."""

    name: str
    role: Role
    digest: bytes = field(repr=False)


def parsed(text: str, role: Role, variable: str) -> list[Token]:
    """The tokens of a setting; UsageError, which shows none of them, where it is not `NAME:TOKEN,...`."""
    found: list[Token] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, colon, secret = entry.partition(":")
        if not colon or not name or "/" in name or len(secret) < SHORTEST:
            raise UsageError(f"{variable} is NAME:TOKEN,...; a token has at least {SHORTEST} characters")
        found.append(Token(name, role, sha256(secret.encode()).digest()))
    return found


class Gate:
    """Lets those in who have a token."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens

    def admit(self, authorization: str | None, *roles: Role) -> str | None:
        """The name of the caller; None where no token is needed. NoToken or NotAllowed if it must not come in."""
        if not self._tokens:
            return None
        scheme, _, secret = (authorization or "").partition(" ")
        digest = sha256(secret.strip().encode()).digest()
        found = [token for token in self._tokens if hmac.compare_digest(token.digest, digest)]
        if scheme.lower() != "bearer" or not found:
            raise NoToken
        for token in found:
            if token.role in roles:
                return token.name
        raise NotAllowed(f"this is for the role {' or '.join(roles)}")
