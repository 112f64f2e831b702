"""Opens secrets at the moment of the call, and tells the redactor what it opened (TOO-6, TOO-7, TOO-11)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from noetl.compiler.ir import Json
from noetl.compiler.values import SecretRef, open_secrets
from noetl.runtime.credentials.kept import Kept
from noetl.runtime.ports import Credential, CredentialMissing, Credentials, FarCredentials
from noetl.runtime.redaction import Redactor

from .keychain import keychain_text
from .secret_managers import GOOD_FOR, SecretManagers
from .tokens import TYPES, Tokens

if TYPE_CHECKING:
    from .web import Web

PUBLIC_FIELDS: Final = frozenset(
    {
        *("accept", "account", "audience", "auth", "auth_provider_x509_cert_url", "auth_uri", "client_auth"),
        *("application_name", "connect_timeout", "db_host", "db_name", "db_port", "db_user", "hostname", "sslrootcert"),
        *(
            "client_email",
            "client_id",
            "client_x509_cert_url",
            "content-type",
            "credential",
            "database",
            "db",
            "dbname",
        ),
        *(
            "driver",
            "endpoint",
            "grant_type",
            "header",
            "header_name",
            "host",
            "in",
            "kind",
            "location",
            "login",
            "map",
        ),
        *("method", "name", "param", "port", "project", "project_id", "provider", "region", "resource", "role"),
        *("schema", "scheme", "scope", "scopes", "sslmode", "subject", "target_audience", "token_uri", "token_url"),
        *("type", "universe_domain", "url", "user", "username", "warehouse"),
    }
)
"""Fields of a credential that are no secret; every other one is."""
VALUE: Final = "value"
"""The field of a credential that is a bare secret."""
STORE: Final = "credentials"
"""The provider that is the place's own store, as no provider is."""
TOKEN_FIELDS: Final = frozenset({"access_token", "token"})
"""Fields of a credential for which a token is fetched."""


class Vault:
    """The credential store as the tools see it. What comes out of it is known to the redactor from then on."""

    def __init__(self, credentials: Credentials, redactor: Redactor, web: Web) -> None:
        self._credentials = credentials
        self._kept: Kept[str] = Kept()
        self.redactor = redactor
        self.tokens = Tokens(web, redactor)
        self._managers = SecretManagers(web, self.tokens)

    def credential(self, name: str) -> Credential:
        """The credential called `name`; CredentialMissing if there is none."""
        found = self._credentials.get(name)
        self.learn(found)
        return found

    async def fetch(self, names: Iterable[str]) -> None:
        """Have credentials ready for `credential`, where the store is far away; one that is not there is no error."""
        if isinstance(self._credentials, FarCredentials):
            for name in dict.fromkeys(names):
                try:
                    await self._credentials.fetch(name)
                except CredentialMissing:
                    continue  # whoever asks for it is told

    async def fetched(self, name: str) -> Credential:
        """`fetch` and `credential` in one."""
        await self.fetch([name])
        return self.credential(name)

    def learn(self, credential: Credential) -> None:
        """Tell the redactor the secrets of a credential."""
        for secret in _secrets(credential.fields):
            self.redactor.learn(secret)

    async def field(self, credential: Credential, name: str) -> str:
        """One field of a credential as text, a token where the type fetches one; CredentialMissing if it has none."""
        value = credential.fields.get(name)
        if value is None and name in TOKEN_FIELDS and credential.type in TYPES:
            return await self.tokens.access_token(credential)
        if value is None and name == VALUE:
            return only_secret(credential)
        if not isinstance(value, str | int | float):
            raise CredentialMissing(f'credential "{credential.name}" has no field "{name}"')
        return str(value)

    async def managed(self, provider: str, name: str, auth: Credential | None) -> str:
        """The text of a secret that a provider keeps; CredentialMissing if it cannot be had."""

        async def read() -> tuple[str, float]:
            return await self._managers.read(provider, name, auth), GOOD_FOR

        text = await self._kept.get((provider, name, auth and auth.name), read)
        self.redactor.learn(text)
        return text

    async def secret(self, reference: SecretRef) -> str:
        """The text of a secret that is a name; CredentialMissing if it is not there."""
        if reference.provider is not None:
            text = await self._answered(reference)
        elif reference.entry is not None and reference.field is not None:
            text = await keychain_text(self, reference.name, await self.opened(reference.entry), reference.field)
        elif reference.field is not None:
            text = await self.field(await self.fetched(reference.name), reference.field)
        else:
            text = only_secret(await self.fetched(reference.name))
        self.redactor.learn(text)
        return text

    async def _answered(self, reference: SecretRef) -> str:
        """What a `secrets` tool named (TOO-7)."""
        if reference.provider not in ("", STORE):
            named = reference.entry or {}
            entry: dict[str, Json] = {
                "kind": "secret_manager",
                "secret": reference.name,
                "provider": reference.provider,
            }
            entry["auth"] = str(named.get("auth") or "")
            return await keychain_text(self, reference.name, entry, reference.field or VALUE)
        stored = await self.fetched(reference.name)
        return only_secret(stored) if reference.field is None else await self.field(stored, reference.field)

    async def opened(self, fields: Mapping[str, object]) -> dict[str, Json]:
        """Fields with every secret replaced by its value; CredentialMissing for the first that is not there."""
        values: dict[SecretRef, str] = {}
        wanted: list[SecretRef] = []

        def value(reference: SecretRef) -> str:
            if reference not in values:
                wanted.append(reference)
            return values.get(reference, "")

        made = {name: open_secrets(field, value) for name, field in fields.items()}
        if wanted:
            for reference in dict.fromkeys(wanted):
                values[reference] = await self.secret(reference)
            made = {name: open_secrets(field, value) for name, field in fields.items()}
        return made


def only_secret(credential: Credential) -> str:
    """The one secret text of a credential; CredentialMissing if it has none or several."""
    if VALUE in credential.fields:
        return str(credential.fields[VALUE])
    secret = [value for name, value in credential.fields.items() if name.lower() not in PUBLIC_FIELDS]
    if len(secret) != 1 or not isinstance(secret[0], str | int | float):
        raise CredentialMissing(
            f'credential "{credential.name}" of type "{credential.type}" is not one secret text; '
            f'give it a field "{VALUE}", or name it in "auth"'
        )
    return str(secret[0])


def _secrets(fields: Mapping[str, Json]) -> Iterator[str]:
    for name, value in fields.items():
        if name.lower() not in PUBLIC_FIELDS:
            yield from _texts(value)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _secrets(value)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
