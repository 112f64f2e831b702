"""The schemas that are kept are those that the code gives, and what is printed for programs has their shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from noetl import schema
from noetl.cli import FINDINGS, OK, USAGE, main
from noetl.cli.schema import made
from noetl.cli.schema.printed import event_names
from noetl.compiler import ir, ir_json
from noetl.compiler.frontend import load
from noetl.conformance.case import cases_in
from noetl.conformance.strategies import Playbook, playbooks
from noetl.diagnostics import Diagnostic, Edit, Fix, Kind, Related, Severity, Span, render_json
from noetl.runtime.events import Event
from noetl.runtime.store.rows import LoggedEvent

CASES = Path(__file__).parents[2] / "conformance" / "cases"
KIND = Kind("NTL999", "sample-kind", Severity.WARNING, "A kind for this test.")
FULL = Diagnostic(
    KIND,
    'key "stepp" is unknown',
    Span(3, 5, 3, 10),
    "a.yaml",
    (Related("first defined here", Span(1, 1, 1, 4)),),
    'did you mean "step"?',
    Fix('write "step"', (Edit(Span(3, 5, 3, 10), "step"),)),
)
BARE = Diagnostic(KIND, "something is odd", Span(1, 1, 1, 1))


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema.load(name))


@pytest.mark.parametrize("name", sorted(schema.VERSIONS))
def test_a_schema_is_valid_and_names_itself(name: str) -> None:
    loaded = schema.load(name)
    Draft202012Validator.check_schema(loaded)
    assert loaded["$schema"] == made.DIALECT
    assert str(loaded["$id"]).endswith(f"/{name}-{schema.VERSIONS[name]}.json")
    assert loaded[made.VERSION] == schema.VERSIONS[name]


@pytest.mark.parametrize("name", sorted(schema.VERSIONS))
def test_a_schema_is_what_the_code_gives(name: str) -> None:
    assert schema.text(name) == made.text(name), "run scripts/generate.py"


def test_every_schema_has_a_source() -> None:
    assert schema.VERSIONS.keys() == made.SOURCES.keys()


def test_unknown_schema_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        schema.load("nothing")


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_lists_and_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == OK
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(schema.VERSIONS)
    assert main(["schema", "playbook"]) == OK
    assert capsys.readouterr().out == schema.text("playbook")


def test_the_command_refuses_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "playbok"]) == USAGE
    assert 'did you mean "playbook"?' in capsys.readouterr().err


def test_check_names_what_is_stale(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["schema", "--check"]) == OK
    source = made.SOURCES["case"]
    monkeypatch.setitem(made.SOURCES, "case", replace(source, make=lambda: {**source.make(), "type": "array"}))
    capsys.readouterr()
    assert main(["schema", "--check"]) == FINDINGS
    assert capsys.readouterr().err == "schema/case-1.json is stale: run scripts/generate.py\n"
    assert main(["schema", "event", "--check"]) == OK


# -- the playbook ----------------------------------------------------------------------------------------------------


def test_extensions_are_marked() -> None:
    marked: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            marked.extend(
                name for name, part in value.items() if isinstance(part, dict) and "x-noetl-extension" in part
            )
            for part in value.values():
                walk(part)

    walk(schema.load("playbook"))
    assert sorted(marked) == ["join", "max_in_flight"]


def test_every_key_says_what_it_does() -> None:
    definitions = cast("dict[str, dict[str, dict[str, dict[str, object]]]]", schema.load("playbook")["$defs"])
    for name in ("step", "then", "loop", "rule", "fields-http", "fields-postgres", "sink-fields-postgres"):
        for key, part in definitions[name]["properties"].items():
            assert part.get("description"), f"{name}.{key}"


# -- what is printed -------------------------------------------------------------------------------------------------


def test_diagnostics_have_the_promised_shape() -> None:
    shown = json.loads(render_json([BARE, FULL]))
    validator("diagnostics").validate(shown)
    assert [d["code"] for d in shown["diagnostics"]] == ["NTL999", "NTL999"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("code"),
        lambda d: d.update(line=0),
        lambda d: d.update(severity="fatal"),
        lambda d: d.update(colour="red"),
        lambda d: d["fix"].update(edits=[]),
    ],
    ids=["no code", "line 0", "unknown severity", "unknown key", "empty fix"],
)
def test_another_shape_is_refused(spoil: Callable[[dict[str, object]], object]) -> None:
    shown = json.loads(render_json([FULL]))
    spoil(shown["diagnostics"][0])
    assert not validator("diagnostics").is_valid(shown)


def test_every_event_that_the_table_names_is_known() -> None:
    names = event_names()
    assert {"workflow.start", "step.enter", "call.done", "run.failed", "transition.ignored"} <= names.keys()
    for name in names:
        event = Event(name, "2026-01-01T00:00:00Z", "start", None, {})
        validator("event").validate(LoggedEvent.of("id", 1, event).to_json())
    other = LoggedEvent.of("id", 1, Event("step.left", "2026-01-01T00:00:00Z", None, None, {}))
    assert not validator("event").is_valid(other.to_json())


def test_conformance_cases_are_valid() -> None:
    checked = 0
    for _, case in cases_in(CASES):
        validator("case").validate(case.model_dump(mode="json", by_alias=True, exclude_unset=True))
        checked += 1
    assert checked > 50
    assert not validator("case").is_valid({"format": 2})


@given(playbooks())
def test_the_ir_has_the_promised_shape(playbook: Playbook) -> None:
    shown = ir_json.as_json(load(playbook.text, "p.yaml"))
    assert json.loads(json.dumps(shown)) == shown
    validator("ir").validate(shown)


def test_another_ir_is_refused() -> None:
    nothing = ir.MapValue((), Span(1, 1, 1, 1))
    workflow = ir.Workflow("x", None, None, (), nothing, None, None, (), ())
    shown = ir_json.as_json(workflow)
    validator("ir").validate(shown)
    assert not validator("ir").is_valid({**shown, "colour": "red"})
    assert not validator("ir").is_valid({**shown, "workload": {**ir_json.as_json(workflow)}})
