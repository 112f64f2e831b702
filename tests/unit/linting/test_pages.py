"""The pages and the index of all kinds, as the command carries them."""

from __future__ import annotations

import re

import pytest

from noetl.cli.linting import pages
from noetl.compiler import findings
from noetl.compiler.checks import registry
from noetl.compiler.frontend import compile_source
from noetl.compiler.linting import baseline, suppression
from noetl.compiler.source import yaml_errors
from noetl.diagnostics import FAMILIES, Kind, Severity, in_order, registered, render_text
from noetl.targets import batch
from noetl.targets.airflow import capabilities

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: example}\n"


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


@pytest.mark.parametrize("code", ["NTL701", "NTL702"])
def test_pages_about_comments_are_true(code: str) -> None:
    page = pages.page(pages.kinds()[code])
    for title in ("Wrong", "Right"):
        part = re.search(
            rf"^## {title}\n\n```yaml\n(.*?)^```$(?:\n\n```text\n(.*?)\n```$)?", page, re.MULTILINE | re.DOTALL
        )
        assert part is not None
        text = HEAD + part[1]
        found = compile_source(text, "playbook.yaml").diagnostics
        kept = suppression.review(text, "playbook.yaml", found, known=pages.kinds, active=lambda _: True).kept
        shown = in_order(one for one in kept if one.severity is not Severity.NOTE)
        assert {one.code for one in shown} == ({code} if title == "Wrong" else set())
        assert render_text(shown, {"playbook.yaml": text}) == (part[2] or "")
