"""What a compiled playbook needs, as far as it can be known without running it."""

from __future__ import annotations

import noetl
from noetl.compiler.frontend import compile_source
from noetl.targets.base import Source
from noetl.targets.requirements import requirements, united

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: n}\n"
MAIN = (
    HEAD
    + """\
workbook:
  - {name: t, tool: {kind: python, code: "x = 1"}, sink: {tool: {kind: postgres, table: t, auth: warehouse}}}
workflow:
  - step: start
    tool:
      kind: http
      url: "http://api.invalid/{{ secret.part }}"
      auth: {type: bearer, token: "{{ secret['tok en'] }}"}
    next: [a, b, c, d]
  - step: a
    tool: {kind: workbook, name: t, credentials: {db: {key: aliased}, lake: lake}}
  - step: b
    tool:
      kind: python
      script: {uri: "s3://x/y.py", source: {type: s3, auth: bucket}}
      auth: {db: {type: postgres, credential: typed}, "other": plain, x: {token: 1}}
  - step: c
    tool: {kind: http, url: "http://api.invalid", auth: "{{ workload.which }}"}
  - step: d
    tool: {kind: playbook, path: child}
"""
)
CHILD = HEAD + "workflow: [{step: start, tool: {kind: duckdb, command: select 1}}]\n"


def source(playbooks: dict[str, str]) -> Source:
    found = compile_source(MAIN, "main.yaml")
    assert found.workflow is not None
    assert found.ok, found.diagnostics
    return Source("main.yaml", MAIN, found.workflow, playbooks)


def test_packages_kinds_and_credentials() -> None:
    made = requirements(source({}), "airflow")
    assert made.packages == (f"noetl[airflow,postgres,s3]=={noetl.__version__}",)
    assert made.kinds == ("http", "postgres", "python")
    assert made.credentials == (
        *("aliased", "bucket", "lake", "part", "plain", "tok en", "typed", "warehouse", "{{ workload.which }}"),
    )


def test_what_a_child_needs_is_needed() -> None:
    made = requirements(source({"child.yaml": CHILD}), "airflow")
    assert made.packages == (f"noetl[airflow,duckdb,postgres,s3]=={noetl.__version__}",)
    assert "kind duckdb\nkind http\n" in made.shown()


def test_modules_scripts_and_names_of_the_environment() -> None:
    text = (
        HEAD
        + """\
workflow:
  - step: start
    args: {zone: "{{ env.TZ }}"}
    tool:
      kind: python
      code: "import json, pandas.io\\nfrom numpy import array\\nfrom . import own"
    case:
      - when: "{{ event.name == 'call.done' }}"
        then: {call: {auth: later}}
    next: [a]
  - step: a
    tool: {kind: python, script: {uri: "{{ workload.place }}/x.py", source: {type: file}}}
"""
    )
    found = compile_source(text, "m.yaml")
    assert found.workflow is not None
    made = requirements(Source("m.yaml", text, found.workflow), "airflow")
    assert (made.modules, made.environment) == (("numpy", "pandas"), ("TZ",))
    assert (made.scripts, made.credentials) == (("{{ workload.place }}/x.py",), ("later",))
    both = united([made, requirements(source({}), "airflow")])
    assert both.kinds == ("http", "postgres", "python")
    assert both.shown().splitlines()[-3:] == [
        "script s3://x/y.py",
        "script {{ workload.place }}/x.py",
        "environment TZ",
    ]
    assert both.to_json()["modules"] == ["numpy", "pandas"]
