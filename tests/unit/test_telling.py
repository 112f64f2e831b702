"""A failure on a target that compiles says what the lowering made of the step, and why, in every form of a report."""

from __future__ import annotations

import json
from pathlib import Path

from noetl.compiler.ir import Json
from noetl.conformance.case import Case
from noetl.conformance.conform import Judged
from noetl.conformance.header import Header
from noetl.conformance.observation import Observation
from noetl.conformance.reports import write_report
from noetl.conformance.results import Record, Results, Writer
from noetl.conformance.telling import again, failure, lowering_rule

CASE = Case.model_validate(
    {
        "format": 1,
        "id": "STP-1-mine",
        "clauses": ["STP-1"],
        "title": "two tokens",
        "playbook": "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow:\n"
        "  - step: start\n    next: [a, b]\n  - step: b\n    next: a\n  - step: a\n    join: each\n",
        "expect": {"status": "completed"},
    }
)
SEEN: dict[str, Json] = {"status": "completed", "output": 1, "runs": []}
RULE = "a: copies, 2 tasks [concurrent-tokens] several tokens can arrive, and join: each makes a run of every one"


HEADER = Header("airflow", "s", "l", 0, "smoke")


def failed(*said: str) -> Judged:
    return Judged(CASE, Path("x.yaml"), "failed", said, Observation(SEEN))


def test_the_rule_of_the_step_that_differs_first_is_told() -> None:
    lines = failure(failed("run a [] result: expected 1, found 2"), HEADER)
    assert f"  lowering  {RULE}" in lines
    assert lines.index(f"  lowering  {RULE}") == lines.index("  playbook  playbook.yaml:9 step a: - step: a") + 1


def test_where_no_step_is_named_all_are() -> None:
    told = "start: step, 1 task [entry]; b: step, 1 task [one-edge]; a: copies, 2 tasks [concurrent-tokens]"
    assert lowering_rule(failed("status: expected failed"), "airflow") == told


def test_a_target_that_lowers_nothing_has_no_rule() -> None:
    assert lowering_rule(failed("run a [] result: expected 1, found 2"), "runtime") is None


def test_every_form_of_a_report_has_it(tmp_path: Path) -> None:
    one = failed("run a [] result: expected 1, found 2")
    results = Results(HEADER, (Record.of(one, HEADER),))
    with Writer(tmp_path / "results.jsonl", HEADER) as writer:
        writer.add(one)
        writer.finish(results)
    write_report(tmp_path, results, [])
    for name in ("junit.xml", "report.html"):
        assert RULE in (tmp_path / name).read_text(encoding="utf-8")
    record = json.loads((tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()[1])
    assert record["lowering"] == RULE


def test_the_command_that_runs_it_again_has_all_that_the_order_depends_on() -> None:
    assert again("STP-1-mine", HEADER) == "noetl conform --target airflow --case STP-1-mine"
    drawn = Header("exec:./my target", "s", "l", 7, "deep", tier="inproc")
    told = "noetl conform --target 'exec:./my target' --tier inproc --cases 'out/a b.yaml' --seed 7"
    assert again("drawn-7-3", drawn, "out/a b.yaml") == told
