"""Which kinds a selector means."""

from __future__ import annotations

import pytest

from noetl.compiler.linting.selection import Selection, family, matches
from noetl.diagnostics import FAMILIES, Kind, Severity

STEP = Kind("NTL203", "unknown-step", Severity.ERROR, "x")
JOIN = Kind("NTL801", "join-extension", Severity.WARNING, "x", default=False)


@pytest.mark.parametrize("selector", ["NTL203", "NTL20", "NTL2", "unknown-step", "names", "default"])
def test_a_selector_means_a_kind(selector: str) -> None:
    assert matches(selector, STEP)
    assert not matches(selector, JOIN)


@pytest.mark.parametrize("selector", ["NTL", "NTL2030", "ntl203", "unknown", "step", "NTL1", "yaml", ""])
def test_a_selector_means_nothing_else(selector: str) -> None:
    assert not matches(selector, STEP)


def test_all_means_every_kind() -> None:
    assert matches("all", STEP)
    assert matches("all", JOIN)
    assert Selection(select=("all",)).everything


def test_families_are_by_the_first_digit() -> None:
    assert [family(f"NTL{n}01") for n in range(len(FAMILIES))] == list(FAMILIES)
    assert family("NTL999") == ""


@pytest.mark.parametrize(
    ("selection", "step", "join"),
    [
        (Selection(), True, False),
        (Selection(select=("NTL8",)), False, True),
        (Selection(select=("default", "join-extension")), True, True),
        (Selection(extra=("portability",)), True, True),
        (Selection(ignore=("names",)), False, False),
        (Selection(select=("NTL2", "NTL8"), ignore=("NTL203",)), False, True),
        (Selection(extra=("portability",)).without(["NTL801"]), True, False),
    ],
)
def test_what_is_shown(selection: Selection, step: bool, join: bool) -> None:
    assert (selection.shows(STEP), selection.shows(JOIN)) == (step, join)


def test_only_a_selector_may_ask_for_what_is_off_by_default() -> None:
    assert not Selection(ignore=("NTL801",)).everything
    assert not Selection(select=("default",)).everything
    assert Selection(select=("NTL2",)).everything
    assert Selection(extra=("portability",)).everything
