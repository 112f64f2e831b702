"""Step names and paths as Airflow ids."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noetl.targets.airflow.names import MAX_LENGTH, dag_id, edge_label, edge_task_id, step_of, step_task_id

ID = re.compile(r"[A-Za-z0-9_.-]{1,250}")
NAMES = st.text(min_size=1, max_size=40)
LABELS = st.builds(edge_label, st.none() | st.integers(0, 30), st.integers(0, 30))


@pytest.mark.parametrize(
    ("step", "id_"),
    [
        ("fetch_all-2", "fetch_all-2"),
        ("load/users", "load.2fusers"),
        ("v1.2", "v1.2e2"),
        ("été", ".c3.a9t.c3.a9"),
        ("a b", "a.20b"),
        ("verdict", ".76erdict"),
        ("Verdict", "Verdict"),
    ],
)
def test_task_ids_of_steps(step: str, id_: str) -> None:
    assert step_task_id(step, 1, 1) == id_
    assert step_of(id_) == step


def test_copies_and_edges_have_ids_of_their_own() -> None:
    assert step_task_id("a", 2, 3) == "a.copy2"
    assert edge_task_id("a.copy2", edge_label(0, 1)) == "a.copy2.rule0.1"
    assert edge_task_id("a", edge_label(None, 0)) == "a.next.0"
    assert step_of("a.copy2.rule0.1") == step_of("a.next.0") == "a"


def test_the_verdict_stands_for_no_step() -> None:
    assert step_of("verdict") is None


@given(NAMES, st.integers(1, 16), st.integers(1, 16), LABELS)
@example("copy2", 1, 1, "rule0.0")
@example("a.copy2", 2, 2, "next.0")
def test_ids_are_allowed_and_give_the_step_back(step: str, copy: int, copies: int, label: str) -> None:
    task = step_task_id(step, copy, copies)
    edge = edge_task_id(task, label)
    for id_ in (task, edge):
        assert ID.fullmatch(id_)
        assert id_ != "verdict"
        if ".h" not in id_[-20:]:
            assert step_of(id_) == step
    assert edge != task


@given(
    st.lists(st.tuples(NAMES, st.integers(1, 3)), unique=True, max_size=8), st.lists(LABELS, unique=True, max_size=4)
)
def test_no_two_tasks_share_an_id(places: list[tuple[str, int]], labels: list[str]) -> None:
    tasks = [step_task_id(step, copy, 3) for step, copy in places]
    ids = tasks + [edge_task_id(task, label) for task in tasks for label in labels]
    assert len(set(ids)) == len(ids)


def test_long_names_are_cut_with_a_hash_and_stay_apart() -> None:
    one, other = "x" * 300, "x" * 299 + "y"
    ids = [step_task_id(n, c, 2) for n in (one, other) for c in (1, 2)]
    ids += [edge_task_id(id_, "rule0.0") for id_ in ids]
    assert len(set(ids)) == 8
    assert {len(id_) for id_ in ids} == {MAX_LENGTH}
    assert ids[0] == "x" * 232 + ".h26901b02b1e89dd3"
    assert step_of(ids[0]) is None


@pytest.mark.parametrize(
    ("path", "id_"),
    [
        ("etl/daily", "etl.daily"),
        ("hello_world", "hello_world"),
        ("a.b", "a..2eb"),
        ("/etc//x/", "..2fetc..2f.x..2f"),
        ("a b/c", "a..20b.c"),
    ],
)
def test_dag_ids_of_paths(path: str, id_: str) -> None:
    assert dag_id(path) == id_


@given(st.lists(st.text("ab2e./", min_size=1, max_size=6) | NAMES, unique=True, max_size=6))
def test_no_two_paths_share_a_dag_id(paths: list[str]) -> None:
    ids = [dag_id(path) for path in paths]
    assert len(set(ids)) == len(ids)
    assert all(ID.fullmatch(id_) for id_ in ids)
