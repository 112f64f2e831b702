"""The settings of a worker: from its command line, else from `NOETL_WORKER_POOL_*`."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ..queue.settings import settings_of


class WorkerSettings(BaseSettings):
    """Every field is a variable `NOETL_WORKER_POOL_<FIELD>`, but `tz`, which is `TZ`."""

    model_config = SettingsConfigDict(env_prefix="NOETL_WORKER_POOL_", extra="ignore", use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "worker"
    """The name; where the server has tokens it is that of the worker's token."""
    kinds: Annotated[tuple[str, ...] | None, NoDecode] = None
    """The tool kinds that it runs, with commas between them; all where none is named."""
    size: Annotated[int, Field(ge=1, le=1000)] = 8
    """So many calls beside each other."""
    limits: Annotated[dict[str, Annotated[int, Field(ge=1)]], NoDecode] = {}
    """`KIND=N` with commas between them: of this kind no more than so many beside each other."""
    lease: Annotated[float, Field(ge=0.2, le=3600)] = 30.0
    """Seconds after which a command is given to another worker if this one says nothing more; it does every third."""
    poll: Annotated[float, Field(ge=0.01, le=60)] = 1.0
    """Seconds after which it looks for commands, whatever it has heard."""
    grace: Annotated[float, Field(ge=0)] = 30.0
    """Seconds that calls under way are given when it is told to stop; then they are given back."""
    folder: Path = Path()
    """Where the paths of playbooks start, beside which their scripts are (TOO-5)."""
    tz: Annotated[str, Field(validation_alias="TZ")] = "UTC"
    """The time zone; that of the database must be the same."""
    token: SecretStr | None = None
    """What it shows to the server."""

    @field_validator("kinds", mode="before")
    @classmethod
    def _kinds(cls, value: object) -> object:
        return (tuple(k for k in value.split(",") if k) or None) if isinstance(value, str) else value

    @field_validator("limits", mode="before")
    @classmethod
    def _limits(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = (entry.partition("=") for entry in value.split(",") if entry)
        return {kind: most for kind, _, most in parts}

    def identity(self) -> str:
        """The name of this process, which no other one has at this time."""
        return f"{self.name}/{socket.gethostname()}.{os.getpid()}"


def read_settings(**given: object) -> WorkerSettings:
    """The settings; what is given wins where it is not None. UsageError that names what does not fit."""
    return settings_of(WorkerSettings, "worker", given)
