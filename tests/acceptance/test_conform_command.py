"""`noetl conform` as a user runs it: lines, total and exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

NOETL: Final = str(Path(sys.executable).with_name("noetl"))
CASE: Final = """\
format: 1
id: RUN-2-mine
clauses: [RUN-2, RUN-4]
title: one step
playbook: |
  apiVersion: noetl.io/v2
  kind: Playbook
  metadata: {name: case}
  workflow:
    - step: start
      tool: {kind: python, code: "result = 1"}
expect:
  output: 1
"""


def conform(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([NOETL, "conform", *arguments], capture_output=True, text=True, timeout=120, check=False)


def cases(folder: Path, **texts: str) -> str:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return str(folder)


def test_cases_of_the_suite() -> None:
    done = conform("--target", "runtime", "--case", "CAU-3-*")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" passed, 0 failed, 0 broken, 0 not run\n")


def test_own_cases(tmp_path: Path) -> None:
    folder = cases(tmp_path, good=CASE, bad=CASE.replace("mine", "other").replace("output: 1", "output: 2"))
    done = conform("--target", "runtime", "--cases", folder)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "FAILED RUN-2-other: output: expected 2, found 1 [RUN-2, RUN-4]",
        "runtime: 2 cases, 1 passed, 1 failed, 0 broken, 0 not run",
    ]


def test_a_case_that_does_not_make_sense_on_the_target(tmp_path: Path) -> None:
    folder = cases(tmp_path, elsewhere=CASE.replace("expect:", "targets: {runtime: []}\nexpect:"))
    done = conform("--target", "runtime", "--cases", folder)
    assert done.returncode == 4
    assert done.stdout == "runtime: 1 cases, 0 passed, 0 failed, 0 broken, 1 not run\n"


def test_nothing_to_judge(tmp_path: Path) -> None:
    assert conform("--target", "runtime", "--cases", str(tmp_path)).returncode == 4
    assert conform("--target", "runtime", "--case", "no-such-case").returncode == 4


def test_a_harness_that_breaks(tmp_path: Path) -> None:
    folder = cases(tmp_path, broken=CASE.replace("expect:", "files: {playbook.yaml/a: x}\nexpect:"))
    done = conform("--target", "runtime", "--cases", folder)
    assert done.returncode == 3
    assert done.stdout.startswith("BROKEN RUN-2-mine: ")
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("title:", "titel:"), '"title" is missing; unknown key "titel"'),
        (("output: 1", "outptu: 1"), 'unknown key "expect.outptu"'),
        (("output: 1", "runs: [{step: start, atempts: [1]}]"), 'unknown key "expect.runs.0.atempts"'),
        (("output: 1", "requests: {a: [{metod: GET}]}"), 'unknown key "expect.requests.a.0.metod"'),
        (("output: 1", "requests: {a: [{set: false}]}"), '"expect.requests.a.0.set"'),
        (("output: 1", "order: [[a#1, b]]"), '"expect.order.0.1"'),
        (("output: 1", "gaps: [[a#1, b#1]]"), "a gap is two requests and the seconds between them"),
        (("output: 1", "status: done"), '"expect.status"'),
        (("output: 1", "refused: {}\n  output: 1"), '"refused" stands instead of all other expectations'),
        (("expect:", "probe: {a: [{stauts: 200}]}\nexpect:"), '"probe": a probe reply has'),
        (("expect:", "probe: {a: []}\nexpect:"), 'the script of label "a" is empty'),
        (("expect:", "main: a\nplaybooks: {a: x}\nexpect:"), 'a case has either "playbook" or "playbooks"'),
        (("format: 1", "format: 2"), '"format"'),
        (("format: 1", "format: [1"), "line 1, column 9"),
    ],
)
def test_a_file_that_is_no_case(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    done = conform("--target", "runtime", "--cases", cases(tmp_path, wrong=CASE.replace(*change)))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(tmp_path / "wrong.yaml") in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_all_files_with_problems_are_named(tmp_path: Path) -> None:
    folder = cases(tmp_path, a=CASE, b=CASE, c=CASE.replace("title:", "titel:"))
    done = conform("--target", "runtime", "--cases", folder)
    assert done.returncode == 2
    assert 'b.yaml: "id": "RUN-2-mine" is that of' in done.stderr
    assert "c.yaml: " in done.stderr


@pytest.mark.parametrize("arguments", [("--target", "nowhere"), (), ("--target", "runtime", "--cases", "/no/such")])
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = conform(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
