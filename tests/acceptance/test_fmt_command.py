"""`noetl fmt`, as a user runs it."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from noetl.cli import FINDINGS, OK, USAGE, main
from noetl.cli.linting.paths import gather

UGLY = """\
kind:   Playbook
apiVersion: noetl.io/v2
metadata: {name: a}   # the name
workflow:
- step: start
  tool: {kind: http, endpoint: 'http://a.invalid'}
"""
FORMATTED = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: a}  # the name
workflow:
  - step: start
    tool: {kind: http, url: 'http://a.invalid'}
"""


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    path = tmp_path / "playbook.yaml"
    path.write_text(UGLY, encoding="utf-8")
    return path


def test_a_file_is_rewritten_once(playbook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", str(playbook)]) == OK
    assert playbook.read_text("utf-8") == FORMATTED
    assert capsys.readouterr().err == f"formatted {playbook}\n1 file read, 1 formatted\n"
    assert main(["fmt", str(playbook)]) == OK
    assert capsys.readouterr().err == "1 file read, 0 formatted\n"


def test_check_writes_nothing(playbook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", str(playbook.parent)]) == FINDINGS
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (f"{playbook}\n", "1 file read, 1 to format\n")
    assert playbook.read_text("utf-8") == UGLY
    playbook.write_text(FORMATTED, encoding="utf-8")
    assert main(["fmt", "--check", str(playbook.parent)]) == OK


def test_diff_shows_what_would_change(playbook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--diff", str(playbook)]) == FINDINGS
    shown = capsys.readouterr().out
    assert shown.startswith(f"--- {playbook}\n+++ {playbook}\n@@ ")
    assert "+    tool: {kind: http, url: 'http://a.invalid'}\n" in shown
    assert playbook.read_text("utf-8") == UGLY


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(UGLY.encode())))
    assert main(["fmt", "-"]) == OK
    assert capfdbinary.readouterr().out == FORMATTED.encode()


def test_what_has_errors_is_left(playbook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = playbook.with_name("broken.yaml")
    other.write_text("kind: Playbook\na: [\n", encoding="utf-8")
    assert main(["fmt", str(other), str(playbook)]) == FINDINGS
    shown = capsys.readouterr().err
    assert f'{other}:2:4: error[NTL001] "[" is never closed' in shown
    assert shown.endswith("2 files read, 1 formatted, 1 refused\n")
    assert other.read_text("utf-8") == "kind: Playbook\na: [\n"
    assert playbook.read_text("utf-8") == FORMATTED


def test_what_cannot_be_written_stops_no_other(playbook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = playbook.with_name("kept.yaml")
    kept.write_text(UGLY, encoding="utf-8")
    kept.chmod(0o444)
    assert main(["fmt", str(kept), str(playbook)]) == USAGE
    assert f'noetl: error: cannot write "{kept}": it is read-only\n' in capsys.readouterr().err
    assert kept.read_text("utf-8") == UGLY
    assert playbook.read_text("utf-8") == FORMATTED


def test_a_file_keeps_its_owner_and_mode(playbook: Path) -> None:
    with suppress(PermissionError):  # only the superuser may give a file away
        os.chown(playbook, 12345, 12345)
    playbook.chmod(0o640)
    before = playbook.stat()
    assert main(["fmt", str(playbook)]) == OK
    after = playbook.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_a_file_that_is_named_twice_is_one(playbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(playbook.parent)
    files, troubles = gather(["playbook.yaml", "./playbook.yaml", str(playbook), "."])
    assert (files, troubles) == (["playbook.yaml"], [])


def test_a_playbook_of_v1_is_sent_to_migrate(playbook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    playbook.write_text(UGLY.replace("/v2", "/v1"), encoding="utf-8")
    assert main(["fmt", str(playbook)]) == FINDINGS
    assert 'hint: run "noetl migrate" on it' in capsys.readouterr().err


def test_usage(playbook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", "--diff", str(playbook)]) == USAGE
    assert main(["fmt", str(playbook.with_name("nowhere.yaml"))]) == USAGE
    assert "NTL010" in capsys.readouterr().err
