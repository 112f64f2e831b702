"""How many processes check, and the line that tells how far they are."""

from __future__ import annotations

import io
from itertools import count
from pathlib import Path

import pytest

from noetl.cli.linting import workers
from noetl.cli.linting.analysis import Question

TEXT = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow:\n  - step: start\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("size", "files", "wanted", "cores", "expected"),
    [
        (10, 3, None, 8, 1),
        (workers.SHARE, 100, None, 8, 2),
        (100 * workers.SHARE, 100, None, 8, 8),
        (100 * workers.SHARE, 3, None, 8, 3),
        (10, 5, 4, 1, 4),
        (10, 2, 4, 1, 2),
    ],
)
def test_processes_are_started_where_they_pay(
    monkeypatch: pytest.MonkeyPatch, size: int, files: int, wanted: int | None, cores: int, expected: int
) -> None:
    monkeypatch.setattr(workers, "_cores", lambda: cores)
    assert workers._processes(size, files, wanted) == expected


def test_progress_is_shown_on_a_terminal_once_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, clock = Terminal(), count(0.0, 0.4)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    assert list(workers.with_progress(iter("abcd"), 4)) == ["a", "b", "c", "d"]
    assert terminal.getvalue() == "\rchecked 3 of 4 files\rchecked 4 of 4 files\r\x1b[K"


def test_elsewhere_there_is_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, clock = io.StringIO(), count(0.0, 10.0)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    assert list(workers.with_progress(iter("ab"), 2)) == ["a", "b"]
    assert stream.getvalue() == ""


def test_files_come_in_the_order_given_whoever_checks_them(tmp_path: Path) -> None:
    paths = []
    for number in (3, 1, 2):
        path = tmp_path / f"{number}.yaml"
        path.write_text(f"# {number}\n{TEXT}", encoding="utf-8")
        paths.append(str(path))
    paths.insert(1, str(tmp_path / "missing.yaml"))
    for processes in (1, 2):
        found = list(workers.analyse_all(paths, Question(), None, processes))
        assert [one.path for _, one in found] == paths
        assert [one.text is None for _, one in found] == [False, True, False, False]
