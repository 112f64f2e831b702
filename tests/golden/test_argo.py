"""Emitted manifests and the stories of their compilation, byte for byte, of the playbooks of `test_airflow`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import noetl
from noetl.compiler.frontend import compile_source
from noetl.targets.argo import TARGET
from noetl.targets.base import Compiled, Source

SOURCES = Path(__file__).parent / "airflow"
FOLDER = Path(__file__).parent / "argo"
NAMES = ("choice", "copies", "regions")


def compiled(name: str) -> Compiled:
    found = compile_source((SOURCES / f"{name}.yaml").read_bytes(), f"somewhere/{name}.yaml")
    assert found.workflow is not None
    assert found.ok, found.diagnostics
    return TARGET.compile(Source(found.path, found.text, found.workflow))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", ["manifests", "explained"])
def test_what_is_emitted_is_what_is_kept(name: str, part: str) -> None:
    made = compiled(name)
    text = made.content if part == "manifests" else made.explain().text + "\n"
    kept = FOLDER / f"{name}.{part}.txt"
    shown = text.replace(noetl.__version__, "{version}")
    if os.environ.get("UPDATE_GOLDEN") == "1":
        kept.write_text(shown, "utf-8")
    assert shown == kept.read_text("utf-8")
