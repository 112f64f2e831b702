"""Options and Hypothesis profiles of all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A profile says how much a property is tried where its test does not say so itself. On a machine that is shared by
# several runs an example may take any time, so there is no deadline.
settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("NOETL_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` rewrites kept outputs instead of comparing with them."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the kept outputs that tests compare with")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether kept outputs are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))
