"""The words about the language are those of the models and tables that say what is allowed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from noetl.compiler import ir, language
from noetl.compiler.document.spellings import OVERRIDES, RETRY_KEYS
from noetl.compiler.frontend import load
from noetl.compiler.language import Key, actions, kinds, names
from noetl.compiler.rules import CONTROLS
from noetl.compiler.tools import KINDS

LAW: Final = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text("utf-8")
CLAUSES: Final = frozenset(re.findall(r"\*\*([A-Z]+-\d+)", LAW))
BY_PATH: Final = {"strategy", "path"}
"""Keys of the second form of `collect`, which has a model of its own."""


def keys() -> list[Key]:
    """Every key of every place, and every field of every kind."""
    found = [key for place in language.PLACES.values() for key in place.keys]
    return found + [key for kind in KINDS for key in kinds.fields(kind)]


@pytest.mark.parametrize("name", sorted(language.MODELS))
def test_a_place_has_the_keys_of_its_model(name: str) -> None:
    allowed = {field.alias or key for key, field in language.MODELS[name].model_fields.items()} - {OVERRIDES}
    assert {key.name for key in language.PLACES[name].keys} == allowed | (BY_PATH if name == "collect" else set())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_and_field_has_words(kind: str) -> None:
    allowed = KINDS[kind].fields
    assert kind in kinds.TEXTS
    if allowed is not None:
        assert {key.name for key in kinds.fields(kind)} == allowed


def test_no_word_is_left_over() -> None:
    assert kinds.TEXTS.keys() == KINDS.keys()
    assert names.ROOTS.keys() == {*ir.RESERVED, "steps"}
    assert names.EVENTS.keys() == set(ir.EVENTS)
    assert {key.name for key in language.PLACES["then"].keys} == {*actions.DATA, *actions.CONTROL}
    assert set(actions.CONTROL) == CONTROLS
    assert {key.name for key in language.PLACES["retry"].keys} == set(RETRY_KEYS)


def test_clauses_exist() -> None:
    named = [key.clause for key in keys()] + [place.clause for place in language.PLACES.values()]
    named += [text.clause for text in kinds.TEXTS.values()]
    for table in (names.ROOTS, names.EVENTS, names.FUNCTIONS, names.filters(), names.tests()):
        named += [name.clause for name in table.values()]
    assert {clause for some in named for clause in some.split(", ")} - CLAUSES == set()


def test_every_filter_and_test_has_words() -> None:
    assert {name for name, found in {**names.filters(), **names.tests()}.items() if not found.about} == set()
    assert {"b64encode", "b64decode", "map"} <= names.filters().keys()
    assert "random" not in names.filters()


def test_defaults_are_those_of_the_ir() -> None:
    head = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow:\n"
    text = head + "  - {step: start, tool: {kind: python}, case: [{when: error is defined, then: {retry: {}}}]}\n"
    retry = load(text, "x.yaml", check=False).steps[0].rules[0].control
    assert isinstance(retry, ir.Retry)
    for key in language.PLACES["retry"].keys:
        value = getattr(retry, key.name)
        assert key.default == (value.value if isinstance(value, ir.Const) else value)


@pytest.mark.parametrize(
    ("path", "kind", "place", "owner"),
    [
        ((), None, "playbook", None),
        (("workflow", 3), None, "step", "playbook"),
        (("workflow", 3, "case", 0, "then", 1, "retry"), None, "retry", "then"),
        (("workflow", 3, "next", 0, "args"), None, None, "transition"),
        (("workflow", 3, "tool", "endpoint"), "http", None, "tool"),
        (("workbook", 0, "sink", "tool"), None, "tool", "sink"),
        (("workflow", 0, "nothing", "more"), None, None, None),
    ],
)
def test_find(path: tuple[str | int, ...], kind: str | None, place: str | None, owner: str | None) -> None:
    found = language.find(path, kind)
    assert (found.place.name if found.place else None, found.owner.name if found.owner else None) == (place, owner)


def test_fields_are_found_under_every_spelling() -> None:
    tool, sink = language.PLACES["tool"], language.PLACES["sink"]
    for place, written, kind, name in (
        (tool, "endpoint", "http", "url"),
        (tool, "with", "python", "args"),
        (sink, "from", "http", "body"),
        (sink, "from", "postgres", "data"),
        (sink, "backend", None, "kind"),
    ):
        found = language.lookup(place, written, kind)
        assert found is not None
        assert found.name == name
    assert language.lookup(language.PLACES["loop"], "url", "http") is None
