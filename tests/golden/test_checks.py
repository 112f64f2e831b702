"""Every check has a page whose examples are true, and a fixture whose wrong parts it finds and near misses it does not.

So has every kind of the structure a page. `--update-golden` rewrites what is printed for the wrong parts and for the
examples of the pages, and the index of the pages.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

from noetl.compiler import source
from noetl.compiler.checks import Check, registry
from noetl.compiler.frontend import Compilation, compile_source
from noetl.diagnostics import Diagnostic, Kind, Severity, registered, render_text

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ROOT / "docs" / "checks"
FIXTURES: Final = Path(__file__).parent / "checks"
HEAD: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: example}\n"
"""Stands before every playbook of a page or fixture."""
UNREADABLE: Final = "NTL010"
"""The kind of no text at all."""
UNPRINTABLE: Final[dict[str, str | bytes]] = {
    "NTL002": "# a comment\n" * 500_000,
    "NTL003": HEAD + "workload: {deep: " + "[" * 120 + "]" * 120 + "}\nworkflow: [{step: start}]\n",
    "NTL005": (HEAD + "workload: {name: Zo\u00eb}\nworkflow: [{step: start}]\n").encode("latin-1"),
}
"""Wrong examples that a page cannot hold."""
MOST: Final = 5
"""Findings of an example that its page quotes."""
ABOUT_EXAMPLES: Final = (
    "The examples leave out the first three lines of a playbook, `apiVersion`, `kind` and `metadata`; what lint prints",
    "counts them.",
)
CHECKS: Final = [pytest.param(check, id=check.KIND.code) for check in registry()]
FAMILIES: Final = (
    *("YAML", "Structure", "Names", "Expressions", "Control flow", "Targets", "Security", "Suppressions"),
    "Portability",
)


def kinds() -> list[Kind]:
    """Every kind that a module of noetl registers, whatever the tests have loaded."""
    codes: set[str] = set()
    for stage in ("compiler", "runtime", "targets"):
        for path in sorted((ROOT / stage).rglob("*.py")):
            found = re.findall(r'\bkind\(\s*"(NTL\d+)"', path.read_text(encoding="utf-8"))
            if found:
                import_module(".".join(("noetl", *path.relative_to(ROOT).with_suffix("").parts)))
            codes.update(found)
    return [kind for kind in registered() if kind.code in codes]


def paged() -> list[Kind]:
    """Every kind of YAML and structure, and of every check."""
    checks = {check.KIND for check in registry()}
    return [kind for kind in kinds() if kind in checks or re.fullmatch(r"NTL(0\d\d|1[0-4]\d)", kind.code)]


class Part(BaseModel):
    """A playbook of a fixture."""

    model_config = ConfigDict(extra="forbid")
    about: str
    playbook: str

    def found(self, kind: Kind) -> list[Diagnostic]:
        compiled = compile_source(HEAD + self.playbook, "playbook.yaml", everything=not kind.default)
        return [d for d in compiled.diagnostics if d.kind == kind]


class Wrong(Part):
    """One with findings of the kind at these places, and no others."""

    at: list[str]


class Fixture(BaseModel):
    """The parts that belong to one check."""

    model_config = ConfigDict(extra="forbid")
    wrong: list[Wrong]
    near: list[Part]


def name(kind: Kind) -> str:
    return f"{kind.code}-{kind.name}"


def fixture(check: Check) -> Fixture:
    text = (FIXTURES / f"{name(check.KIND)}.yaml").read_text(encoding="utf-8")
    return Fixture.model_validate(YAML(typ="safe").load(text))


def example(page: str, kind: Kind, title: str) -> Compilation:
    """The example under a title; what a page cannot hold is made here. A whole file stands without the head."""
    if title == "Wrong" and kind.code in UNPRINTABLE:
        return compile_source(UNPRINTABLE[kind.code], "playbook.yaml")
    found = re.search(rf"^## {title}\n\n```yaml( whole)?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no example under {title!r}"
    return compile_source(("" if found[1] else HEAD) + found[2], "playbook.yaml", everything=not kind.default)


@pytest.mark.parametrize("check", CHECKS)
def test_wrong_parts_are_found_where_they_are(check: Check) -> None:
    for part in fixture(check).wrong:
        assert [str(d.span) for d in part.found(check.KIND)] == part.at, part.about


@pytest.mark.parametrize("check", CHECKS)
def test_near_misses_are_not_found(check: Check) -> None:
    near = fixture(check).near
    assert near
    for part in near:
        assert part.found(check.KIND) == [], part.about


@pytest.mark.parametrize("check", CHECKS)
def test_findings_read_well(check: Check, update_golden: bool) -> None:
    shown = []
    for part in fixture(check).wrong:
        sources = {"playbook.yaml": HEAD + part.playbook}
        shown.append(f"# {part.about}\n{render_text(part.found(check.KIND), sources)}\n")
    kept = FIXTURES / f"{name(check.KIND)}.txt"
    if update_golden:
        kept.write_text("\n".join(shown), encoding="utf-8")
    assert "\n".join(shown) == kept.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.code) for kind in paged()])
def test_page(kind: Kind, update_golden: bool) -> None:
    path = PAGES / f"{name(kind)}.md"
    page = path.read_text(encoding="utf-8")
    off = "" if kind.default else ", off by default"
    assert page.startswith(f"# {kind.code} {kind.name}\n\n*{kind.severity}*{off}")
    assert re.findall(r"^## (.*)", page, re.MULTILINE) == ["Why", "Wrong", "Right", "Fix"]
    text, diagnostics = "", source.read("missing.yaml").diagnostics
    if kind.code != UNREADABLE:
        wrong = example(page, kind, "Wrong")
        text, diagnostics = wrong.text, wrong.diagnostics
    loud = [d for d in diagnostics if d.severity is not Severity.NOTE or d.kind == kind]
    assert {d.kind for d in loud} == {kind}
    shown = with_output(page, render_text(loud[:MOST], {"playbook.yaml": text}))
    if update_golden:
        path.write_text(shown, encoding="utf-8")
    assert update_golden or shown == page
    right = example(page, kind, "Right").diagnostics
    assert [d for d in right if d.severity is not Severity.NOTE or d.kind == kind] == []


def with_output(page: str, output: str) -> str:
    """The page with what lint prints for its wrong example, at the end of that part."""
    start, end = page.index("\n## Wrong\n"), page.index("\n## Right\n")
    part = re.sub(r"\n```text\n.*?\n```\n", "", page[start:end], flags=re.DOTALL)
    return f"{page[:start]}{part}\n```text\n{output}\n```\n{page[end:]}"


def test_no_page_or_fixture_is_left_over() -> None:
    names = {name(check.KIND) for check in registry()}
    assert {path.stem for path in PAGES.glob("NTL*")} >= {name(kind) for kind in paged()}
    assert {path.stem for path in PAGES.glob("NTL*")} <= {name(kind) for kind in kinds()}
    assert {path.stem for path in FIXTURES.iterdir()} == names


def test_index_lists_every_kind(update_golden: bool) -> None:
    lines = ["# What lint finds", "", "Codes are never reused. The kinds with a link have a page.", *ABOUT_EXAMPLES, ""]
    pages = {path.name[:6] for path in PAGES.glob("NTL*")}
    for number, family in enumerate(FAMILIES):
        lines += [f"## {family}", "", "| code | name | severity | what |", "|---|---|---|---|"]
        for kind in (found for found in kinds() if found.code.startswith(f"NTL{number}")):
            code = f"[{kind.code}]({name(kind)}.md)" if kind.code in pages else kind.code
            off = "" if kind.default else ", off by default"
            lines.append(f"| {code} | {kind.name} | {kind.severity}{off} | {kind.summary} |")
        lines.append("")
    index = PAGES / "README.md"
    if update_golden:
        index.write_text("\n".join(lines), encoding="utf-8")
    assert "\n".join(lines) == index.read_text(encoding="utf-8")
