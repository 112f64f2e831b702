"""The Dockerfile: what it says, and what its RUN lines make in an empty prefix, which needs no image engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

import noetl

ROOT: Final = Path(__file__).resolve().parents[2]
MEGABYTES: Final = 250
"""The prefix holds less than that: DuckDB and the libraries of S3 are most of it."""
UNWANTED: Final = ("airflow", "hera", "hypothesis", "moto", "mypy", "pip", "playwright", "pytest", "ruff", "uv")


@dataclass
class Stage:
    """One FROM with what follows."""

    base: str
    args: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    """RUN, COPY and WORKDIR, in order."""
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)


def stages() -> list[Stage]:
    """What the Dockerfile says; every line of it is understood."""
    found: list[Stage] = []
    for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines():
        word, _, rest = line.partition(" ")
        if not line or word == "#":
            continue
        if word == "FROM":
            found.append(Stage(rest))
        elif word == "ARG":
            name, _, value = rest.partition("=")
            found[-1].args[name] = value
        elif word == "ENV":
            found[-1].env |= dict(part.split("=", 1) for part in rest.split())
        elif word == "USER":
            found[-1].user = rest
        elif word == "ENTRYPOINT":
            found[-1].entrypoint = json.loads(rest)
        else:
            assert word in ("RUN", "COPY", "WORKDIR"), line
            found[-1].lines.append((word, rest))
    return found


def test_the_image_is_small_and_runs_as_nobody() -> None:
    build, final = stages()
    assert build.base.endswith(" AS build")
    assert final.base == build.base.removesuffix(" AS build")
    assert "slim" in final.base
    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", final.user)
    assert final.entrypoint == ["python", "-m", "noetl.targets.argo.runner"]
    copies = [rest for word, rest in final.lines if word == "COPY"]
    assert copies == ["--from=build /opt/noetl /opt/noetl"]
    assert not any("pip" in rest or "apt" in rest for word, rest in final.lines if word == "RUN")


def test_everything_that_is_copied_is_there_and_let_through() -> None:
    let = set((ROOT / ".dockerignore").read_text("utf-8").splitlines())
    assert "**" in let
    for word, rest in stages()[0].lines:
        for name in rest.split()[:-1] if word == "COPY" else ():
            assert (ROOT / name).exists(), name
            assert f"!{name}" in let


@pytest.mark.wheel
@pytest.mark.timeout(900)
def test_its_run_lines_make_a_prefix_that_runs_a_pod(tmp_path: Path) -> None:
    environ = {n: v for n, v in os.environ.items() if n not in ("VIRTUAL_ENV", "PYTHONPATH")}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    for stage in stages():
        where = tmp_path
        for word, rest in stage.lines:
            if word == "WORKDIR":
                where = tmp_path / rest.strip("/")
                where.mkdir(exist_ok=True)
            elif word == "COPY" and not rest.startswith("--from="):
                *names, target = rest.split()
                for name in names:
                    _copy(ROOT / name, where / target, whole=len(names) == 1 and (ROOT / name).is_dir())
            elif word == "RUN":
                command = re.sub(r"(?<![\w.])/(opt/|work\b)", lambda found: f"{tmp_path}/{found[1]}", rest)
                done = subprocess.run(
                    ["/bin/sh", "-ec", command],
                    cwd=where,
                    env={**environ, **stage.args},
                    capture_output=True,
                    text=True,
                )
                assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    prefix = tmp_path / "opt" / "noetl"
    shutil.rmtree(tmp_path / "src")
    _is_small(prefix)
    _runs(prefix, tmp_path / "work")


def _copy(source: Path, target: Path, *, whole: bool) -> None:
    if whole:
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _is_small(prefix: Path) -> None:
    size = sum(file.stat().st_size for file in prefix.rglob("*") if file.is_file() and not file.is_symlink())
    assert size < MEGABYTES * 1e6
    (packages,) = prefix.glob("lib/python*/site-packages")
    assert [name for name in UNWANTED if (packages / name).exists()] == []
    assert all((packages / name).exists() for name in ("noetl", "psycopg", "duckdb", "s3fs"))


def _runs(prefix: Path, folder: Path) -> None:
    """The entry point answers, with nothing but the prefix."""
    environ = {"PATH": f"{prefix / 'bin'}:/usr/bin:/bin", "HOME": "/nonexistent"}
    told = subprocess.run(["noetl", "--version"], cwd=folder, env=environ, capture_output=True, text=True, check=True)
    assert told.stdout == f"noetl {noetl.__version__}\n"
    entry = stages()[-1].entrypoint
    done = subprocess.run([*entry, "s-start"], cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "/etc/noetl/units.json" in done.stderr
