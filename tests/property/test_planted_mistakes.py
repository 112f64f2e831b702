"""A mistake in an otherwise right playbook is one finding of the right kind, at exactly its line and column."""

from __future__ import annotations

import copy
from collections import Counter
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis

import pytest
from hypothesis import given, note, seed, settings
from hypothesis import strategies as st

from noetl.compiler.frontend import compile_source
from noetl.conformance.authoring import Document
from noetl.conformance.strategies import clean_documents
from noetl.diagnostics import Severity, render_text

from . import mistakes_flow, mistakes_meaning, mistakes_structure
from .drawing import rounds
from .planting import Expected, planters
from .yaml_writer import Written, write

PLANTERS = planters(mistakes_structure, mistakes_meaning, mistakes_flow)
GROUPS = [sorted(PLANTERS)[start::6] for start in range(6)]
"""All mistakes; those of a group are planted into the same playbooks, one at a time."""
EXAMPLES = max(10, settings().max_examples // 4)
UNREACHED = {"NTL204", "NTL205"}
FOLLOWS = {
    **dict.fromkeys(("NTL102", "NTL103", "NTL104", "NTL203"), UNREACHED),
    "NTL402": {"NTL406"},
    "NTL403": {"NTL408"},
    "NTL602": {"NTL213"},
}
"""Warnings that a mistake may bring along: with it goes a transition, or what wrote a name."""


@pytest.mark.parametrize("mistakes", GROUPS, ids=lambda group: group[0])
def test_a_mistake_is_one_finding_at_its_place(mistakes: list[str]) -> None:
    planted: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES)
    @given(clean_documents(max_steps=5), st.randoms(use_true_random=True))
    def each(document: Document, chance: Random) -> None:
        for mistake in mistakes:
            spoilt = copy.deepcopy(document)
            expected = PLANTERS[mistake](spoilt, chance)
            if expected is not None:
                planted[mistake] += 1
                note(mistake)
                check(spoilt, expected, chance)

    for number in rounds(lambda: set(mistakes) - planted.keys()):
        seed(number)(each)()


def check(document: Document, expected: Expected, chance: Random) -> None:
    """The mistake is found where it was written, and nothing else is."""
    written = write(document, chance)
    found = compile_source(written.text, "p.yaml").diagnostics
    told = [(d.code, d.span.line, d.span.column) for d in found if d.severity is not Severity.NOTE]
    allowed = FOLLOWS.get(expected.code, set())
    assert [one for one in told if one[0] not in allowed] == [wanted(expected, written)], render_text(
        found, {"p.yaml": written.text}
    )


def wanted(expected: Expected, written: Written) -> tuple[str, int, int]:
    """Code, line and column of the finding."""
    if expected.at == "key":
        place = written.keys[expected.path]
    elif expected.at == "value":
        place = written.values[expected.path]
    else:
        found = written.characters[expected.path][expected.at]
        assert found is not None
        place = found
    return expected.code, *place
