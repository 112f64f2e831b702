"""What is printed for programs has the shape that its schema promises."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from jsonschema import Draft202012Validator

from noetl import schema
from noetl.diagnostics import Diagnostic, Edit, Fix, Kind, Related, Severity, Span, render_json

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


@pytest.mark.parametrize("name", sorted(schema.VERSIONS))
def test_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(schema.load(name))


def test_unknown_schema_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        schema.load("nothing")


def test_diagnostics_have_the_promised_shape() -> None:
    shown = json.loads(render_json([BARE, FULL]))
    Draft202012Validator(schema.load("diagnostics")).validate(shown)
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
    assert not Draft202012Validator(schema.load("diagnostics")).is_valid(shown)
