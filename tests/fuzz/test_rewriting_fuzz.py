"""Inputs that nobody would write, formatted, migrated and drawn: each gets a result that holds, or errors.

NOETL_FUZZ says how many; a quarter of the inputs of the lint fuzz, because each is read many times.
"""

from __future__ import annotations

import pytest

from ..property.broken import FAMILIES
from ..property.drawing import each_of
from ..property.rewriting import check_rewriting, v1_texts
from .test_lint_fuzz import INPUTS, SHARES


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_any_input_can_be_rewritten(family: str) -> None:
    each_of(FAMILIES[family], INPUTS * SHARES[family] // 400, check_rewriting)


@pytest.mark.timeout(3600)
def test_any_playbook_of_v1_can_be_rewritten() -> None:
    each_of(v1_texts, INPUTS // 10, check_rewriting)
