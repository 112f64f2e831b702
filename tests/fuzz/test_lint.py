"""20,000 texts that nobody would write: lint answers each with diagnostics, in order, at places that exist.

They are the same texts in every run; with NOETL_PROFILE=dev they are new ones each time.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from noetl import schema
from noetl.compiler.frontend import compile_source
from noetl.diagnostics import in_order, render_json, render_text

EXAMPLES = [path.read_text("utf-8") for path in sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))]
WORDS = """
    apiVersion: kind: metadata: workflow: workbook: workload: keychain: - step: tool: case: - when: then: next: args:
    loop: {in: iterator: set: collect: from: into: result: sink: call: retry: skip: fail: log: vars: join: start end
    noetl.io/v2 noetl.io/v1 Playbook http python {{ }} {% %} {# #} {{response.data}} {{event.name=='call.done'}} | > |2-
    >+ - ? : , [ ] { } & * ! !!str !!binary %YAML --- ... # ' " \\ \\x \\u12 &a *a <<: null ~ true yes on 012 0x1F 1e400
    .nan .inf 2026-01-01 1_000 @ `
"""
SIGNS = ["\x00", "\x1b", "\x85", "\u2028", "\ufeff", "\U0001f600", "\ud800"]
GAPS = ["", " ", "\n", "\n  ", "\n    ", "\n      - ", "\t", "\r\n"]
PIECES = st.sampled_from([*WORDS.split(), *SIGNS, *GAPS])
VALIDATOR = Draft202012Validator(schema.load("diagnostics"))
FUZZ = settings(max_examples=5000, database=None, suppress_health_check=list(HealthCheck))


def lint(data: str | bytes) -> None:
    """Check that the text is answered: any exception, or any place outside of the text, is a failure."""
    found = compile_source(data, "fuzz.yaml")
    assert list(found.diagnostics) == in_order(found.diagnostics)
    VALIDATOR.validate(json.loads(render_json(found.diagnostics)))
    lines = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", found.text)
    for diagnostic in found.diagnostics:
        span = diagnostic.span
        assert (span.line, span.column) <= (span.end_line, span.end_column), diagnostic
        assert 1 <= span.line <= len(lines), diagnostic
    render_text(found.diagnostics, {"fuzz.yaml": found.text})
    assert found.ok or found.diagnostics


@FUZZ
@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    lint(text)


@FUZZ
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    lint(data)


@FUZZ
@given(st.lists(PIECES, max_size=40).map("".join))
def test_a_soup_of_fragments(text: str) -> None:
    lint(text)


@FUZZ
@given(
    st.sampled_from(EXAMPLES),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 30), st.lists(PIECES, max_size=4).map("".join)),
        min_size=1,
        max_size=6,
    ),
)
def test_a_spoilt_playbook(text: str, edits: list[tuple[float, int, str]]) -> None:
    for place, removed, added in edits:
        at = int(place * len(text))
        text = text[:at] + added + text[at + removed :]
    lint(text)
