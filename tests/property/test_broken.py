"""Whatever the text, lint answers with diagnostics at places that exist; what it accepts is run or refused."""

from __future__ import annotations

import pytest

from .broken import FAMILIES, answer_all


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_any_input_is_answered(family: str) -> None:
    answer_all(family, 100)
