"""`docs/compiled_samples.md`: what became native of each sample on Airflow, and why the rest did not.

`--update-golden` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from noetl.compiler.frontend import compile_source
from noetl.diagnostics import Diagnostic, Severity
from noetl.errors import UnsupportedByTarget
from noetl.targets.airflow import TARGET
from noetl.targets.airflow.capabilities import ROWS
from noetl.targets.base import Source
from noetl.targets.explain import Explanation
from noetl.targets.features import used

from .test_lint import FOLDER, KEPT

PAGE: Final = Path(__file__).parents[2] / "docs" / "compiled_samples.md"
HEAD: Final = """\
# The samples on Airflow

What `noetl compile --target airflow` makes of each sample playbook: how many of its steps have tasks of their own, why
the others share one or there is no file, and which features noetl's runtime carries inside of the tasks, as the table
in [airflow.md](airflow.md) says. `make corpus` checks this page, `make corpus ARGS=--update-golden` writes it.

| playbook | steps | native | why not all of them | inside of the tasks |
|---|---|---|---|---|
"""


def rows() -> Iterator[str]:
    """A row for each sample that is judged, by name."""
    for name in sorted(path.stem for path in KEPT.glob("*.json")):
        found = compile_source((FOLDER / f"{name}.yaml").read_bytes(), f"{name}.yaml")
        errors = [d for d in found.diagnostics if d.severity is Severity.ERROR]
        if found.workflow is None or errors:
            yield row(name, "-", "-", refusal("no valid playbook", errors), "-")
            continue
        total = len(found.workflow.steps)
        try:
            story = TARGET.compile(Source(found.path, found.text, found.workflow)).explain()
        except UnsupportedByTarget as refused:
            yield row(name, str(total), "-", refusal("refused", refused.diagnostics), "-")
            continue
        native = sum(step.native for step in story.steps)
        features = sorted({use.feature for use in used(found.workflow) if ROWS[use.feature].support == "emulated"})
        yield row(name, str(total), str(native), why(story) or "all are native", ", ".join(features) or "nothing")


def row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def refusal(what: str, found: tuple[Diagnostic, ...] | list[Diagnostic]) -> str:
    kinds = {d.code: d.name for d in found}
    return f"{what}: {', '.join(f'{code} {name}' for code, name in sorted(kinds.items()))}"


def why(story: Explanation) -> str:
    """The reasons of the steps that are not native, each with its steps."""
    steps: dict[str, list[str]] = {}
    for step in story.steps:
        if step.native:
            continue
        told = "no path from start leads there" if step.reason is None else f"{step.reason.text} [{step.reason.code}]"
        steps.setdefault(told, []).append(f"`{step.step}`")
    return "; ".join(f"{', '.join(names)}: {told}" for told, names in steps.items())


def test_the_page_tells_what_became_of_every_sample(update_golden: bool) -> None:
    page = HEAD + "".join(f"{line}\n" for line in rows())
    if update_golden:
        PAGE.write_text(page, "utf-8")
    assert page == PAGE.read_text("utf-8")


def test_what_lints_compiles() -> None:
    """Every sample without errors has a file, but where a tool's plug-in is missing."""
    for line in PAGE.read_text("utf-8").splitlines():
        if "refused" in line:
            assert "| refused: NTL504 tool-on-target |" in line
