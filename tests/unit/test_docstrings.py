"""Every example in a docstring runs and is true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import noetl

NEEDS_AIRFLOW = ("noetl.targets.airflow.operators", "noetl.conformance.adapters.airflow")
"""Importing these starts Airflow; their examples, if any, belong into the integration tests."""


def test_every_example_is_true() -> None:
    names = [info.name for info in pkgutil.walk_packages(noetl.__path__, "noetl.") if info.name != "noetl.__main__"]
    finder, runner = doctest.DocTestFinder(exclude_empty=True), doctest.DocTestRunner()
    shown: list[str] = []
    for name in ["noetl", *(name for name in names if not name.startswith(NEEDS_AIRFLOW))]:
        for test in finder.find(importlib.import_module(name)):
            runner.run(test, out=shown.append)
    results = runner.summarize(verbose=False)
    assert results.failed == 0, "".join(shown)
    assert results.attempted > 0
