"""The pages and the index of all kinds, as the command carries them."""

from __future__ import annotations

from noetl.cli.linting import pages
from noetl.compiler import findings
from noetl.compiler.checks import registry
from noetl.compiler.linting import baseline, suppression
from noetl.compiler.source import yaml_errors
from noetl.diagnostics import FAMILIES, Kind, Severity, registered
from noetl.targets import batch
from noetl.targets.airflow import capabilities


def test_the_index_knows_every_kind_as_it_is_registered() -> None:
    modules = (findings, yaml_errors, suppression, baseline, batch, capabilities)
    assert all(module.__name__ for module in modules)  # their kinds are registered
    assert registry()
    kinds = pages.kinds()
    for kind in registered():
        if kind.name.startswith("sample"):  # of another test
            continue
        assert kinds[kind.code] == kinds[kind.name] == kind


def test_no_name_is_taken_for_a_family() -> None:
    assert set(pages.kinds()).isdisjoint(FAMILIES)


def test_a_page_and_what_stands_for_one() -> None:
    assert pages.page(pages.kinds()["NTL203"]).startswith("# NTL203 unknown-step\n\n*error*\n")
    assert pages.page(Kind("NTL299", "odd-thing", Severity.NOTE, "a thing that is odd")) == (
        "# NTL299 odd-thing\n\n*note*\n\nA thing that is odd.\n\nFamily: names."
    )
