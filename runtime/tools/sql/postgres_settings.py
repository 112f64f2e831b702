"""From a credential to the settings of a connection to PostgreSQL (TOO-6).

| setting | fields of the credential, the first one given counts |
|---|---|
| all of them | `dsn`, `url`, `uri`, `connection_string`, `value`: an address or `name=value` pairs |
| host | `host`, `hostname`, `db_host` |
| port | `port`, `db_port` |
| user | `user`, `username`, `login`, `db_user` |
| password | `password`, `db_password` |
| database | `database`, `dbname`, `db`, `db_name` |

Fields with the name of a setting of libpq (`sslmode`, `options`, ...) are handed on, others are left alone. Fields win
over the address, and the tool's own `database` wins over all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from psycopg import ProgrammingError, pq
from psycopg.conninfo import conninfo_to_dict

from noetl.runtime.ports import Credential, CredentialMissing

from ..auth import the_credential
from ..failure import CallFailed
from ..vault import Vault

TYPES: Final = frozenset({"postgres", "postgresql", "text"})
ADDRESSES: Final = ("dsn", "url", "uri", "connection_string", "value")
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "host": ("host", "hostname", "db_host"),
    "port": ("port", "db_port"),
    "user": ("user", "username", "login", "db_user"),
    "password": ("password", "db_password"),
    "dbname": ("database", "dbname", "db", "db_name"),
}
DEFAULTS: Final = {"connect_timeout": "10", "application_name": "noetl", "client_encoding": "utf8"}
SECRET: Final = ("password", "sslpassword", "oauth_client_secret")


def settings(fields: Mapping[str, object], vault: Vault) -> dict[str, str]:
    """The settings for the tool with these fields; CredentialMissing where it names no credential."""
    credential = the_credential(fields, vault)
    if credential is None:
        raise CredentialMissing('a postgres tool needs "auth": the name of a credential of type "postgres"')
    if credential.type not in TYPES:
        raise CallFailed("Unsupported", f'postgres cannot use a credential of type "{credential.type}"')
    made = {**DEFAULTS, **_address(credential), **_fields(credential)}
    database = fields.get("database")
    if database is not None:
        made["dbname"] = str(database)
    for name in SECRET:
        if name in made:
            vault.redactor.learn(made[name])
    return made


def _address(credential: Credential) -> dict[str, str]:
    text = next((value for name in ADDRESSES if (value := credential.fields.get(name))), None)
    if text is None:
        return {}
    try:
        return {name: str(value) for name, value in conninfo_to_dict(str(text)).items() if value is not None}
    except ProgrammingError:  # its message shows the address
        raise CredentialMissing(f'credential "{credential.name}" holds no address of a PostgreSQL server') from None


def _fields(credential: Credential) -> dict[str, str]:
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = {name: value for name, value in credential.fields.items() if name in known}
    for setting, names in FIELDS.items():
        found = next((value for name in names if (value := credential.fields.get(name)) not in (None, "")), None)
        if found is not None:
            given[setting] = found
    return {name: str(value) for name, value in given.items() if isinstance(value, str | int | float)}
