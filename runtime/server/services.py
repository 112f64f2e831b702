"""What the routes of a running server stand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from .catalog import Catalog
from .credentials import KeptCredentials
from .executions import Executions
from .looking import Looking
from .tokens import Gate


@dataclass(frozen=True, slots=True)
class Services:
    """One of each."""

    catalog: Catalog
    executions: Executions
    looking: Looking
    credentials: KeptCredentials
    gate: Gate
    env: Mapping[str, str]
    """What templates may read (TPL-6)."""


def _services(request: Request) -> Services:
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


def _user(request: Request, services: Annotated[Services, Depends(_services)]) -> str | None:
    return services.gate.admit(request.headers.get("authorization"), "user")


def _worker(request: Request, services: Annotated[Services, Depends(_services)]) -> str | None:
    return services.gate.admit(request.headers.get("authorization"), "worker")


def _anyone(request: Request, services: Annotated[Services, Depends(_services)]) -> str | None:
    return services.gate.admit(request.headers.get("authorization"), "user", "worker")


Here = Annotated[Services, Depends(_services)]
User = Annotated[str | None, Depends(_user)]
"""The name of a user, None where no token is needed."""
Worker = Annotated[str | None, Depends(_worker)]
"""The name of a worker, None where no token is needed."""
Anyone = Annotated[str | None, Depends(_anyone)]
