"""Data like templates or at the edge of JSON arrives unchanged or is a clear error, here and on Airflow alike."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.adapters.airflow import AirflowCase, AirflowRun, run_in_airflow
from noetl.conformance.judge import differences
from noetl.conformance.observation import same
from noetl.conformance.probe import Probe
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.embedded import execute
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import SystemClock
from noetl.runtime.tools import ToolBox
from noetl.targets.airflow import TARGET
from noetl.targets.base import Source

UNCHANGED: dict[str, Json] = {
    "expression": "{{ workload.other }} {{ 7 * 7 }}",
    "statement": "{% for x in range(9) %}{{ x }}{% endfor %}{# comment #}",
    "quotes": "\"double\" 'single' \\ back`tick ''' \"\"\"",
    "newlines": "a\nb\r\nc\td\u2028e",
    "big": 2**70,
    "negative": -(2**200),
    "float": 0.1,
    "minus_zero": -0.0,
    "numbers": [1, 1.0, True, "1", None],
    "unicode": "été \U0001f409 e\u0301 \u202eright to left",
    "airflow": "{{ ds }} {{ macros.datetime }} .sql",
    "keys": {"items": 1, "keys": 2, "__classname__": "x", "__data__": 3, "": 4, "{{ k }}": "{{ v }}"},
    "order": {"b": 1, "a": {"z": 1, "y": 2}},
    "empty": ["", [], {}, None],
    "long": "x" * 200_000,
    "argo": "{{workflow.name}} $(X) $$",
}
REFUSED: dict[str, Json] = {"nul": "a\x00b", "surrogate": "a\ud800b", "nul_key": {"a\x00": 1}}
RAISING = {
    "infinity": "float('inf')",
    "nan": "float('nan')",
    "nul": "'a\\x00b'",
    "surrogate": "'a\\ud800b'",
    "bytes": "b'x'",
    "twins": "{1: 'a', '1': 'b'}",
}

ECHO = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: echo}
workload: {other: secret, probe: none}
workflow:
  - step: start
    args: {value: "{{ workload.value }}"}
    tool: {kind: python, code: "result = {'value': value}"}
    case:
      - when: event.name == 'step.exit'
        then:
          - set: {kept: "{{ result.value }}"}
          - collect: {from: result.value, into: list}
          - next: [{step: post, args: {sent: "{{ ctx.kept }}"}}]
  - step: post
    tool: {kind: http, method: POST, url: "{{ workload.probe }}/post", body: {value: "{{ args.sent }}"}}
    case:
      - when: event.name == 'call.done' and response is defined
        then:
          - next: [{step: end, args: {back: "{{ response.json.value }}", all: "{{ ctx.list }}", first: "{{ start }}"}}]
  - step: end
    tool:
      kind: python
      code: |
        result = [back, all, first]
"""

RAISE = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {{name: raise_{name}}}
workflow:
  - step: start
    tool: {{kind: python, code: "result = {code}"}}
    case:
      - when: event.name == 'call.error' and error.type == 'NotSerializable'
        then: {{result: {{from: error.type}}}}
"""


def here(text: str, payload: dict[str, Json], folder: Path) -> dict[str, Json]:
    compilation = compile_source(text, "hazard.yaml")
    workflow = compilation.workflow
    assert compilation.ok, compilation.diagnostics
    assert workflow is not None

    async def run() -> dict[str, Json]:
        toolbox = ToolBox(MappedCredentials({}), folder=folder)
        try:
            return (await execute(workflow, payload, ExecutionInfo("x", {}), toolbox, SystemClock())).summary()
        finally:
            await toolbox.close()

    return asyncio.run(run())


def on_airflow(text: str, payload: dict[str, Json]) -> AirflowCase:
    compilation = compile_source(text, "hazard.yaml")
    assert compilation.workflow is not None
    compiled = TARGET.compile(Source("hazard.yaml", compilation.text, compilation.workflow))
    return AirflowCase(compiled.identity, compiled.content, {"noetl_payload": json.dumps(payload)})


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Json], AirflowRun]]:
    folder = tmp_path_factory.mktemp("hazards")
    sides: dict[str, tuple[dict[str, Json], AirflowCase]] = {}
    with Probe({"post": lambda seen: {"json": {"json": seen.json()}}}) as probe:
        for name, value in {**UNCHANGED, **REFUSED}.items():
            payload = {"value": value, "probe": probe.url}
            text = ECHO.replace("echo}", f"echo_{name}}}")
            sides[name] = here(text, payload, folder), on_airflow(text, payload)
        for name, code in RAISING.items():
            text = RAISE.format(name=name, code=code.replace("\\", "\\\\"))
            sides[f"raise {name}"] = here(text, {}, folder), on_airflow(text, {})
        runs = run_in_airflow([case for _, case in sides.values()], time_limit=240)
    return {name: (summary, run) for (name, (summary, _)), run in zip(sides.items(), runs, strict=True)}


@pytest.mark.parametrize("name", UNCHANGED)
def test_data_arrives_unchanged(name: str, outcomes: dict[str, tuple[dict[str, Json], AirflowRun]]) -> None:
    summary, run = outcomes[name]
    value = UNCHANGED[name]
    assert summary["status"] == "completed", summary.get("error")
    assert same(summary["output"], [value, [value], {"value": value}])
    assert run.verdict is not None, run.problem
    assert differences(summary, run.verdict) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_json_value_does_not_start(
    name: str, outcomes: dict[str, tuple[dict[str, Json], AirflowRun]]
) -> None:
    summary, run = outcomes[name]
    assert (summary["status"], summary["runs"]) == ("failed", [])
    error = summary["error"]
    assert isinstance(error, dict)
    assert error["type"] == "NotSerializable"
    assert run.verdict is not None, run.problem
    assert differences(summary, run.verdict) == []


@pytest.mark.parametrize("name", [f"raise {name}" for name in RAISING])
def test_what_a_tool_returns_beyond_json_is_a_failed_call(
    name: str, outcomes: dict[str, tuple[dict[str, Json], AirflowRun]]
) -> None:
    summary, run = outcomes[name]
    assert (summary["status"], summary["output"]) == ("completed", "NotSerializable")
    assert run.verdict is not None, run.problem
    assert differences(summary, run.verdict) == []
