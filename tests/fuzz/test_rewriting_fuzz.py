"""Inputs that nobody would write, formatted, migrated and drawn: each gets a result that holds, or errors.

NOETL_FUZZ says how many; a quarter of the inputs of the lint fuzz, because each is read many times.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..property.broken import FAMILIES
from ..property.rewriting import check_rewriting, v1_texts
from .test_lint_fuzz import INPUTS, SHARES


def rewrite_all(inputs: st.SearchStrategy[str | bytes] | st.SearchStrategy[str], number: int) -> None:
    """Rewrite so many inputs."""

    @settings(max_examples=max(1, number), database=None, suppress_health_check=list(HealthCheck))
    @given(inputs)
    def each(data: str | bytes) -> None:
        check_rewriting(data)

    each()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_any_input_can_be_rewritten(family: str) -> None:
    rewrite_all(FAMILIES[family], INPUTS * SHARES[family] // 400)


@pytest.mark.timeout(3600)
def test_any_playbook_of_v1_can_be_rewritten() -> None:
    rewrite_all(v1_texts, INPUTS // 10)
