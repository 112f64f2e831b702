"""What a target does not carry is refused: with a code, at its place, all at once, and never by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from noetl.compiler.frontend import compile_source
from noetl.errors import UnsupportedByTarget, UsageError
from noetl.runtime.capabilities import RUN
from noetl.targets.airflow import TARGET
from noetl.targets.airflow.capabilities import ROWS
from noetl.targets.airflow.connections import COLUMNS
from noetl.targets.base import Capability, Compiled, Source, markdown_table
from noetl.targets.batch import compile_all
from noetl.targets.features import FEATURES
from noetl.targets.registry import load, names

DOCS = Path(__file__).parents[3] / "docs" / "airflow.md"
HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: p, path: some/p}\n"


def source(text: str, path: str = "p.yaml") -> Source:
    found = compile_source(HEAD + text, path)
    assert found.workflow is not None
    return Source(path, found.text, found.workflow)


def refused(text: str) -> list[str]:
    with pytest.raises(UnsupportedByTarget) as raised:
        TARGET.compile(source(text))
    assert all(d.path == "p.yaml" for d in raised.value.diagnostics)
    return [f"{d.span} {d.code} {d.message}" for d in raised.value.diagnostics]


def test_everything_at_once_and_in_the_order_of_the_text() -> None:
    text = """\
workbook:
  - {name: used, tool: {kind: duckdb, command: select 1}, sink: {tool: {kind: postgres, table: t, auth: a}}}
  - {name: unused, tool: {kind: duckdb, command: select 1}}
workflow:
  - step: start
    tool: {kind: workbook, name: used}
    next: [a]
  - step: a
    loop: {in: [1], iterator: i}
    tool: {kind: playbook, path: other}
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {sink: {tool: {kind: postgres, provider: x, name: y}}, next: [start]}
  - step: lost
    tool: {kind: container, image: x}
    next: [lost]
"""
    name = 'target "airflow" does not compile yet'
    no_runner = f"which {name}: nothing runs this kind of tool there"
    assert [line.split(" ", 1)[1] for line in refused(text)] == [
        f'NTL504 workbook task "used" has a tool of kind "duckdb", {no_runner}',
        f'NTL504 workbook task "used" has a tool of kind "postgres", {no_runner}',
        f'NTL502 step "a" has a loop, which {name}: loops are not lowered',
        f'NTL503 step "a" has a tool of kind "playbook", which {name}: sub-playbooks are not lowered',
        f'NTL504 step "a" has a tool of kind "postgres", {no_runner}',
        f"NTL501 the steps start -> a -> start are a cycle, which {name}: a DAG has no way back",
    ]


def test_places() -> None:
    assert refused("workflow:\n  - step: start\n    next: [a]\n  - step: a\n    next: [start]\n")[0].startswith(
        "8:12 NTL501"
    )
    text = "workflow:\n  - step: start\n    tool: {kind: snowflake, command: x}\n"
    assert refused(text)[0].startswith("6:18 NTL504")


def test_a_workbook_task_by_a_templated_name_may_be_any() -> None:
    text = """\
workbook: [{name: a, tool: {kind: python, code: "x = 1"}}, {name: b, tool: {kind: duckdb, command: select 1}}]
workflow: [{step: start, tool: {kind: workbook, name: "{{ workload.which }}"}}]
"""
    assert len(refused(text)) == 1


def test_too_many_copies() -> None:
    steps = "".join(f"  - step: s{n}\n    next: [s{n + 1}, s{n + 1}]\n" for n in range(1, 5))
    text = f"workflow:\n  - step: start\n    next: [s1, s1]\n{steps}  - step: s5\n"
    assert refused(text) == [
        '15:11 NTL505 more than 16 tokens can be at step "s5" at once, which target "airflow" does not compile yet: '
        "it would need more than 16 tasks"
    ]


def test_two_playbooks_with_one_id() -> None:
    text = "workflow: [{step: start}]\n"
    loop = "workflow: [{step: start, loop: {in: [1], iterator: i}, tool: {kind: python, code: 'x = 1'}}]\n"
    with pytest.raises(UnsupportedByTarget) as raised:
        compile_all(TARGET, [source(text, "a.yaml"), source(loop, "b.yaml"), source(text, "c.yaml")])
    assert [(d.path, d.code) for d in raised.value.diagnostics] == [("b.yaml", "NTL502"), ("c.yaml", "NTL506")]
    assert raised.value.diagnostics[1].message == 'the playbook becomes "some.p", and so does the one in "a.yaml"'


def test_a_batch_keeps_its_order() -> None:
    def compiled(name: str) -> Compiled:
        found = compile_source(HEAD.replace("some/p", name) + "workflow: [{step: start}]\n", "p.yaml")
        assert found.workflow is not None
        return compile_all(TARGET, [Source("p.yaml", found.text, found.workflow)])[0]

    assert [compiled(name).file for name in ("b", "a/c")] == ["b.py", "a.c.py"]


def test_the_table_has_a_row_for_every_feature() -> None:
    rows = [row.feature for row in TARGET.capabilities()]
    assert sorted(rows) == sorted(FEATURES)
    assert {row.versions for row in TARGET.capabilities()} == {"3.3"}


def test_tools_are_carried_where_the_runtime_runs_them() -> None:
    carried = {
        name.removeprefix("tool-") for name, row in ROWS.items() if name.startswith("tool-") and row.code is None
    }
    assert carried <= RUN


def test_a_row_is_refused_with_a_code_or_carried_without() -> None:
    with pytest.raises(ValueError, match="refused rows"):
        Capability("loop", "refused", "because")
    with pytest.raises(ValueError, match="refused rows"):
        Capability("loop", "native", "so", ROWS["loop"].code, "todo")


def test_the_tables_of_the_guide_are_true() -> None:
    guide = DOCS.read_text("utf-8")
    assert markdown_table(TARGET.capabilities(), FEATURES) in guide
    for type_, columns in COLUMNS.items():
        shown = ", ".join(f"`{column}` = `{field}`" for column, field in columns.items())
        assert f"| `{type_}` | {shown or '-'} |" in guide


def test_targets_are_found_by_name() -> None:
    assert names() == ("airflow",)
    assert load("airflow") is TARGET
    with pytest.raises(UsageError, match='no target "argo"; installed: airflow'):
        load("argo")
