"""What tests of tools share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from noetl.compiler.ir import Json


@pytest.fixture(scope="module")
def address(new_database: Callable[[], str]) -> str:
    """A database for the tests of one file, which use tables of their own."""
    return new_database()


@pytest.fixture
def store(address: str) -> dict[str, Json]:
    """The credentials of that database."""
    return {"pg": {"type": "postgres", "dsn": address}}
