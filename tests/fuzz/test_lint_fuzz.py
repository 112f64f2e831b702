"""20,000 inputs that nobody would write: lint answers each with diagnostics, in order, at places that exist.

What it accepts is run or refused, and compiled or refused. The inputs are the same in every run; NOETL_PROFILE=dev
makes new ones, NOETL_FUZZ says how many. NOETL_CORPUS names a folder of more playbooks to spoil.
"""

from __future__ import annotations

import os

import pytest

from ..property.broken import FAMILIES, answer_all

INPUTS = int(os.environ.get("NOETL_FUZZ", "20000"))
SHARES = {"text": 15, "bytes": 10, "soup": 15, "trees": 20, "spoilt trees": 20, "spoilt texts": 20}
"""Of every hundred inputs, how many come from where."""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_any_input_is_answered(family: str) -> None:
    answer_all(family, max(1, INPUTS * SHARES[family] // 100))


def test_the_shares_are_of_a_hundred() -> None:
    assert SHARES.keys() == FAMILIES.keys()
    assert sum(SHARES.values()) == 100
