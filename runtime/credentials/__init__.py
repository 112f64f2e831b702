"""Credentials by name (TOO-6): from a file, the environment or a server. Their forms are in docs/credentials.md."""

from __future__ import annotations

from .stores import (
    HIDDEN,
    PREFIX,
    TEXT,
    ChainedCredentials,
    EnvironmentCredentials,
    MappedCredentials,
    credential,
    from_file,
    local_credentials,
    missing,
    variable,
)

__all__ = [
    "HIDDEN",
    "PREFIX",
    "TEXT",
    "ChainedCredentials",
    "EnvironmentCredentials",
    "MappedCredentials",
    "credential",
    "from_file",
    "local_credentials",
    "missing",
    "variable",
]
