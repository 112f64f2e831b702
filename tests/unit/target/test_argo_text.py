"""Names and texts of manifests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from noetl.targets.argo.contract import crossing
from noetl.targets.argo.names import MAX_OBJECT, MAX_TASK, object_name, step_of, unit_name
from noetl.targets.argo.text import block, quoted, scalar
from noetl.targets.profile.kubernetes import is_label_name

NAMES = st.text(st.characters(codec="utf-8"), min_size=1) | st.text("ab-_/xnhr0 .", min_size=1)


@given(NAMES, NAMES)
def test_two_steps_never_share_a_task(one: str, other: str) -> None:
    first, second = unit_name(one, 1, 1), unit_name(other, 1, 1)
    assert (first == second) == (one == other)
    assert len(first) <= MAX_TASK
    assert is_label_name(first[:63].rstrip("-"))
    if len(unit_name(one, 1, 2, region=True)) < MAX_TASK:
        for name in (first, unit_name(one, 2, 3), unit_name(one, 1, 1, region=True), unit_name(one, 1, 2, region=True)):
            assert step_of(name) == one or "--h" in name


@pytest.mark.parametrize(
    ("step", "task"),
    [
        ("start", "s-start"),
        ("load_users", "s-load-users"),
        ("load-users", "s-load--x2dusers"),
        ("load__users", "s-load--x5f--x5fusers"),
        ("_load", "s---x5fload"),
        ("in", "s-in"),
        ("Größe", "s---x47r--xc3--xb6--xc3--x9fe"),
        (
            "a" * 120,
            "s-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa--hbdb060cc31",
        ),
    ],
)
def test_steps_as_tasks(step: str, task: str) -> None:
    assert unit_name(step, 1, 1) == task


def test_copies_and_regions_have_names_of_their_own() -> None:
    names = [unit_name("a", 1, 1), unit_name("a", 1, 2), unit_name("a", 2, 2), unit_name("a", 1, 1, region=True)]
    assert names == ["s-a", "s-a--n1", "s-a--n2", "s-a--region"]
    assert [step_of(name) for name in names] == ["a"] * 4
    assert step_of("verdict") is None


@given(NAMES, NAMES)
def test_two_playbooks_never_share_a_name(one: str, other: str) -> None:
    assert (object_name(one) == object_name(other)) == (one == other)
    assert len(object_name(one)) <= MAX_OBJECT
    assert is_label_name(object_name(one))


@pytest.mark.parametrize(
    ("path", "name"), [("etl/report_users", "etl--report-users"), ("v1.2", "v1--x2e2"), ("a/x2fb", "a--x2fx2fb")]
)
def test_playbooks_as_objects(path: str, name: str) -> None:
    assert object_name(path) == name


@given(st.text())
def test_texts_come_back_from_yaml(text: str) -> None:
    text = text.replace("\r", " ")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        return
    document = f"data:\n  a: {block(text, 4)}\n  b: {scalar(text)}\n  c: {quoted(text)}\n---\n"
    assert next(iter(YAML(typ="safe").load_all(document))) == {"data": dict.fromkeys("abc", text)}


@pytest.mark.parametrize("text", ["a\nb\n", "  a\n", "a\n\n\n", "\n a", "a: {{ b }}\n\n  \nb", "- a\n#b\n"])
def test_playbooks_stay_readable(text: str) -> None:
    assert block(text, 4).startswith("|")
    document = f"data:\n  a: {block(text, 4)}\n  b: 1\n"
    assert YAML(typ="safe").load(document) == {"data": {"a": text, "b": 1}}


@pytest.mark.parametrize("text", ["", "\n", "tab\x85", "bell\x07", "\u2028", "\ufeff", "\r\n"])
def test_what_yaml_cannot_hold_as_it_stands_is_escaped(text: str) -> None:
    assert block(text, 4).startswith('"')
    assert YAML(typ="safe").load(f"a: {block(text, 4)}\n") == {"a": text}


@given(st.dictionaries(st.text("{$()a"), st.text("{$()=}a")))
def test_what_crosses_argo_has_nothing_that_it_replaces(value: dict[str, str]) -> None:
    text = crossing({**value})
    assert "{{" not in text
    assert "$" not in text
    assert YAML(typ="safe").load(text) == value
