"""What the tests of Argo share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from noetl.conformance.adapters.argo_node import Node


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """The process that starts pods; to start it takes as long as dozens of pods."""
    with Node() as found:
        yield found
