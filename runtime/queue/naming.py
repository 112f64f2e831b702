"""Which credentials a command names: those alone may be had with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from noetl.compiler.values import Encoded, SecretRef, SecretText

from ..ports import ToolCall
from ..tools.auth import names_in
from ..tools.failure import CallFailed
from ..tools.vault import STORE

_NAMING: Final = ("credential", "service_account_credential", "auth", "secret")
"""Fields of an entry of the keychain that may hold the name of a stored credential (TOO-11)."""


def named_credentials(request: ToolCall) -> set[str]:
    """The names of stored credentials that the call may ask for: in `auth`, in secrets, behind the keychain."""
    found = set(_in_auth(request.fields))
    for secret in _secrets([request.fields, request.args]):
        found |= set(_behind(secret))
    return found


def _in_auth(fields: Mapping[str, object]) -> Iterator[str]:
    try:
        yield from names_in(fields)
    except CallFailed:
        return  # it names nothing, and the call will fail


def _behind(secret: SecretRef) -> Iterator[str]:
    if secret.entry is None or secret.provider in ("", STORE):
        yield secret.name
        return
    entry = secret.entry
    if secret.provider is None:
        yield secret.name
    yield from (value for name in _NAMING if isinstance(value := entry.get(name), str) and value)
    for inner in _secrets([entry]):
        yield from _behind(inner)


def _secrets(left: list[object]) -> Iterator[SecretRef]:
    """Every secret at any depth."""
    while left:
        value = left.pop()
        if isinstance(value, SecretRef):
            yield value
        elif isinstance(value, SecretText):
            left.extend(value.parts)
        elif isinstance(value, Encoded):
            left.append(value.text)
        elif isinstance(value, Mapping):
            left.extend(value.values())
        elif isinstance(value, list | tuple):
            left.extend(value)
