"""Data arrives as it was, through manifests, the substitution of Argo and pods; secrets never go in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from noetl.compiler.ir import Json
from noetl.conformance.adapters.argo_node import Node
from noetl.conformance.probe import Probe
from noetl.targets.argo import contract

from .workflows import CREDENTIALS, argo_case, ran

ODD: list[Json] = [
    "{{workflow.name}} {{ workflow.name }} {{=1+1}} {{tasks.s-start.outputs.parameters.ctx}} {{item}} {{unclosed",
    "{% if true %}x{% endif %} {# no #} {{ 1 }} }} {{{{ }}",
    "$(HOME) $$ $$(HOME) ${HOME} $(NOETL_EXECUTION_ID) $ \\$",
    "'\"\\'\\\"` \\ \\\\ \\n \\u007b {\\u007b",
    "one\ntwo\r\nthree\rfour\n\n",
    "\t\x01\x1f\x7f\x85\u2028\u2029\ufeff",
    "\u00e4\u4e2d\U0001f600 e\u0301",
    "@/etc/passwd",
    "none",
    "dead",
    "e0",
    "yes",
    "",
    " ",
    "- a: b # c\n? [",
    0,
    -1,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    12345678901234567890,
    10**60,
    1.0,
    0.1,
    1e308,
    5e-324,
    True,
    False,
    None,
    [],
    {},
    {"ref": "0", "tokens": {}, "failed": ["start"]},
    {"{{workflow.name}}": {"$(HOME)": [[[{"": None}]]]}},
]
CARRY = """
workload: {given: {}}
workflow:
- step: start
  tool: {kind: python, code: "result = given", args: {given: "{{ workload.given }}"}}
  vars: {kept: "{{ result }}"}
  next: [{step: left, args: {told: "{{ result }}"}}, {step: right}]
- step: left
  tool: {kind: python, code: "result = [told, kept]", args: {kept: "{{ kept }}"}}
  next: [{step: joined}]
- step: right
  tool: {kind: python, code: "result = given", args: {given: "{{ workload.given }}"}}
  next: [{step: joined}]
- step: joined
  join: all
  tool: {kind: python, code: "result = [l, r, kept]", args: {l: "{{ left }}", r: "{{ right }}", kept: "{{ kept }}"}}
"""


def test_odd_values_arrive_as_they_were(tmp_path: Path, node: Node) -> None:
    _, outcome = ran(argo_case(tmp_path, CARRY, {"given": [*ODD]}), node)
    assert outcome["status"] == "completed", outcome.get("error")
    assert repr(outcome["output"]) == repr([[ODD, ODD], ODD, ODD])  # for == numbers and booleans may be equal


@pytest.mark.parametrize("size", [40_000, 1_000_000])
def test_large_texts_are_kept_in_the_store(tmp_path: Path, node: Node, size: int) -> None:
    text = "$({{'\"\\\u00e4\n" * (size // 9)
    run, outcome = ran(argo_case(tmp_path, CARRY, {"given": text}), node)
    assert outcome["output"] == [[text, text], text, text]
    assert all(len(value) <= contract.TEXT_LIMIT for one in run.nodes.values() for value in one.outputs.values())


def test_large_texts_without_a_store_are_refused_in_words(tmp_path: Path, node: Node) -> None:
    case = argo_case(tmp_path, CARRY, {"given": "x" * 1_000_000}, {contract.VALUES_ENV: ""})
    run, outcome = ran(case, node)
    assert outcome["status"] == "failed"
    error = outcome["error"]
    assert isinstance(error, dict)
    assert (error["step"], error["type"]) == ("start", "TooLarge")
    assert run.nodes["s-left"].phase == "Omitted"


SECRET = "canary-8f1b3-$(HOME)-{{workflow.name}}"
SECRETIVE = """
workflow:
- step: start
  tool: {kind: http, url: "{{ workload.probe }}/a", auth: door}
  vars: {answer: "{{ result }}"}
  next: [{step: echo}]
- step: echo
  tool: {kind: http, method: POST, url: "{{ workload.probe }}/b", auth: door, body: {x: "{{ answer }}"}}
  next: [{step: fails}]
- step: fails
  tool: {kind: http, url: "{{ workload.probe }}/c", auth: door}
"""


def test_secrets_are_in_no_manifest_parameter_log_or_output(tmp_path: Path, node: Node) -> None:
    script: Mapping[str, list[Mapping[str, object]]] = {
        "a": [{"json": {"told": SECRET}}],
        "c": [{"status": 500, "json": {"told": [SECRET]}}],
    }
    with Probe(script) as probe:
        env = {f"{CREDENTIALS}DOOR": json.dumps({"type": "bearer", "token": SECRET})}
        case = argo_case(tmp_path, SECRETIVE, {"probe": probe.url}, env)
        run, outcome = ran(case, node)
        assert [seen.headers["authorization"] for seen in probe.requests] == [f"Bearer {SECRET}"] * 3
    assert outcome["status"] == "failed"
    shown = [json.dumps(case.documents), json.dumps(outcome), *run.logs.values()]
    shown += [text for one in run.nodes.values() for text in (one.message, *one.outputs.values())]
    shown += [file.read_text() for file in (tmp_path / "values").rglob("*") if file.is_file()]
    assert not [text for text in shown if "canary" in text]


def test_a_profile_takes_credentials_from_secrets(tmp_path: Path, node: Node) -> None:
    profile = "profile: 1\nargo: {credentials: {door: {secret: doors, key: front.json}}}\n"
    with Probe({}) as probe:
        case = argo_case(tmp_path, SECRETIVE, {"probe": probe.url}, profile=profile)
        secret = {("doors", "front.json"): json.dumps({"type": "bearer", "token": SECRET})}
        _, outcome = ran(replace(case, secrets=secret), node)
        assert outcome["status"] == "completed"
        assert {seen.headers["authorization"] for seen in probe.requests} == {f"Bearer {SECRET}"}
    assert "canary" not in json.dumps(case.documents)
