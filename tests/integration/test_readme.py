"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Each `$ command` of the console blocks with the output shown below it."""
    shown = "".join(blocks("console"))
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", shown, re.MULTILINE)


def shell(command: str) -> str:
    """What a command prints in a shell at the root of the project, both streams in order, as a terminal shows them."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        ["bash", "-c", f"{command} 2>&1"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    return done.stdout


@pytest.mark.parametrize(("command", "shown"), commands(), ids=[command for command, _ in commands()])
def test_shown_output_is_printed(command: str, shown: str) -> None:
    assert shell(command) == shown


def test_shown_playbooks_are_examples() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.yaml"))]
    assert blocks("yaml")
    for block in blocks("yaml"):
        assert any(block in text for text in texts), block


def test_shown_dag_is_emitted() -> None:
    emitted = shell("noetl compile examples/greet.yaml --target airflow -o - 2>/dev/null")
    assert blocks("python")
    for block in blocks("python"):
        assert block in emitted, emitted


def test_files_that_are_linked_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
