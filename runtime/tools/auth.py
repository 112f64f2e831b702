"""`auth` and `credentials` of a tool: which credentials they name (TOO-6).

auth: warehouse                                  a name
auth: {type: postgres, credential: warehouse}    a name, and the type to take it for
auth: {type: bearer, token: "{{ secret.X }}"}    the fields themselves
auth: {db: warehouse, lake: {credential: s3}}    several, each with an alias and any of the forms above
credentials: {db: {key: warehouse}, lake: s3}    the same, older spelling
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from noetl.runtime.ports import Credential

from .failure import CallFailed
from .vault import Vault

ALONE: Final = ""
"""The alias of a credential that is given without one."""


def credentials_of(fields: Mapping[str, object], vault: Vault) -> dict[str, Credential]:
    """The credentials of a tool by alias; CallFailed for what is none of the forms, CredentialMissing by name."""
    return {alias: _credential(spec, vault) for alias, spec in _specs(fields)}


def the_credential(fields: Mapping[str, object], vault: Vault) -> Credential | None:
    """The one credential of a tool that takes one, or None; CallFailed where there are several."""
    found = credentials_of(fields, vault)
    if len(found) > 1:
        raise CallFailed("ValueError", f'this tool takes one credential, and "auth" has {len(found)}')
    return next(iter(found.values()), None)


def names_in(fields: Mapping[str, object]) -> Iterator[str]:
    """The names of stored credentials that a tool will ask for, those of its script among them."""
    for _, spec in _specs(fields):
        name = _name(spec)
        if name is not None:
            yield name
    script = fields.get("script")
    source = script.get("source") if isinstance(script, Mapping) else None
    if isinstance(source, Mapping) and "auth" in source:
        yield from names_in({"auth": source["auth"]})


def _specs(fields: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Every credential that is spoken of: its alias, and a name or a map."""
    auth = fields.get("auth")
    if auth:
        if isinstance(auth, Mapping) and not _is_one(auth):
            yield from ((str(alias), spec) for alias, spec in auth.items())
        else:
            yield ALONE, auth
    credentials = fields.get("credentials")
    if not credentials:
        return
    if not isinstance(credentials, Mapping):
        raise CallFailed("TypeError", '"credentials" is a map of aliases to {key: name}')
    yield from ((str(alias), spec) for alias, spec in credentials.items())


def _is_one(auth: Mapping[object, object]) -> bool:
    return isinstance(auth.get("type"), str) or isinstance(auth.get("credential"), str)


def _name(spec: object) -> str | None:
    if isinstance(spec, str):
        return spec
    if isinstance(spec, Mapping):
        name = spec.get("credential", spec.get("key") if len(spec) == 1 else None)
        return name if isinstance(name, str) else None
    return None


def _credential(spec: object, vault: Vault) -> Credential:
    name = _name(spec)
    kind = spec.get("type") if isinstance(spec, Mapping) else None
    if name is not None:
        found = vault.credential(name)
        return Credential(name, kind, found.fields) if isinstance(kind, str) else found
    if isinstance(spec, Mapping) and isinstance(kind, str):
        given = Credential("auth", kind, {str(key): value for key, value in spec.items() if key != "type"})
        vault.learn(given)
        return given
    forms = "a name, {type, credential}, {type, ...fields} or a map of aliases to these"
    raise CallFailed("TypeError", f'"auth" is {forms}')
