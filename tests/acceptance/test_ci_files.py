"""What CI systems and editors are given: the action, the hooks, and what the documents say of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final, cast

import pytest
from ruamel.yaml import YAML

from noetl import schema
from noetl.cli import COMMANDS

ROOT: Final = Path(__file__).parents[2]
BIN: Final = str(Path(sys.executable).parent)
GOOD: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow:\n  - step: start\n"
BAD: Final = f"{GOOD}    next: nowhere\n"
FIXABLE: Final = f"{GOOD}    tool: {{kind: http, endpoint: http://x.invalid}}\n"


def read(name: str) -> object:
    return YAML(typ="safe").load((ROOT / name).read_text("utf-8"))


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **environment, "PATH": path}
    return subprocess.run(["bash", "-ec", command], cwd=folder, env=env, capture_output=True, text=True, check=False)


def hooks() -> dict[str, dict[str, object]]:
    return {str(hook["id"]): hook for hook in cast("list[dict[str, object]]", read(".pre-commit-hooks.yaml"))}


@pytest.mark.parametrize(("text", "code"), [(GOOD, 0), (BAD, 1)])
def test_the_hook_finds_playbooks_and_leaves_other_yaml_alone(text: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "playbook.yaml").write_text(text, "utf-8")
    (tmp_path / "other.yaml").write_text("a: 1\n", "utf-8")
    hook = hooks()["noetl-lint"]
    assert hook["pass_filenames"] is False
    done = run(" ".join([str(hook["entry"]), *cast("list[str]", hook["args"])]), tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("1 file:")


def test_the_other_hook_fixes(tmp_path: Path) -> None:
    path = tmp_path / "playbook.yaml"
    path.write_text(FIXABLE, "utf-8")
    hook = hooks()["noetl-fix"]
    assert run(" ".join([str(hook["entry"]), *cast("list[str]", hook["args"])]), tmp_path).returncode == 0
    assert path.read_text("utf-8") == FIXABLE.replace("endpoint", "url")


def test_the_action_lints_what_it_is_told_to(tmp_path: Path) -> None:
    action = cast("dict[str, dict[str, list[dict[str, object]]]]", read("action.yml"))
    step = next(step for step in action["runs"]["steps"] if step.get("name") == "Lint")
    assert set(cast("dict[str, str]", step["env"])) == {"NOETL_PATHS", "NOETL_OPTIONS"}
    (tmp_path / "a.yaml").write_text(BAD, "utf-8")
    (tmp_path / "b.yaml").write_text(GOOD, "utf-8")
    done = run(str(step["run"]), tmp_path, NOETL_PATHS="a.yaml b.yaml", NOETL_OPTIONS="--strict")
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=a.yaml,line=6,")
    assert run(str(step["run"]), tmp_path, NOETL_PATHS="b.yaml", NOETL_OPTIONS="").returncode == 0


def test_the_documents_speak_of_what_there_is() -> None:
    text = (ROOT / "docs" / "editors.md").read_text("utf-8") + (ROOT / "docs" / "ci.md").read_text("utf-8")
    assert set(re.findall(r"`noetl ([a-z]+)", text)) <= set(COMMANDS)
    entries = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    (entry,) = (entry for entry in entries if "fileMatch" in entry)
    assert entry["url"] == schema.identifier("playbook")
    assert {f"id: {name}" in text or f"`{name}`" in text for name in hooks()} == {True}
