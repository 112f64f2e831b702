"""What a target does not carry is refused: with a code, at its place, all at once, and never by accident."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from noetl.compiler.frontend import compile_source
from noetl.errors import UnsupportedByTarget, UsageError
from noetl.runtime.capabilities import RUN
from noetl.targets.airflow import TARGET
from noetl.targets.airflow.capabilities import ROWS
from noetl.targets.airflow.connections import COLUMNS
from noetl.targets.base import Capability, Source, markdown_table, rows_of
from noetl.targets.batch import compile_all
from noetl.targets.features import FEATURES
from noetl.targets.registry import load, names, version_of

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
  - {name: used, tool: {kind: container, image: x}, sink: {tool: {kind: snowflake, command: x}}}
  - {name: unused, tool: {kind: container, image: x}}
workflow:
  - step: start
    tool: {kind: workbook, name: used}
    next: [a]
  - step: a
    loop: {in: [1], iterator: i}
    tool: {kind: playbook, path: "{{ workload.which }}"}
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {sink: {tool: {kind: transfer, provider: x, name: y}}, next: [start]}
  - step: lost
    tool: {kind: container, image: x}
    next: [lost]
"""
    plug_in = 'which target "airflow" does not compile yet: this kind of tool needs a plug-in, and none is installed'
    assert [line.split(" ", 1)[1] for line in refused(text)] == [
        f'NTL504 workbook task "used" has a tool of kind "container", {plug_in}',
        f'NTL504 workbook task "used" has a tool of kind "snowflake", {plug_in}',
        'NTL507 step "a" runs the playbook of a path that is a template, which target "airflow" does not compile: '
        "which playbooks may be meant is not known",
        f'NTL504 step "a" has a tool of kind "transfer", {plug_in}',
    ]


def test_places() -> None:
    text = "workflow:\n  - step: start\n    tool: {kind: snowflake, command: x}\n"
    assert refused(text)[0].startswith("6:18 NTL504")


def test_a_path_by_a_template_is_carried_where_all_playbooks_are_there() -> None:
    text = 'workflow: [{step: start, tool: {kind: playbook, path: "{{ workload.which }}"}}]\n'
    assert [line.split(" ", 2)[1] for line in refused(text)] == ["NTL507"]
    assert TARGET.compile(replace(source(text), all_playbooks=True)).identity == "some.p"


def test_a_workbook_task_by_a_templated_name_may_be_any() -> None:
    text = """\
workbook: [{name: a, tool: {kind: python, code: "x = 1"}}, {name: b, tool: {kind: container, image: x}}]
workflow: [{step: start, tool: {kind: workbook, name: "{{ workload.which }}"}}]
"""
    assert len(refused(text)) == 1


def test_two_playbooks_with_one_id() -> None:
    text = "workflow: [{step: start}]\n"
    odd = "workflow: [{step: start, tool: {kind: container, image: x}}]\n"
    batch = compile_all(TARGET.compile, [source(text, "a.yaml"), source(odd, "b.yaml"), source(text, "c.yaml")])
    assert batch.done == []
    assert [(d.path, d.code) for d in batch.refused] == [
        ("b.yaml", "NTL504"),
        ("a.yaml", "NTL506"),
        ("c.yaml", "NTL506"),
    ]
    assert [d.message for d in batch.refused[1:]] == [
        f'the playbook becomes "some.p", and so does the one in "{other}"' for other in ("c.yaml", "a.yaml")
    ]


def test_a_batch_keeps_its_order() -> None:
    def named(name: str) -> Source:
        found = compile_source(HEAD.replace("some/p", name) + "workflow: [{step: start}]\n", "p.yaml")
        assert found.workflow is not None
        return Source("p.yaml", found.text, found.workflow)

    batch = compile_all(TARGET.compile, map(named, ("b", "a/c")))
    assert [made.file for _, made in batch.done] == ["b.py", "a.c.py"]


def test_a_version_is_one_of_the_target() -> None:
    assert version_of(TARGET, None) == TARGET.versions[-1] == "3.3"
    assert version_of(TARGET, "3.3") == "3.3"
    with pytest.raises(UsageError, match=r'target "airflow" has no version "2\.9"; versions: .*3\.3$'):
        version_of(TARGET, "2.9")


def test_rows_of_a_version() -> None:
    both = Capability("loop", "native", "so", versions=())
    old, new = (Capability("cycle", "native", how, versions=(how,)) for how in ("1", "2"))
    assert rows_of((both, old, new), "2") == (both, new)


def test_the_table_has_a_row_for_every_feature() -> None:
    for version in TARGET.versions:
        rows = [row.feature for row in rows_of(TARGET.capabilities(), version)]
        assert sorted(rows) == sorted(FEATURES)
    assert all(set(row.versions) <= set(TARGET.versions) for row in TARGET.capabilities())


def test_tools_are_carried_where_the_runtime_runs_them() -> None:
    carried = {
        name.removeprefix("tool-") for name, row in ROWS.items() if name.startswith("tool-") and row.code is None
    }
    assert carried <= RUN


def test_a_row_is_refused_with_a_code_or_carried_without() -> None:
    with pytest.raises(ValueError, match="refused rows"):
        Capability("loop", "refused", "because")
    with pytest.raises(ValueError, match="refused rows"):
        Capability("loop", "native", "so", ROWS["tool-container"].code, "todo")


def test_the_tables_of_the_guide_are_true() -> None:
    guide = DOCS.read_text("utf-8")
    assert markdown_table(TARGET.capabilities(), FEATURES) in guide
    for type_, columns in COLUMNS.items():
        shown = ", ".join(f"`{column}` = `{field}`" for column, field in columns.items())
        assert f"| `{type_}` | {shown or '-'} |" in guide


def test_targets_are_found_by_name() -> None:
    assert names() == ("airflow", "argo")
    assert load("airflow") is TARGET
    with pytest.raises(UsageError, match='no target "cron"; installed: airflow, argo'):
        load("cron")
