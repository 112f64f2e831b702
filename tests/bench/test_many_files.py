"""Lint of many files and lowering of long ones, in one process, imports excluded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from itertools import count
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from noetl.cli import main
from noetl.compiler.frontend import compile_source

from .measure import call_seconds, ratio
from .playbook_texts import chain


def write_playbooks(folder: Path, run: int) -> None:
    """100 playbooks that have no expression in common with each other, nor with those of another run."""
    for number in range(100):
        text = chain(8, number).replace("items", f"items_{run}_{number}").replace("token", f"token_{run}_{number}")
        text = text.replace("args.previous", f"args.previous + {run * 100 + number}").replace(
            "500, 502", f"5{run}, 502"
        )
        (folder / f"{number}.yaml").write_text(text, "utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Path]:
    """The current folder, with 100 playbooks."""
    write_playbooks(tmp_path, 0)
    monkeypatch.chdir(tmp_path)
    with capfd.disabled():
        yield tmp_path


def compose(folder: Path) -> None:
    """Read the files and make nodes of them, with the parser in C."""
    for path in folder.iterdir():
        if path.is_file():
            assert YAML(typ="safe").compose(path.read_text("utf-8")) is not None


def lint(*options: str) -> None:
    """The whole command over the current folder, with every check there is."""
    with open(os.devnull, "w", encoding="utf-8") as sink, redirect_stdout(sink), redirect_stderr(sink):
        assert main(["lint", "--select", "all", "--processes", "1", *options, "."]) == 0


def test_lint_of_100_files_beside_composing_the_same_text(folder: Path) -> None:
    runs = count(1)

    def seconds() -> float:
        write_playbooks(folder, next(runs))  # what one run remembers of expressions does not help the next
        return call_seconds(lambda: lint("--no-cache"))

    found = ratio("lint of 100 files", seconds, lambda: call_seconds(lambda: compose(folder)), 15, runs=5)
    assert found <= 15


def test_lint_of_100_files_that_the_cache_knows(folder: Path) -> None:
    found = ratio(
        "lint of 100 files, known to the cache",
        lambda: call_seconds(lint),
        lambda: call_seconds(lambda: compose(folder)),
        2,
        runs=5,
    )
    assert found <= 2


def test_lowering_with_all_passes_is_linear() -> None:
    short, long = chain(500), chain(5_000)

    def lowered(text: str) -> None:
        assert compile_source(text, "long.yaml").facts is not None

    found = ratio(
        "5,000 steps beside 500",
        lambda: call_seconds(lambda: lowered(long)),
        lambda: call_seconds(lambda: lowered(short)),
        12,
        runs=3,
    )
    assert found <= 12
