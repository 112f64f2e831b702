"""`noetl why`: the way to a step, and the rules with their values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .logged_runs import ROUTES, Streams, noetl, write


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routes.yaml").write_text(ROUTES, encoding="utf-8")


def test_why_tells_the_way_to_a_step_and_the_rules_with_their_values(capsys: Streams) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--execution-id", "one")
    code, out, _ = noetl(capsys, "why", "small")
    assert code == 0
    assert out == (
        "execution one: failed\n"
        'step "small" at routes.yaml:17:11: 1 run\n'
        "\n"
        'run 0.0 of step "small": failed\n'
        "  error ValueError: no\n"
        '  start (-) -> small (0.0): rule 1 at routes.yaml:12:9, args {"x": 1}\n'
        "  step.enter\n"
        "  call.error, call 1, attempt 1 (failed)\n"
        "    rule 0 at routes.yaml:20:9 fired: when error.type == 'ValueError' and event.name == 'call.error'\n"
        "      its value is true\n"
        '      error.type is "ValueError"\n'
        '      event.name is "call.error"\n'
        "  call.error, call 1, attempt 2 (failed)\n"
        "    rule 0 at routes.yaml:20:9 was exhausted: when error.type == 'ValueError' and event.name == 'call.error'\n"
        "      its value is true\n"
        '      error.type is "ValueError"\n'
        '      event.name is "call.error"\n'
        "  call.done, call 1, attempt 2 (failed)\n"
        "    rule 1 at routes.yaml:22:9 did not fire: when event.name == 'call.done' and response\n"
        "      the value of `when` is undefined\n"
        '      event.name is "call.done"\n'
        "      response is undefined\n"
        "  step.exit, call 1, attempt 2 (failed)\n"
    )


def test_why_tells_of_a_step_that_did_not_run_what_was_decided_before_it(capsys: Streams) -> None:
    noetl(capsys, "run", "routes.yaml", "-q")
    code, out, _ = noetl(capsys, "why", "big")
    assert code == 0
    assert 'step "big" at routes.yaml:16:11: no runs\n' in out
    assert '  step "start" leads to it: 1 run\n' in out
    assert "    rule 0 at routes.yaml:10:9 did not fire: when event.name == 'call.done' and response.n > 5\n" in out
    assert "      response.n is 4\n" in out
    assert "      workload.limit is 3\n      response.none is undefined\n" in out
    assert "    rule 2 at routes.yaml:14:9 not looked at: a rule before it fired\n" in out


def test_why_as_json(capsys: Streams) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--execution-id", "one")
    code, out, _ = noetl(capsys, "why", "small", "--json", "--execution", "on", "--key", "0.0")
    told = json.loads(out)
    assert (code, told["execution"], told["step"], told["status"]) == (0, "one", "small", "failed")
    (run,) = told["runs"]
    assert run["led"] == [
        {
            "step": "start",
            "key": "-",
            "iteration": None,
            "target": "small",
            "token": "0.0",
            "args": {"x": 1},
            "rule": 1,
            "line": 12,
        }
    ]
    verdicts = [(e["name"], e["attempt"], [(r["rule"], r["verdict"]) for r in e["rules"]]) for e in run["events"]]
    assert verdicts == [
        ("step.enter", None, []),
        ("call.error", 1, [(0, "fired")]),
        ("call.error", 2, [(0, "exhausted")]),
        ("call.done", 2, [(1, "false")]),
        ("step.exit", 2, []),
    ]
    assert noetl(capsys, "why", "small", "--key", "9.9")[0] == 2


def test_why_of_a_step_that_is_not_there_and_of_a_poisoned_join(capsys: Streams) -> None:
    noetl(capsys, "run", "routes.yaml", "-q")
    code, _, err = noetl(capsys, "why", "smal")
    assert (code, err) == (2, 'noetl: error: the playbook has no step "smal"; did you mean "small"?\n')
    write(
        "poison.yaml",
        "  - step: start\n    next: [bad, good]\n"
        "  - step: bad\n    case: [{when: true, then: [{fail: {message: x}}]}]\n    next: end\n"
        "  - step: good\n    next: end\n  - step: end\n",
    )
    noetl(capsys, "run", "poison.yaml", "-q")
    assert 'it never fires: step "bad", which can reach it, failed (RUN-6)' in noetl(capsys, "why", "end")[1]


def test_why_shows_all_that_a_join_has_taken(capsys: Streams) -> None:
    write(
        "join.yaml",
        "  - step: start\n    next: [left, right]\n"
        "  - step: left\n    loop: {in: [1, 2], iterator: i, mode: parallel}\n"
        "    case: [{when: \"{{ event.name == 'step.exit' and i > 0 }}\", then: [{next: [{step: end}]}]}]\n"
        "  - step: right\n    next: end\n  - step: end\n",
    )
    noetl(capsys, "run", "join.yaml", "-q")
    (run,) = json.loads(noetl(capsys, "why", "end", "--json")[1])["runs"]
    assert [(h["step"], h["iteration"], h["target"], h["token"]) for h in run["led"]] == [
        ("start", None, "left", "0.0"),
        ("start", None, "right", "0.1"),
        ("left", 0, "end", "0.0/0.0"),
        ("left", 1, "end", "0.0/1.0"),
        ("right", None, "end", "0.1/0.0"),
    ]


def test_why_reads_parts_of_values_as_the_rule_does(capsys: Streams) -> None:
    code = "result = {'status': 'ok', 'data': {'k': 1}, 'inner': {'status': 1, 'data': {'k': 2}}}"
    when = "response.k == 1 and response.inner.k is undefined and workload.page.data is undefined and steps.a.k == 1"
    file = write(
        "parts.yaml",
        f"""  - step: start
    next: a
  - step: a
    tool: {{kind: python, code: "{code}"}}
    next: b
  - step: b
    tool: {{kind: python, code: "{code}"}}
    case:
      - when: "{{{{ {when} }}}}"
        then: {{log: yes}}
      - when: "{{{{ rows[0].n == 5 and rows[1] is undefined }}}}"
        then: {{log: no}}
""",
    )
    assert noetl(capsys, "run", file, "-q", "--set", "page.x=1")[0] == 0
    told = noetl(capsys, "why", "b")[1]
    for line in (
        "response.k is 1",
        "response.inner.k is undefined",
        "workload.page.data is undefined",
        "steps.a.k is 1",
    ):
        assert f"      {line}\n" in told, told


def test_why_reads_rows_as_the_rule_does(capsys: Streams) -> None:
    file = write(
        "rows.yaml",
        """  - step: start
    tool: {kind: duckdb, command: "SELECT 5 AS n"}
    case:
      - when: "{{ response[0].n == 5 and response[1] is undefined }}"
        then: {log: yes}
""",
    )
    assert noetl(capsys, "run", file, "-q")[0] == 0
    told = noetl(capsys, "why", "start")[1]
    assert "      response[0].n is 5\n" in told, told
    assert "      response[1] is undefined\n" in told
