"""`noetl diff` as people call it: the same meaning, another meaning, and what changes on a target."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from noetl.cli import main

BEFORE = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: p}
workload: {size: 10, tags: [a, b], url: "http://x"}
workflow:
  - step: start
    next: [fetch]
  - step: fetch
    tool: {kind: http, method: GET, url: "{{ workload.url }}/a"}
    case:
      - when: "{{ event.name == 'call.error' and error.status == 503 }}"
        then: {retry: {max_attempts: 3}}
      - when: "{{ event.name == 'call.done' }}"
        then:
          set: {x: "{{ response.data }}"}
          next: [{step: load, args: {n: 1}}]
  - step: load
    tool:
      kind: python
      code: |
        def main(n):
            return n + 1
      args: {n: "{{ args.n }}"}
    next: [end]
  - step: end
"""
SAME = """\
# Another layout.
kind: Playbook
apiVersion: noetl.io/v2
metadata: {description: about it, name: q, path: some/q}
workload:
  size: 10
  tags: ["a", b]
  url: http://x
workflow:
  - step: load
    desc: adds one
    tool:
      kind: python
      code: "def main(n):\\n    return n + 1\\n"
      args: {n: '{{args.n}}'}
    next: end
  - case:
      - when: event.name == 'call.error' and error.status == 503
        then: [{retry: {}}]
      - then:
          - next: {step: load, args: {n: 1}}
          - set: {x: "{{  response.data }}"}
        when: |
          {{ event.name == "call.done" }}
    step: fetch
    tool: {kind: http, method: GET, url: "{{ workload.url }}/a"}
  - {step: start, next: [fetch]}
"""
AFTER = (
    BEFORE.replace("size: 10, tags: [a, b]", "tags: [a, c, b], size: 20")
    .replace("max_attempts: 3", "max_attempts: 5")
    .replace("step: load", "step: store")
    .replace("return n + 1", "return n + 2")
    .replace("    next: [end]\n", "    next: [end, fetch]\n")
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the playbooks."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("before", BEFORE), ("same", SAME), ("after", AFTER)):
        Path(f"{name}.yaml").write_text(text, "utf-8")
    Path("broken.yaml").write_text(BEFORE.replace("next: [fetch]", "next: [nowhere]"), "utf-8")
    return tmp_path


def test_the_same_meaning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "before.yaml", "same.yaml"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "before.yaml and same.yaml mean the same"
    assert second.startswith("hash sha256:")


def test_another_meaning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "before.yaml", "after.yaml"]) == 1
    head, _, *told = capsys.readouterr().out.splitlines()
    assert head == "before.yaml -> after.yaml: 7 differences"
    assert (
        told
        == """
workload
  changed size (before.yaml:4:18 -> after.yaml:4:35)
    - 10
    + 20
  added tags[1] (after.yaml:4:22): "c"
  reordered (before.yaml:4:11 -> after.yaml:4:11)
    - size, tags, url
    + tags, size, url

step "fetch"
  changed case[0].then[0].retry.max_attempts (before.yaml:12:38 -> after.yaml:12:38)
    - 3
    + 5
  changed case[1].then[1].next[0].step (before.yaml:16:25 -> after.yaml:16:25)
    - "load"
    + "store"

step "load"
  removed (before.yaml:17:11)

step "store"
  added (after.yaml:17:11)""".splitlines()
    )


def test_a_step_that_only_has_another_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("renamed.yaml").write_text(BEFORE.replace("step: load", "step: store"), "utf-8")
    assert main(["diff", "before.yaml", "renamed.yaml", "--target", "airflow"]) == 1
    assert capsys.readouterr().out.splitlines()[2:] == [
        "",
        'step "load"',
        '  renamed to "store" (before.yaml:17:11 -> renamed.yaml:17:11)',
        "",
        "on airflow",
        "  store: step [one-edge], native, load -> step [one-edge], native, store",
        "  the compiled file changes",
    ]


def test_code_is_compared_line_by_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("code.yaml").write_text(BEFORE.replace("return n + 1", "return n + 2"), "utf-8")
    assert main(["diff", "before.yaml", "code.yaml"]) == 1
    assert capsys.readouterr().out.splitlines()[4:] == [
        "  changed tool.fields.code (before.yaml:20:13 -> code.yaml:20:13)",
        "     def main(n):",
        "    -    return n + 1",
        "    +    return n + 2",
    ]


def test_on_a_target(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("cycle.yaml").write_text(BEFORE.replace("next: [end]\n", "next: [fetch]\n"), "utf-8")
    assert main(["diff", "before.yaml", "cycle.yaml", "--target", "airflow"]) == 1
    told = capsys.readouterr().out.split("on airflow\n")[1].splitlines()
    assert "  fetch: step [one-edge], native, fetch -> region [cycle], not native, fetch.region" in told
    assert "  load: step [one-edge], native, load -> region [cycle], not native, fetch.region" in told
    assert told[-1] == "  the compiled file changes"
    assert main(["diff", "before.yaml", "before.yaml", "--target", "airflow"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "  the compiled file stays as it is"


def test_needs_and_refusals_of_a_target(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs = BEFORE.replace("method: GET", "method: GET, auth: api")
    Path("needs.yaml").write_text(needs, "utf-8")
    Path("odd.yaml").write_text(BEFORE.replace("{kind: http,", "{kind: container, image: x,"), "utf-8")
    assert main(["diff", "before.yaml", "needs.yaml", "-t", "airflow"]) == 1
    assert "  needs +credential api" in capsys.readouterr().out.splitlines()
    assert main(["diff", "before.yaml", "odd.yaml", "-t", "airflow"]) == 1
    assert "  refused: odd.yaml:9:18: NTL504 " in capsys.readouterr().out


def test_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("size.yaml").write_text(BEFORE.replace("size: 10", "size: 20"), "utf-8")
    assert main(["diff", "before.yaml", "size.yaml", "--format", "json", "--target", "airflow"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["same"] is False
    assert told["before"]["hash"] != told["after"]["hash"]
    place = {"line": 4, "column": 18, "end_line": 4, "end_column": 20}
    assert told["differences"] == [
        {
            "what": "changed",
            "where": ["workload", "size"],
            "before": 10,
            "after": 20,
            "before_place": place,
            "after_place": place,
        }
    ]
    assert (told["target"]["steps"], told["target"]["file_changes"]) == ([], True)


def test_from_standard_input(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BEFORE.encode())))
    assert main(["diff", "-", "same.yaml"]) == 0
    assert capsys.readouterr().out.startswith("<stdin> and same.yaml mean the same\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["before.yaml", "nowhere.yaml"], '"nowhere.yaml" cannot be read'),
        (["-", "-"], "only one of the playbooks"),
        (["before.yaml", "broken.yaml"], 'broken.yaml:7:12: error[NTL203] step "start" routes to unknown step'),
        (["before.yaml", "same.yaml", "-t", "cron"], 'there is no target "cron"'),
        (["before.yaml", "same.yaml", "--playbooks", "lib"], "which is no folder"),
    ],
)
def test_what_cannot_be_compared(
    folder: Path, capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert main(["diff", *args]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.out == ""
