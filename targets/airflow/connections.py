"""Airflow Connections as credentials: which field of one is which field of the other (TOO-6).

The type is `type` in the connection's extra where that is given, else it follows from the connection type. All other
entries of the extra become fields as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from noetl.compiler.ir import Json

TYPE: Final = "type"
"""The entry of a connection's extra that names the credential's type."""

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "basic": {"login": "username", "password": "password"},
    "bearer": {"password": "token"},
    "api_key": {"login": "name", "password": "value"},
    "oauth2": {"login": "client_id", "password": "client_secret", "host": "token_url"},
    "postgres": {"host": "host", "port": "port", "schema": "dbname", "login": "user", "password": "password"},
    "aws": {"login": "access_key_id", "password": "secret_access_key"},
    "gcp": {},
    "text": {"password": "value"},
}
"""For each type of credential: column of the connection -> field of the credential."""

TYPES: Final[Mapping[str, str]] = {"postgres": "postgres", "aws": "aws", "google_cloud_platform": "gcp"}
"""The credential type of a connection type; others are `basic` if they have a login, else `bearer`."""


class ConnectionLike(Protocol):
    """What is read of an Airflow Connection."""

    @property
    def conn_type(self) -> str: ...
    @property
    def extra_dejson(self) -> Mapping[str, Json]: ...


def from_connection(connection: ConnectionLike) -> tuple[str, dict[str, Json]]:
    """The type and the fields of the credential that a connection holds."""
    extra = connection.extra_dejson
    type_ = extra.get(TYPE)
    if not isinstance(type_, str):
        type_ = TYPES.get(connection.conn_type) or ("basic" if getattr(connection, "login", None) else "bearer")
    columns = COLUMNS.get(type_, COLUMNS["basic"])
    fields = {field: getattr(connection, column, None) for column, field in columns.items()}
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    return type_, {**given, **{name: value for name, value in extra.items() if name != TYPE}}
