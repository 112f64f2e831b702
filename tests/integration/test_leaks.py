"""Asking again and again leaves nothing: no process, no file, no descriptor, no thread."""

from __future__ import annotations

import os
import tempfile
import threading
from functools import lru_cache
from pathlib import Path

import pytest

from noetl.conformance.adapters import airflow
from noetl.conformance.adapters.base import Adapter, adapter
from noetl.conformance.case import Case
from noetl.conformance.conform import CASES
from noetl.conformance.suite import chosen

SOME = "RUN-1-*"


@lru_cache(1)
def cases() -> tuple[Case, ...]:
    return tuple(case for _, case in chosen(CASES, SOME) if case.expect.refused is None)[:4]


def children() -> int:
    return sum(len(file.read_text().split()) for file in Path("/proc/self/task").glob("*/children"))


def held() -> tuple[int, int, int, int]:
    """Descriptors, threads, children, and entries of the temporary folder, once what has ended its work is gone."""
    for thread in threading.enumerate():
        if thread.daemon:
            thread.join(5)
    return (
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
        children(),
        len(os.listdir(tempfile.gettempdir())),
    )


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests use the temporary folder, too; the empty database of Airflow stays where it is."""
    cache = Path(tempfile.gettempdir()) / f"noetl-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    (tmp_path / cache.name).symlink_to(cache)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def ask(place: Adapter, times: int) -> None:
    for _ in range(times):
        assert len(list(place.observe(cases()))) == len(cases())


def test_the_runtime_leaves_nothing() -> None:
    with adapter("runtime") as place:
        ask(place, 2)
        before = held()
        ask(place, 10)
        assert held() == before


def test_airflow_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are replaced after a few cases here, so that one that stays behind is seen."""
    monkeypatch.setattr(airflow, "WORN", 3)
    start = held()
    with adapter("airflow") as place:
        ask(place, 1)
        before = held()
        ask(place, 2)
        assert held() == before
    assert held() == start
