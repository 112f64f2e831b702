"""Emitted DAG files and the stories of their compilation, byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import noetl
from noetl.compiler.frontend import compile_source
from noetl.targets.airflow import TARGET
from noetl.targets.base import Compiled, Options, Source
from noetl.targets.profile import parse

FOLDER = Path(__file__).parent / "airflow"
NAMES = [path.stem for path in sorted(FOLDER.glob("*.yaml"))]


def compiled(name: str) -> Compiled:
    found = compile_source((FOLDER / f"{name}.yaml").read_bytes(), f"somewhere/{name}.yaml")
    assert found.workflow is not None
    assert found.ok, found.diagnostics
    asked = FOLDER / f"{name}.profile.txt"
    options = Options()
    if asked.exists():
        options = Options(maps=("*",), profile=parse(asked.read_text("utf-8"), "profile.yaml").profile)
    return TARGET.compile(Source(found.path, found.text, found.workflow), options)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", ["py", "explained"])
def test_what_is_emitted_is_what_is_kept(name: str, part: str) -> None:
    made = compiled(name)
    text = made.content if part == "py" else made.explain().text + "\n"
    kept = FOLDER / f"{name}.{part}.txt"
    shown = text.replace(noetl.__version__, "{version}")
    if os.environ.get("UPDATE_GOLDEN") == "1":
        kept.write_text(shown, "utf-8")
    assert shown == kept.read_text("utf-8")


def test_there_are_some() -> None:
    assert NAMES == ["choice", "copies", "mapped", "regions"]
