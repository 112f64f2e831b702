"""What a user waits for: one file, one command, beside the imports that it cannot do without."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .measure import process_seconds, ratio

IMPORTS = [sys.executable, "-c", "import pydantic, ruamel.yaml, jinja2, typer"]
NOETL = str(Path(sys.executable).with_name("noetl"))
PLAYBOOK = str(Path(__file__).parents[2] / "examples" / "paginated_api.yaml")


@pytest.mark.parametrize(
    ("name", "command", "bound"),
    [
        ("noetl lint FILE", [NOETL, "lint", "--no-cache", PLAYBOOK], 2.5),
        ("noetl lint FILE, known to the cache", [NOETL, "lint", PLAYBOOK], 1.75),
        ("noetl compile FILE", [NOETL, "compile", PLAYBOOK, "--target", "airflow", "-o", "-"], 3.0),
    ],
)
def test_one_file_beside_its_imports(name: str, command: list[str], bound: float) -> None:
    found = ratio(name, lambda: process_seconds(command), lambda: process_seconds(IMPORTS), bound)
    assert found <= bound
