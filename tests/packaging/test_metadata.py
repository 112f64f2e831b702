"""The project says one thing about itself, wherever it says it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import entry_points, metadata, version
from pathlib import Path

import noetl

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MINORS = ("3.11", "3.12", "3.13")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_version_is_read_in_one_place() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert version("noetl") == noetl.__version__
    assert f"## {noetl.__version__}" in read("CHANGELOG.md")


def test_python_versions_agree() -> None:
    project = PROJECT["project"]
    first, last = MINORS[0], MINORS[-1].partition(".")
    assert project["requires-python"] == f">={first},<{last[0]}.{int(last[2]) + 1}"
    named = {c.rpartition(" :: ")[2] for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)}
    assert named == set(MINORS)
    assert PROJECT["tool"]["mypy"]["python_version"] == first
    assert PROJECT["tool"]["ruff"]["target-version"] == "py" + first.replace(".", "")
    assert f"--python-version {first}" in read("Makefile")


def test_set_up_takes_the_same_python_versions() -> None:
    minors = [tuple(map(int, minor.split("."))) for minor in MINORS]
    assert f"{minors[0]} <= sys.version_info[:2] <= {minors[-1]}" in read("scripts/find_python.sh")
    refused = subprocess.run(
        [ROOT / "scripts" / "find_python.sh"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": "/bin/false"},
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert refused.stderr == "PYTHON=/bin/false is not a Python 3.11, 3.12 or 3.13\n"


def test_licence_is_the_one_named() -> None:
    assert metadata("noetl")["License-Expression"] == "Apache-2.0"
    assert "Apache License" in read("LICENSE")


def test_extra_all_holds_every_extra_for_use() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert extras["all"] == [f"noetl[{','.join(name for name in extras if name not in ('all', 'dev'))}]"]


def test_lock_pins_every_dependency_with_hashes_and_names_no_host() -> None:
    lock = read("requirements.lock")
    assert "://" not in lock
    pins = re.findall(r"^([a-z0-9-]+)==\S+.*\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[a-z0-9]", lock, re.MULTILINE))
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = "\n".join([*PROJECT["project"]["dependencies"], *(line for extra in extras for line in extra)])
    names = {name.lower().replace(".", "-") for name in re.findall(r"^[A-Za-z0-9._-]+", wanted, re.MULTILINE)}
    assert names - {"noetl"} <= set(pins)


def test_targets_are_found_by_entry_point() -> None:
    found = {point.name: point.load() for point in entry_points(group="noetl.targets")}
    assert sorted(found) == sorted(PROJECT["project"]["entry-points"]["noetl.targets"])
    assert all(target.name == name for name, target in found.items())
