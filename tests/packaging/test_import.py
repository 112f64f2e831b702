"""The public surface, and what an import of it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import noetl

PUBLIC = [
    "Compilation",
    "Diagnostic",
    "ExecutionError",
    "InternalError",
    "NoetlError",
    "PlaybookError",
    "Severity",
    "Span",
    "UnsupportedByTarget",
    "UsageError",
    "__version__",
    "compile_source",
    "load",
]
"""The promise to users: names are added here on purpose and never vanish in a minor version."""

PLAYBOOK = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: hello}
workflow:
  - step: start
    tool: {kind: http, url: "{{ workload.url }}"}
    next: end
"""


def loaded(program: str, *arguments: str) -> set[str]:
    """Top-level names of the modules that are loaded after `program` has run in a fresh process."""
    shown = f"import json, sys\n{program}\nprint(json.dumps(sorted(sys.modules)), file=sys.__stderr__)"
    done = subprocess.run([sys.executable, "-I", "-c", shown, *arguments], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stderr.splitlines()[-1])
    return {name.partition(".")[0] for name in names}


def test_public_surface() -> None:
    assert sorted(noetl.__all__) == PUBLIC
    assert set(PUBLIC) <= set(dir(noetl))


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_loads(name: str) -> None:
    assert getattr(noetl, name) is getattr(noetl, name)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match='module "noetl" has no attribute "nothing"'):
        _ = noetl.nothing  # type: ignore[attr-defined]


def test_import_loads_the_standard_library_only() -> None:
    before = loaded("")
    assert loaded("import noetl") - before - set(sys.stdlib_module_names) == {"noetl"}


def test_compiling_a_playbook_loads_no_engine_and_no_network() -> None:
    modules = loaded(f"import noetl\nassert noetl.compile_source({PLAYBOOK!r}, 'x.yaml').ok")
    assert {"pydantic", "jinja2", "ruamel"} <= modules
    assert not modules & {"airflow", "duckdb", "fastapi", "hera", "httpx", "hypothesis", "psycopg", "rich", "typer"}


def test_lint_command_loads_no_engine_and_no_network(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(PLAYBOOK, encoding="utf-8")
    modules = loaded("from noetl.cli import main\nassert main(['lint', sys.argv[1]]) == 0", str(playbook))
    assert "typer" in modules
    assert not modules & {"airflow", "duckdb", "fastapi", "hera", "httpx", "hypothesis", "psycopg", "rich"}


def test_a_worker_loads_no_server() -> None:
    modules = loaded("import noetl.runtime.worker.worker, noetl.runtime.worker.boxes, noetl.runtime.worker.settings")
    assert "psycopg" in modules
    assert not modules & {"fastapi", "starlette", "uvicorn"}
