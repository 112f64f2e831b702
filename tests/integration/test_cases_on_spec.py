"""Every conformance case on the independent reading of the semantics, with the same expectation as on the runtime."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest

from noetl.conformance.adapters.spec import observe
from noetl.conformance.case import Case, cases_in
from noetl.conformance.observation import unmet
from noetl.conformance.spec import Limits

ROOT: Final = Path(__file__).parents[2]
CASES: Final = list(cases_in(ROOT / "conformance" / "cases"))
LEFT_OUT: Final = {
    "RUN-8": "cancelling is an act from outside, and the spec has no outside",
    "TOO-4-time-out-abandons-the-child": "the spec waits for every call, so it can abandon none",
}
"""Clauses and cases that are about time passing while a call is under way."""
FEW: Final = Limits(runs=300)
"""The spec keeps whole keys and whole lists of ancestors, so endless playbooks get the limit of a patient reader."""


def _is_left_out(case: Case) -> bool:
    return case.id in LEFT_OUT or case.clauses[0] in LEFT_OUT


def test_little_is_left_out() -> None:
    left = [case.id for _, case in CASES if _is_left_out(case)]
    assert left
    assert len(left) * 50 < len(CASES)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for _, case in CASES if not _is_left_out(case)])
def test_case(case: Case) -> None:
    assert unmet(case, observe(case, FEW if "RUN-7" in case.clauses else None)) == []


FORBIDDEN: Final = (
    *("noetl.compiler.lower", "noetl.compiler.passes", "noetl.compiler.checks", "noetl.compiler.rules"),
    *("noetl.compiler.triggers", "noetl.compiler.expr.fold", "noetl.compiler.expr.analysis", "noetl.compiler.frontend"),
    "noetl.runtime",
    "noetl.targets",
)
SHARED: Final = ("noetl.runtime.ports",)
"""What the spec may import all the same: the form of calls and outcomes."""


def _imports(file: Path, package: str) -> Iterator[str]:
    """The modules that a file imports, with what it takes from them."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: -(node.level - 1) or None] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _within(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_the_spec_shares_no_thought_of_the_engine() -> None:
    files = sorted((ROOT / "conformance" / "spec").glob("*.py"))
    assert len(files) > 3
    for file in files:
        for module in _imports(file, "noetl.conformance.spec"):
            assert not _within(module, FORBIDDEN) or _within(module, SHARED), f"{file.name} imports {module}"


def test_only_the_suite_and_tests_import_the_spec() -> None:
    importers = set()
    for file in (
        file
        for folder in ("compiler", "runtime", "targets", "schema", "conformance", "scripts", "src/noetl")
        for file in (ROOT / folder).rglob("*.py")
    ):
        parts = file.relative_to(ROOT).with_suffix("").parts
        package = ".".join(("noetl", *parts[:-1]))
        if "spec" not in parts[:-1] and any(_within(m, ("noetl.conformance.spec",)) for m in _imports(file, package)):
            importers.add(str(file.relative_to(ROOT)))
    assert importers == {"conformance/adapters/spec.py"}
