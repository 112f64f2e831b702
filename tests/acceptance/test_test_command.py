"""`noetl test` as a user runs it, and `noetl conform PLAYBOOK`, which makes such cases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

NOETL: Final = str(Path(sys.executable).with_name("noetl"))
PLAYBOOK: Final = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: load}
workflow:
  - step: start
    tool: {kind: http, url: "http://api.invalid/orders"}
    case:
      - when: "{{ event.name == 'call.error' and error.status == 429 }}"
        then: {next: later}
      - when: "{{ event.name == 'call.done' and response.data.orders | length > 2 }}"
        then: {next: [{step: many, args: {n: "{{ response.data.orders | length }}"}}]}
    next: [end]
  - step: many
    next: [end]
  - step: later
    next: [end]
  - step: end
"""
CASE: Final = """\
format: 1
id: many-orders          # a comment stays
clauses: [STP-7]
title: more than two orders
file: load.yaml
outcomes:
  - {step: start, http: {data: {orders: [1, 2, 3]}}}
expect:
  status: completed
  runs: [{step: start}, {step: many, args: {n: 3}}, {step: end}]
"""


def noetl(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([NOETL, *arguments], capture_output=True, text=True, timeout=280, check=False, cwd=cwd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "load.yaml").write_text(PLAYBOOK, encoding="utf-8")
    (tmp_path / "many.case.yaml").write_text(CASE, encoding="utf-8")
    return tmp_path


def test_a_case_passes_and_the_rest_is_told(folder: Path) -> None:
    done = noetl("test", "--junit", "out.xml", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "load.yaml: 1 of 2 rules fired",
        "  line 8: rule 1 of step start never fired",
        "1 cases, 1 passed, 0 failed",
    ]
    suite = ElementTree.parse(folder / "out.xml").getroot()[0]
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("noetl test runtime", "1", "0")


def test_a_case_fails(folder: Path) -> None:
    (folder / "many.case.yaml").write_text(CASE.replace("n: 3", "n: 4"), encoding="utf-8")
    done = noetl("test", cwd=folder)
    assert done.returncode == 1
    assert " args: expected {'n': 4}, found {'n': 3}\n" in done.stdout
    assert "  playbook  load.yaml:13 step many: - step: many\n" in done.stdout
    assert "  again     noetl test many.case.yaml\n" in done.stdout


def test_what_has_no_outcome_fails(folder: Path) -> None:
    (folder / "many.case.yaml").write_text(CASE.replace("step: start, http", "step: strat, http"), encoding="utf-8")
    done = noetl("test", cwd=folder)
    assert done.returncode == 1
    assert 'has no outcome for step "start"' in done.stdout


def test_an_expectation_is_written(folder: Path) -> None:
    case = folder / "many.case.yaml"
    case.write_text(CASE[: CASE.index("expect:")] + "expect: {status: failed, never: [a]}\n", encoding="utf-8")
    assert noetl("test", "--update", cwd=folder).returncode == 0
    case.write_text(case.read_text("utf-8").replace("[1, 2, 3]", "[1]"), encoding="utf-8")
    assert noetl("test", cwd=folder).returncode == 1
    done = noetl("test", "--update", cwd=folder)
    assert (done.returncode, noetl("test", cwd=folder).returncode) == (0, 0)
    assert (done.stdout.splitlines()[0], done.stdout.splitlines()[-1]) == (
        "updated many.case.yaml",
        "1 cases, 0 passed, 0 failed, 1 updated",
    )
    written = case.read_text("utf-8")
    assert "# a comment stays" in written
    assert "  - {step: start, http: {data: {orders: [1]}}}" in written
    assert "&id" not in written


def test_a_case_that_expects_nothing_is_told(folder: Path) -> None:
    case = folder / "many.case.yaml"
    case.write_text(CASE[: CASE.index("expect:")] + "expect: {}\n", encoding="utf-8")
    done = noetl("test", cwd=folder)
    assert done.returncode == 0
    assert done.stdout.startswith("many.case.yaml expects nothing: --update writes what happened\n")
    assert noetl("test", "--update", cwd=folder).stdout.endswith("1 cases, 0 passed, 0 failed, 1 updated\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("clauses:", "clausses:"), '"clauses" is missing; unknown key "clausses" at 3:1, did you mean "clauses"?'),
        (("runs: [{step: start}", "runs: [{stp: start}"), 'unknown key "expect.runs.0.stp" at 10:11'),
        (("file: load.yaml", "file: lod.yaml"), 'cannot read "lod.yaml": No such file or directory'),
        (
            ("clauses: [STP-7]", "clauses: [STP-7"),
            "line 3, column 10: while parsing a flow sequence, did not find expected",
        ),
        ((CASE, "- a\n"), "a case is a map with the keys format, id, clauses, title, expect"),
    ],
)
def test_a_wrong_case_says_what_is_wrong_where(folder: Path, change: tuple[str, str], said: str) -> None:
    (folder / "many.case.yaml").write_text(CASE.replace(*change), encoding="utf-8")
    done = noetl("test", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("noetl: error: many.case.yaml: ")
    assert said in done.stderr


@pytest.mark.parametrize("arguments", [(), ("nowhere",), ("load.yaml",)])
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "load.yaml").write_text(PLAYBOOK, encoding="utf-8")
    done = noetl("test", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_playbook_is_proven(folder: Path) -> None:
    done = noetl("conform", "load.yaml", "--target", "spec", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("load.yaml: 2 of 2 rules fired; 0 recorded and ")
    assert lines[-1].startswith("spec: ")
    made = sorted((folder / ".noetl" / "conform" / "cases").glob("load-*.yaml"))
    assert len(made) >= 3
    again = noetl("test", *map(str, made), cwd=folder)
    assert again.returncode == 0, again.stdout
    assert noetl("conform", "load.yaml", "--target", "spec", cwd=folder).stdout == done.stdout


def test_recorded_outcomes_are_cases_too(folder: Path) -> None:
    outcomes = folder / "recorded.yaml"
    outcomes.write_text("{format: 1, outcomes: [{step: start, http: {status: 429}}]}", encoding="utf-8")
    done = noetl("conform", "load.yaml", "--target", "spec", "--outcomes", "recorded.yaml", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "; 1 recorded and " in done.stdout
    outcomes.write_text("{format: 1, outcomes: []}", encoding="utf-8")
    done = noetl("conform", "load.yaml", "--target", "spec", "--outcomes", "recorded.yaml", cwd=folder)
    assert (done.returncode, "do not fit" in done.stderr) == (2, True)


def test_a_playbook_with_errors_is_not_proven(folder: Path) -> None:
    (folder / "load.yaml").write_text(PLAYBOOK.replace("next: later", "next: latter"), encoding="utf-8")
    done = noetl("conform", "load.yaml", "--target", "spec", cwd=folder)
    assert (done.returncode, "NTL203" in done.stderr) == (1, True)
