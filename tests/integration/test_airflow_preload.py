"""What is loaded before tasks are forked is all that they load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import asyncio, json, sys
import noetl.targets.airflow.preload
before = set(sys.modules)
from noetl.compiler import frontend
from noetl.runtime.embedded import execute
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import SystemClock
from noetl.runtime.tools import ToolBox
from noetl.runtime.credentials import EnvironmentCredentials

text = open(sys.argv[1], encoding="utf-8").read()
workflow = frontend.load(text, "p.yaml", check=False)
done = asyncio.run(execute(workflow, {}, ExecutionInfo("x", {}), ToolBox(EnvironmentCredentials({})), SystemClock()))
later = sorted(name for name in set(sys.modules) - before if name.split(".")[0] == "noetl")
print(json.dumps({"airflow": "airflow" in sys.modules, "later": later, "status": done.outcome()["status"]}))
"""
PLAYBOOK = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: p}
workload: {n: 2}
workflow:
  - step: start
    loop: {in: "{{ range(workload.n) | list }}", iterator: i, mode: parallel}
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {set: {seen: "{{ i }}"}}
    next: end
  - step: end
"""


def test_a_run_loads_nothing_of_noetl_after_it(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(PLAYBOOK, "utf-8")
    done = subprocess.run([sys.executable, "-c", CODE, str(file)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(done.stderr)
    assert json.loads(done.stdout) == {"airflow": False, "later": [], "status": "completed"}
