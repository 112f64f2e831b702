"""Examples of strategies: a number of them, as many as it takes, or each of them as a property."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

ROUNDS: Final = 40
"""From so many seeds examples are drawn until each kind of them has come up: what a seed draws is chance."""
T = TypeVar("T")


def drawn(strategy: st.SearchStrategy[T], count: int, start: int = 0) -> list[T]:
    """So many examples, the same ones for the same start; nothing is shrunk."""
    found: list[T] = []

    @seed(start)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: T) -> None:
        found.append(example)

    collect()
    return found


def rounds(missing: Callable[[], Collection[str]]) -> Iterator[int]:
    """Seeds to draw from until nothing is missing; the test fails if something is after the last."""
    for number in range(ROUNDS):
        yield number
        if not missing():
            return
    pytest.fail(f"in {ROUNDS} rounds there was no example for: {', '.join(sorted(missing()))}")


def each_of(strategy: st.SearchStrategy[T], number: int, check: Callable[[T], object]) -> None:
    """Check so many examples; one that fails is shrunk."""

    @settings(max_examples=max(1, number), database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def one(example: T) -> None:
        check(example)

    one()
