"""Opens secrets at the moment of the call, and tells the redactor what it opened (TOO-6, TOO-7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from noetl.compiler.ir import Json
from noetl.compiler.values import SecretRef, open_secrets
from noetl.runtime.ports import Credential, CredentialMissing, Credentials
from noetl.runtime.redaction import Redactor

PUBLIC_FIELDS: Final = frozenset(
    {
        *("account", "client_id", "database", "db", "dbname", "driver", "endpoint", "header", "header_name", "host"),
        *("in", "location", "login", "name", "param", "port", "region", "role", "schema", "scheme", "scope"),
        *("sslmode", "token_url", "url", "user", "username", "warehouse"),
    }
)
"""Fields of a credential that are no secret; every other one is."""
VALUE: Final = "value"
"""The field of a credential that is a bare secret."""


class Vault:
    """The credential store as the tools see it. What comes out of it is known to the redactor from then on."""

    def __init__(self, credentials: Credentials, redactor: Redactor) -> None:
        self._credentials = credentials
        self.redactor = redactor

    def credential(self, name: str) -> Credential:
        """The credential called `name`; CredentialMissing if there is none."""
        found = self._credentials.get(name)
        self.learn(found)
        return found

    def learn(self, credential: Credential) -> None:
        """Tell the redactor the secrets of a credential."""
        for secret in _secrets(credential.fields):
            self.redactor.learn(secret)

    def secret(self, reference: SecretRef) -> str:
        """The text of `secret.NAME`, or of one field: `keychain.NAME.FIELD`; CredentialMissing if it is not there."""
        found = self.credential(reference.name)
        if reference.field is None:
            text = only_secret(found)
        else:
            value = found.fields.get(reference.field)
            if not isinstance(value, str | int | float):
                raise CredentialMissing(f'credential "{found.name}" has no field "{reference.field}"')
            text = str(value)
        self.redactor.learn(text)
        return text

    def opened(self, fields: Mapping[str, object]) -> dict[str, Json]:
        """Fields with every secret replaced by its value; CredentialMissing for the first that is not there."""
        return {name: open_secrets(value, self.secret) for name, value in fields.items()}


def only_secret(credential: Credential) -> str:
    """The one secret text of a credential; CredentialMissing if it has none or several."""
    if VALUE in credential.fields:
        return str(credential.fields[VALUE])
    secret = [value for name, value in credential.fields.items() if name not in PUBLIC_FIELDS]
    if len(secret) != 1 or not isinstance(secret[0], str | int | float):
        raise CredentialMissing(
            f'credential "{credential.name}" of type "{credential.type}" is not one secret text; '
            f'give it a field "{VALUE}", or name it in "auth"'
        )
    return str(secret[0])


def _secrets(fields: Mapping[str, Json]) -> Iterator[str]:
    for name, value in fields.items():
        if name not in PUBLIC_FIELDS:
            yield from _texts(value)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _secrets(value)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
