"""A kind of tool that an installed package brings (TOO-8): lint knows it, `noetl run` runs it, compile carries it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = '''
"""Greets by a template of its own, with a credential and in a time that it does not choose."""
import asyncio

from noetl.runtime.ports import Outcome
from noetl.runtime.tools.auth import the_credential
from noetl.runtime.tools.failure import CallFailed


class Greeter:
    default_timeout = 0.2

    def __init__(self, place):
        self._vault = place.vault

    async def call(self, request, attempt):
        credential = the_credential(request.fields, self._vault)
        attempt.start()
        attempt.stdout.write(b"greeting\\\\n")
        if request.fields.get("slow"):
            await asyncio.sleep(60)
        if not request.fields.get("name"):
            raise CallFailed("NoName", "there is nobody to greet")
        told = credential.fields["token"] if credential else "nothing"
        return Outcome(response={"text": f"hello {request.fields['name']}", "told": told, "args": dict(request.args)})

    async def close(self):
        print("closed", flush=True, file=__import__("sys").stderr)


def make(place):
    return Greeter(place)
'''

PLAYBOOK = """
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: greetings}
workflow:
  - step: start
    tool: {kind: greet, name: "{{ 'ann' | upper }}", auth: canary, anything: 1, args: {n: 1}}
    next: [warehouse]
  - step: warehouse
    tool: {kind: snowflake, name: bob}
    next: [nobody]
  - step: nobody
    tool: {kind: greet}
    case:
      - when: "{{ error is defined }}"
        then: {result: {from: error.type}, next: [late]}
    next: []
  - step: late
    tool: {kind: greet, slow: true}
    case:
      - when: "{{ error is defined }}"
        then: {result: {from: error.type}, next: [end]}
    next: []
  - step: end
    tool: {kind: python, code: 'result = [start, warehouse["text"], nobody, late]'}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages, as pip leaves them."""
    info = tmp_path / "site" / "noetl_greet-1.0.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site" / "noetl_greet.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: noetl-greet\nVersion: 1.0\n")
    points = "greet = noetl_greet\nsnowflake = noetl_greet\nhttp = noetl_greet\nbroken = noetl_nowhere\n"
    (info / "entry_points.txt").write_text(f"[noetl.tools]\n{points}")
    (tmp_path / "greetings.yaml").write_text(PLAYBOOK)
    return tmp_path


def noetl(site: Path, *arguments: str, plugged: bool = True) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "NOETL_CREDENTIAL_CANARY": json.dumps({"type": "bearer", "token": "c4n4ry-token"})}
    if plugged:
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(site / "site"), environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-m", "noetl", *arguments], env=environ, cwd=site, capture_output=True, text=True, timeout=60
    )


def test_a_plug_in_runs_its_kinds(site: Path) -> None:
    done = noetl(site, "run", "greetings.yaml", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    first, *rest = summary["output"]
    assert first == {"text": "hello ANN", "told": "***", "args": {"n": 1}}
    assert rest == ["hello bob", "NoName", "Timeout"]
    assert summary["runs"][3]["calls"][0]["outcome"] == {
        "error": {"type": "Timeout", "message": "not finished within 0.2 s"}
    }
    assert "closed" in done.stderr
    assert "c4n4ry" not in done.stdout + done.stderr


def test_lint_knows_the_kinds_of_plug_ins(site: Path) -> None:
    known = noetl(site, "lint", "greetings.yaml")
    assert (known.returncode, known.stdout) == (0, ""), known.stdout
    unknown = noetl(site, "lint", "greetings.yaml", plugged=False)
    assert unknown.returncode == 1
    assert 'unknown tool kind "greet"' in unknown.stdout
    (site / "typo.yaml").write_text(PLAYBOOK.replace("kind: greet,", "kind: gret,"))
    mistaken = noetl(site, "lint", "typo.yaml")
    assert mistaken.returncode == 1
    assert 'did you mean "greet"?' in mistaken.stdout


def test_a_kind_without_its_plug_in_is_refused_before_anything_runs(site: Path) -> None:
    (site / "warehouse.yaml").write_text(PLAYBOOK.replace("kind: greet", "kind: snowflake"))
    assert noetl(site, "run", "warehouse.yaml").returncode == 0
    refused = noetl(site, "run", "warehouse.yaml", plugged=False)
    assert refused.returncode == 1
    assert "NTL553" in refused.stderr
    assert "which needs a plug-in; kinds that run: " in refused.stderr


def test_a_plug_in_that_cannot_be_loaded_is_a_failed_call(site: Path) -> None:
    (site / "broken.yaml").write_text(PLAYBOOK.replace("kind: greet", "kind: broken"))
    done = noetl(site, "run", "broken.yaml", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["message"] == (
        "the plug-in for kind \"broken\" cannot be loaded: No module named 'noetl_nowhere'"
    )


def test_a_plug_in_takes_no_kind_of_the_language(site: Path) -> None:
    (site / "own.yaml").write_text(PLAYBOOK.replace("kind: greet, name", "kind: http, url"))
    done = noetl(site, "run", "own.yaml", "--json")
    assert json.loads(done.stdout)["error"]["message"].startswith('http "url" is not an address')


def test_a_target_carries_the_kinds_of_plug_ins(site: Path) -> None:
    done = noetl(site, "compile", "greetings.yaml", "--target", "airflow", "-o", "dags/")
    assert done.returncode == 0, done.stderr
    refused = noetl(site, "compile", "greetings.yaml", "--target", "airflow", "-o", "dags/", plugged=False)
    assert refused.returncode == 1
