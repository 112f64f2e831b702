"""`noetl conform` as a user runs it: lines, total and exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

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


HEAD: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: mine}\n"


def conform(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([NOETL, "conform", *arguments], capture_output=True, text=True, timeout=280, check=False)


def cases(folder: Path, **texts: str) -> str:
    folder.mkdir(exist_ok=True)
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
    lines = done.stdout.splitlines()
    assert lines[0] == "FAILED RUN-2-other  on runtime: one step"
    assert lines[1].startswith("  clause RUN-2  Event `workflow.start`; then one token at `start`")
    assert lines[3:7] == [
        "  allowed   output 2",
        "  observed  start; requests none; status completed; output 1",
        "  first     output: expected 2, found 1",
        f"  again     noetl conform --target runtime --cases {folder}/bad.yaml",
    ]
    assert lines[7:] == ["runtime: 2 cases, 1 passed, 1 failed, 0 broken, 0 not run"]
    again = lines[6].split()[2:]
    assert conform(*again[1:]).stdout.splitlines()[:-1] == lines[:-1]


def test_the_line_of_the_playbook(tmp_path: Path) -> None:
    wrong = CASE.replace("output: 1", "runs: [{step: start, result: 2}]")
    done = conform("--target", "runtime", "--cases", cases(tmp_path, bad=wrong))
    assert "  playbook  playbook.yaml:5 step start: - step: start\n" in done.stdout
    assert "  first     run start [] result: expected 2, found 1\n" in done.stdout


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
    assert done.stdout.startswith("BROKEN RUN-2-mine  on runtime: one step\n")
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


@pytest.mark.parametrize(
    "arguments",
    [
        ("--target", "nowhere"),
        (),
        ("--target", "runtime", "--cases", "/no/such"),
        ("--target", "runtime", "--budget", "soon"),
        ("--target", "runtime", "--deviations", "/no/such"),
        ("--target", "runtime", "--tier", "scheduler"),
        ("--target", "airflow", "--tier", "cloud"),
        ("--target", "exec:"),
        ("--target", "exec:/no/such/program"),
        ("verify",),
        ("verify", "/no/such"),
        ("playing", "--target", "runtime"),
        ("--target", "runtime", "--outcomes", "recorded.json"),
        (__file__, "--target", "runtime", "--case", "*"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = conform(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


REPORT: Final = ("results.jsonl", "junit.xml", "report.html", "summary.md", "badge/all.json", "badge/RUN.json")


def test_a_report(tmp_path: Path) -> None:
    folder = cases(tmp_path, good=CASE, bad=CASE.replace("mine", "<other>").replace("output: 1", "output: 2"))
    out = tmp_path / "out"
    done = conform("--target", "runtime", "--cases", folder, "--report", str(out), "--seed", "7")
    assert done.returncode == 1
    for name in REPORT:
        assert (out / name).stat().st_size > 0, name
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()]
    assert [line["record"] for line in lines] == ["header", "case", "case", "footer"]
    assert (lines[0]["target"], lines[0]["seed"], lines[0]["level"]) == ("runtime", 7, "standard")
    assert f"  again     noetl conform --target runtime --cases {folder}/bad.yaml --seed 7\n" in done.stdout
    assert lines[-1]["counts"] == {**dict.fromkeys(lines[-1]["counts"], 0), "passed": 1, "failed": 1}
    suite = ElementTree.parse(out / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    html = (out / "report.html").read_text("utf-8")
    assert "RUN-2-&lt;other&gt;" in html
    assert not re.search("(src|href)=.?http", html)
    badge = json.loads((out / "badge/RUN.json").read_text("utf-8"))
    assert (badge["message"], badge["color"]) == ("1/2", "red")
    assert "coverage: event and action: " in done.stdout


def test_a_report_is_judged_again(tmp_path: Path) -> None:
    folder, out = cases(tmp_path / "cases", good=CASE), tmp_path / "out"
    conform("--target", "runtime", "--cases", folder, "--report", str(out))
    file = out / "results.jsonl"
    assert conform("verify", str(file), "--cases", folder).stdout.endswith("1 records, 0 wrong\n")
    text = file.read_text("utf-8")
    file.write_text(text.replace('"output": 1', '"output": 2'), "utf-8")
    done = conform("verify", str(file), "--cases", folder)
    assert done.returncode == 1
    assert done.stdout.startswith(
        "WRONG RUN-2-mine: the report says passed, its observation failed: output: expected 1"
    )
    file.write_text(text.replace('"sequential"', '"parallel"').replace('"passed": 1', '"passed": 2'), "utf-8")
    done = conform("verify", str(file))  # the case is in the report itself
    assert done.stdout.splitlines() == [
        "WRONG RUN-2-mine: its record cannot be read: KeyError: 'sequential'",
        "WRONG the footer counts other records than there are",
        f"{file}: 1 records, 2 wrong",
    ]
    file.write_text("\n".join(text.splitlines()[:-1]), "utf-8")
    done = conform("verify", str(file), "--cases", folder)
    assert (done.returncode, "it has no footer" in done.stderr) == (2, True)


def test_reports_are_compared_where_the_suite_is_the_same(tmp_path: Path) -> None:
    folder, out = cases(tmp_path / "cases", good=CASE), tmp_path / "out"
    conform("--target", "runtime", "--cases", folder, "--report", str(out))
    file = out / "results.jsonl"
    file.write_text(file.read_text("utf-8").replace('"verdict": "passed"', '"verdict": "failed"'), "utf-8")
    done = conform("--target", "runtime", "--cases", folder, "--compare", str(file))
    assert "CHANGED RUN-2-mine: failed -> passed\n" in done.stdout
    cases(tmp_path / "cases", good=CASE.replace("one step", "another title"))
    done = conform("--target", "runtime", "--cases", folder, "--compare", str(file))
    assert (done.returncode, "no comparison" in done.stderr) == (2, True)


def test_a_budget_leaves_the_rest_out(tmp_path: Path) -> None:
    done = conform("--target", "runtime", "--cases", cases(tmp_path, good=CASE), "--budget", "0s")
    assert done.returncode == 4
    assert done.stdout == "runtime: 1 cases, 0 passed, 0 failed, 0 broken, 1 not run\n"


def test_what_was_not_asked_is_told_in_every_report(tmp_path: Path) -> None:
    folder = cases(tmp_path / "cases", good=CASE, other=CASE.replace("mine", "other"))
    out = tmp_path / "out"
    done = conform("--target", "runtime", "--cases", folder, "--case", "*-mine", "--report", str(out))
    line = '1 of 2 cases: --case "*-mine"'
    assert done.returncode == 0
    assert f"not asked: {line}\n" in done.stdout
    assert json.loads((out / "results.jsonl").read_text("utf-8").splitlines()[-1])["left"] == [line]
    assert f"## Not asked\n\n- {line}\n" in (out / "summary.md").read_text("utf-8")
    told = ElementTree.parse(out / "junit.xml").getroot()[0].find("properties/property")
    assert told is not None
    assert told.attrib == {"name": "not asked", "value": line}


DEVIATION: Final = """\
[[deviation]]
code = "MY-1"
cases = ["RUN-2-*"]
reason = "it counts from two"
says = "output: expected 2"
expires = 9999-01-01
"""


def test_deviations_are_checked(tmp_path: Path) -> None:
    folder, known = cases(tmp_path / "cases", bad=CASE.replace("output: 1", "output: 2")), tmp_path / "known.toml"
    asked = ("--target", "runtime", "--cases", folder, "--deviations", str(known))
    known.write_text(DEVIATION, "utf-8")
    out = tmp_path / "out"
    done = conform(*asked, "--report", str(out))
    assert done.returncode == 0
    assert done.stdout.endswith("runtime: 1 cases, 0 passed, 0 failed, 1 known, 0 broken, 0 not run\n")
    assert conform("verify", str(out / "results.jsonl")).stdout.endswith("1 records, 0 wrong\n")
    known.write_text(DEVIATION.replace("expected 2", "expected 3"), "utf-8")
    assert conform(*asked).returncode == 1
    known.write_text(DEVIATION.replace("9999", "2020"), "utf-8")
    done = conform(*asked)
    assert done.returncode == 1
    assert "CLAIM deviation MY-1 expired on 2020-01-01: it counts from two\n" in done.stdout
    known.write_text(DEVIATION, "utf-8")
    cases(tmp_path / "cases", bad=CASE)
    done = conform(*asked)
    assert done.returncode == 1
    assert done.stdout.startswith("STALE RUN-2-mine")


EXAMPLE: Final = f"exec:{sys.executable} {Path(__file__).parents[2] / 'examples' / 'conform_target.py'}"


def test_a_program_as_target() -> None:
    done = conform("--target", EXAMPLE, "--case", "RUN-4-*")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed, 0 failed, 0 broken, 0 not run\n" in done.stdout


def test_the_doctor_is_content_with_the_example() -> None:
    done = conform("doctor", "--target", EXAMPLE)
    assert done.returncode == 0, done.stdout
    assert [line[:3] for line in done.stdout.splitlines()] == ["ok "] * 9


def test_a_program_is_told_what_calls_answer_and_calls_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    tool = "tool: {kind: http, url: 'http://nowhere.invalid'}"
    file.write_text(f"{HEAD}workflow: [{{step: start, {tool}}}]\n", "utf-8")
    done = conform(str(file), "--target", EXAMPLE, "--report", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert conform("verify", str(tmp_path / "out" / "results.jsonl")).stdout.endswith(" 0 wrong\n")


WRONG: Final = """\
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["command"] == "start":
        print(json.dumps({"version": 1, "name": "wrong"}), flush=True)
    elif asked["command"] == "run":
        print(ANSWER, flush=True)
"""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("'hello'", "its answer is no JSON: 'hello'"),
        ("json.dumps({'seq': asked['seq']})", "an answer has one of summary, refused and problem, not none"),
        ("json.dumps({'seq': 0, 'problem': 'x'})", "it answered seq 0 where 1 was asked"),
        ("json.dumps({'seq': asked['seq'], 'summary': {}})", "a summary has status, output and runs"),
        ("json.dumps({'seq': asked['seq'], 'sumary': {}})", "its answer is no Ran: sumary: Extra inputs"),
        ("sys.exit(5)", "it ended with exit code 5"),
    ],
)
def test_a_program_that_answers_wrongly(tmp_path: Path, answer: str, said: str) -> None:
    program = tmp_path / "wrong.py"
    program.write_text(WRONG.replace("ANSWER", answer), "utf-8")
    done = conform("--target", f"exec:{sys.executable} {program}", "--cases", cases(tmp_path, good=CASE))
    assert done.returncode == 1
    assert said in done.stdout
    found = conform("doctor", "--target", f"exec:{sys.executable} {program}")
    assert found.returncode == 1
    assert "BAD  a playbook without tools completes" in found.stdout
