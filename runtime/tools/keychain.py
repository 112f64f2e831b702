"""What an entry of the playbook's keychain stands for, opened field by field at the moment of the call (TOO-11).

credential        credential (default: the entry's name): its fields, and `access_token` of oauth2 and gcp
secret_manager    provider, auth; map: {field: secret} gives these fields, secret its `value` or JSON fields
oauth2            endpoint, data, headers, method; or token_url, client_id, client_secret, scope; or credential
google_id_token   target_audience, credential; or target_audience, auth, service_account_secret
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from noetl.compiler.ir import Json
from noetl.runtime.ports import Credential, CredentialMissing

if TYPE_CHECKING:
    from .vault import Vault

_ANSWERED: Final = {"token": "access_token"}
_ID_TOKENS: Final = frozenset({"id_token", "access_token", "token"})


async def keychain_text(vault: Vault, name: str, entry: Mapping[str, Json], field: str) -> str:
    """The text of `keychain.NAME.FIELD`; CredentialMissing, which names it, if it is not there."""
    match entry.get("kind"):
        case "secret_manager":
            return await _managed(vault, name, entry, field)
        case "oauth2":
            credential = await _named(vault, entry, "credential") or Credential(name, "oauth2", entry)
            vault.learn(credential)
            answer = await vault.tokens.answer(credential)
            return _text(name, _ANSWERED.get(field, field), answer)
        case "google_id_token" if field in _ID_TOKENS:
            return await _id_token(vault, name, entry)
        case "google_id_token":
            raise _nothing(name, field)
    stored = await vault.fetched(str(entry.get("credential") or name))
    return await vault.field(stored, field)


async def _managed(vault: Vault, name: str, entry: Mapping[str, Json], field: str) -> str:
    provider = entry.get("provider")
    mapped = entry.get("map")
    if not isinstance(provider, str) or not provider:
        return await vault.field(await vault.fetched(str(entry.get("secret") or name)), field)
    auth = await _named(vault, entry, "auth")
    if isinstance(mapped, dict):
        if not isinstance(mapped.get(field), str):
            raise _nothing(name, field)
        return await vault.managed(provider, str(mapped[field]), auth)
    text = await vault.managed(provider, str(entry.get("secret") or name), auth)
    try:
        held: Json = json.loads(text)
    except ValueError:
        held = None
    if isinstance(held, dict) and field in held:
        return _text(name, field, held)
    if field == "value":
        return text
    raise _nothing(name, field)


async def _id_token(vault: Vault, name: str, entry: Mapping[str, Json]) -> str:
    credential = await _named(vault, entry, "credential") or await _named(vault, entry, "service_account_credential")
    if credential is None:
        auth, secret = await _named(vault, entry, "auth"), str(entry.get("service_account_secret") or "")
        text = await vault.managed(str(entry.get("provider") or "gcp"), secret, auth)
        credential = Credential(name, "gcp", {"service_account": text})
        vault.learn(credential)
    audience = entry.get("target_audience") or entry.get("audience")
    if not isinstance(audience, str):
        raise CredentialMissing(f'keychain entry "{name}" has no "target_audience"')
    return _text(name, "id_token", await vault.tokens.answer(credential, audience))


async def _named(vault: Vault, entry: Mapping[str, Json], key: str) -> Credential | None:
    name = entry.get(key)
    return await vault.fetched(name) if isinstance(name, str) and name else None


def _text(name: str, field: str, held: Mapping[str, Json]) -> str:
    value = held.get(field)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise _nothing(name, field)


def _nothing(name: str, field: str) -> CredentialMissing:
    return CredentialMissing(f'keychain entry "{name}" has no field "{field}"')
