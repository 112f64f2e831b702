"""Inputs that nobody would write, fixed: the result is as readable as before, and there is nothing left to fix.

NOETL_FUZZ says how many; a third of the inputs of the lint fuzz, because each is checked several times.
"""

from __future__ import annotations

from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from typing import Final

import pytest
from hypothesis import strategies as st

from ..property.broken import FAMILIES
from ..property.drawing import each_of
from ..property.mending import check_mended
from .test_lint_fuzz import INPUTS, SHARES

COMMENTS: Final = (
    *("# noetl: ignore[NTL130]", "# noetl: ignore-file", "# noetl: ignore-file[NTL203,names]", "#noetl:ignore", "#"),
    *("# noetl: ignore[unknown-key, NTL131] why", "# a # noetl: ignore[NTL130", "# noetl: ignore[NTL701]"),
)
"""Comments of which most suppress nothing."""


def commented(data: str | bytes, seed: int) -> str:
    """The text with comments behind some of its lines and between them."""
    chance = Random(seed)
    lines = (data if isinstance(data, str) else data.decode("utf-8", "replace")).split("\n")
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        comment = chance.choice(COMMENTS)
        if chance.random() < 0.5:
            lines[at] += f" {comment}"
        else:
            lines.insert(at, " " * chance.randrange(8) + comment)
    return "\n".join(lines)


def check(data: str | bytes) -> None:
    check_mended(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_any_input_can_be_fixed(family: str) -> None:
    each_of(FAMILIES[family], INPUTS * SHARES[family] // 300, check)


@pytest.mark.timeout(3600)
def test_texts_with_comments_can_be_fixed() -> None:
    texts = FAMILIES["spoilt texts"] | FAMILIES["spoilt trees"] | FAMILIES["trees"]
    each_of(st.builds(commented, texts, st.integers(0, 2**32)), INPUTS // 10, check)
