"""The settings of a server: from its command line, else from `NOETL_*`, `POSTGRES_*` and `TZ`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from noetl.errors import UsageError

from ..queue.address import DATA
from ..queue.settings import settings_of
from .limits import LARGEST
from .tokens import Token, parsed

LOOPBACK: Final = "127.0.0.1"


class ServerSettings(BaseSettings):
    """Every field is a variable `NOETL_<FIELD>`, but `tz`, which is `TZ`."""

    model_config = SettingsConfigDict(env_prefix="NOETL_", extra="ignore", use_attribute_docstrings=True)

    host: str = LOOPBACK
    """The address to listen on; without tokens it must be one of this machine."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 takes a free one."""
    data: Path = Path(DATA)
    """The data folder: where the server is, and its own PostgreSQL."""
    connections: Annotated[int, Field(ge=5, le=1000)] = 10
    """Connections to the database at most."""
    largest: Annotated[int, Field(ge=1024)] = LARGEST
    """Bytes of a request at most."""
    rate: Annotated[float, Field(ge=1)] = 1000.0
    """Requests a second at most of one token, or, without tokens, of one address."""
    together: Annotated[int, Field(ge=10)] = 1000
    """Requests at a time at most, streams among them."""
    kept_days: Annotated[int, Field(ge=1)] = 30
    """Days for which the event log is kept."""
    allow_env: Annotated[tuple[str, ...], NoDecode] = ()
    """Names of variables that templates may read as `env.NAME` (TPL-6), with commas between them."""
    user_tokens: SecretStr = SecretStr("")
    """`NAME:TOKEN` of those who may register, execute and look, with commas between them."""
    worker_tokens: SecretStr = SecretStr("")
    """`NAME:TOKEN` of the workers, with commas between them."""
    credentials_key: SecretStr | None = None
    """The key under which credentials are kept, or several with commas between them: the first one seals. By default
    one that is made in the data folder."""
    tls_cert: Path | None = None
    """A certificate, with its chain: with it the server speaks TLS."""
    tls_key: Path | None = None
    """The private key of the certificate, where it is in a file of its own."""
    tz: Annotated[str, Field(validation_alias="TZ")] = "UTC"
    """The time zone; that of the database must be the same."""

    @field_validator("allow_env", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return tuple(name for name in value.split(",") if name) if isinstance(value, str) else value

    def tokens(self) -> list[Token]:
        """All tokens; UsageError where they are not written as they should be."""
        users = parsed(self.user_tokens.get_secret_value(), "user", "NOETL_USER_TOKENS")
        return users + parsed(self.worker_tokens.get_secret_value(), "worker", "NOETL_WORKER_TOKENS")


def read_settings(**given: object) -> ServerSettings:
    """The settings; what is given wins where it is not None. UsageError that names what does not fit."""
    settings = settings_of(ServerSettings, "server", given)
    if not settings.tokens() and not _is_loopback(settings.host):
        raise UsageError(
            f'without tokens the server listens on this machine only, not on "{settings.host}": '
            "set NOETL_USER_TOKENS and NOETL_WORKER_TOKENS"
        )
    return settings


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
