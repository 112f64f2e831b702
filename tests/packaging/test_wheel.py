"""sdist -> wheel -> clean environment: what users install is the tree, and it works on its own.

Everything is done twice: with the tree as it is, and with the links in `src/noetl` lost, which checkouts without
support for links do and which the packages must not depend on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

import noetl

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("compiler", "runtime", "targets", "schema", "conformance")
NEEDS_EXTRA = (
    "noetl.conformance.",
    "noetl.targets.airflow.listener",
    "noetl.targets.airflow.mapped",
    "noetl.targets.airflow.operators",
    "noetl.targets.airflow.preload",
    "noetl.targets.airflow.retrying",
    "noetl.targets.airflow.versions",
    "noetl.targets.airflow.worker",
    "noetl.cli.lsp.",
    "noetl.runtime.queue.claims",
    "noetl.runtime.server.",
    "noetl.runtime.tools.sql.duckdb_",
    "noetl.runtime.worker.",
    "noetl.runtime.tools.sql.postgres_",
)
"""Modules that only an extra makes importable: the suite (development tools), what runs inside Airflow, the language
server, server and workers, and the kinds of SQL, which are imported at their first call."""


@cache
def tracked() -> tuple[str, ...]:
    """Names of the files that a commit of everything here would hold, links included."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(sorted(name for name in listed.split("\0") if name and (ROOT / name).exists()))


def in_wheel(name: str) -> str | None:
    """Where a file of the tree stands in the wheel, None if it does not belong there."""
    path = PurePosixPath(name)
    if path.parts[0] in FOLDERS:
        return str(PurePosixPath("noetl", path))
    if path.parts[:2] == ("docs", "checks"):  # what `noetl lint --explain` shows
        return str(PurePosixPath("noetl", "check_pages", *path.parts[2:]))
    if name == "docs/semantics.md":  # what `noetl conform` quotes
        return "noetl/semantics.md"
    if path.parts[:2] == ("src", "noetl"):
        return None if (ROOT / name).is_symlink() else str(PurePosixPath(*path.parts[1:]))
    return None


@dataclass(frozen=True)
class Built:
    """An sdist, and the wheel that was built from it and from nothing else."""

    sdist: Path
    wheel: Path

    def sdist_names(self) -> set[str]:
        """The files of the sdist, without its leading folder."""
        with tarfile.open(self.sdist) as archive:
            return {member.name.partition("/")[2] for member in archive if not member.isdir()}

    def wheel_names(self) -> set[str]:
        """The files of the wheel, without its metadata."""
        with zipfile.ZipFile(self.wheel) as archive:
            return {name for name in archive.namelist() if ".dist-info/" not in name}

    def metadata(self) -> str:
        """The text of the wheel's METADATA."""
        with zipfile.ZipFile(self.wheel) as archive:
            return archive.read(next(n for n in archive.namelist() if n.endswith("/METADATA"))).decode()


def copy_tree(target: Path, *, links: bool) -> Path:
    """A copy of the tracked tree, with or without the links in `src/noetl`."""
    for name in tracked():
        source, copy = ROOT / name, target / name
        if source.is_symlink() and not links:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy, follow_symlinks=False)
    return target


def build(tree: Path, out: Path) -> Built:
    """sdist from the tree, wheel from the unpacked sdist."""

    def hatchling(kind: str, where: Path) -> Path:
        command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(out)]
        subprocess.run(command, cwd=where, check=True, capture_output=True, text=True)
        return next(out.glob("*.tar.gz" if kind == "sdist" else "*.whl"))

    sdist = hatchling("sdist", tree)
    with tarfile.open(sdist) as archive:
        archive.extractall(out / "unpacked", filter="data")
    return Built(sdist, hatchling("wheel", next((out / "unpacked").iterdir())))


@pytest.fixture(scope="session", params=[True, False], ids=["with-links", "without-links"])
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked tree, once as it is and once with the links in `src/noetl` lost."""
    return copy_tree(tmp_path_factory.mktemp("tree"), links=bool(request.param))


@pytest.fixture(scope="session")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What is built from the tree."""
    return build(tree, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a clean environment that holds the wheel and what it asks for, nothing else."""
    home = tmp_path_factory.mktemp("clean")
    uv = Path(sys.executable).parent / "uv"
    clean_run(uv, "venv", "--python", sys.executable, home / "env", cwd=home)
    pins = ROOT / "requirements.lock"
    clean_run(uv, "pip", "install", "--python", home / "env", "--constraints", pins, built.wheel, cwd=home)
    return home / "env" / "bin"


def clean_run(*command: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would who never saw this tree."""
    env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=check)


def expected() -> set[str]:
    """The wheel's files, by the tree."""
    return {place for name in tracked() if (place := in_wheel(name))}


def test_sdist_holds_the_sources_and_nothing_else(built: Built) -> None:
    sources = {name for name in tracked() if in_wheel(name)}
    assert built.sdist_names() == sources | {".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}


def test_wheel_holds_the_five_folders_under_noetl(built: Built) -> None:
    assert built.wheel_names() == expected()
    assert {f"noetl/{folder}" for folder in FOLDERS} <= {name.rsplit("/", 1)[0] for name in built.wheel_names()}


def test_wheel_is_called_after_the_version(built: Built) -> None:
    assert built.wheel.name == f"noetl-{noetl.__version__}-py3-none-any.whl"


def test_installed_command_shows_the_version(installed: Path, tmp_path: Path) -> None:
    for command in ([installed / "noetl"], [installed / "python", "-m", "noetl"]):
        done = clean_run(*command, "--version", cwd=tmp_path)
        assert (done.stdout, done.stderr) == (f"noetl {noetl.__version__}\n", "")


def test_every_module_imports_without_extras(installed: Path, tmp_path: Path) -> None:
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in expected()
        if name.endswith(".py") and name != "noetl/__main__.py"
    )
    wanted = [name for name in modules if not name.startswith(NEEDS_EXTRA)]
    program = f"import importlib\nfor name in {wanted!r}: importlib.import_module(name)"
    done = clean_run(installed / "python", "-I", "-W", "error", "-c", program, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr


def test_installed_noetl_lints_a_playbook(installed: Path, tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(
        "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow: [{step: begin}]\n", encoding="utf-8"
    )
    done = clean_run(installed / "noetl", "lint", playbook, cwd=tmp_path, check=False)
    assert done.returncode == 1, done.stderr
    assert "error[NTL201]" in done.stdout
