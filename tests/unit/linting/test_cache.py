"""What is kept of an analysis is what was found, or nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from noetl.cli.linting import cache
from noetl.cli.linting.analysis import Question, analyse
from noetl.cli.linting.cache import Cache

QUESTION = Question()
TEXT = b"""apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: "x \xc3\xa9"}
workflow:
  - step: start
    tool: {kind: http, endpoint: "http://x"}
    next: [nowhere, end]
  - step: twice
  - step: twice
"""


@pytest.fixture
def kept(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path), QUESTION)


def entries(folder: Path) -> list[Path]:
    return sorted((folder / cache.FOLDER).glob("*.json"))


@pytest.mark.parametrize("data", [TEXT, b"\xef\xbb\xbf" + TEXT.replace(b"\n", b"\r\n"), b"", b"a: [", TEXT + b"---\n"])
def test_what_was_found_comes_back_under_any_name(kept: Cache, data: bytes) -> None:
    found = analyse(data, "a.yaml", QUESTION)
    assert kept.get(data, "a.yaml") is None
    kept.put(data, found)
    assert kept.get(data, "a.yaml") == found
    again = kept.get(data, "b.yaml")
    assert again is not None
    assert {one.path for one in again.diagnostics} <= {"b.yaml"}
    fixes = [one.fix for one in found.diagnostics]
    assert [one.fix for one in again.diagnostics] == fixes
    assert [one.kind for one in again.diagnostics] == [one.kind for one in found.diagnostics]


def test_text_that_is_not_utf_8_is_not_kept(kept: Cache, tmp_path: Path) -> None:
    data = TEXT + b"\xff"
    kept.put(data, analyse(data, "a.yaml", QUESTION))
    assert kept.get(data, "a.yaml") is None


def test_another_question_has_other_answers(kept: Cache, tmp_path: Path) -> None:
    kept.put(TEXT, analyse(TEXT, "a.yaml", QUESTION))
    assert Cache(str(tmp_path), QUESTION).get(TEXT, "a.yaml") is not None
    for question in (Question(target="airflow"), Question(everything=True)):
        assert Cache(str(tmp_path), question).get(TEXT, "a.yaml") is None


def test_another_noetl_has_other_answers(kept: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.put(TEXT, analyse(TEXT, "a.yaml", QUESTION))
    monkeypatch.setattr(cache, "fingerprint", lambda target: "another")
    assert Cache(str(tmp_path), QUESTION).get(TEXT, "a.yaml") is None


@pytest.mark.parametrize("keep", [0, 1, 63, 65, 100, -1])
def test_a_damaged_entry_is_not_there(kept: Cache, tmp_path: Path, keep: int) -> None:
    found = analyse(TEXT, "a.yaml", QUESTION)
    kept.put(TEXT, found)
    (entry,) = entries(tmp_path)
    entry.write_bytes(entry.read_bytes()[:keep])
    assert kept.get(TEXT, "a.yaml") is None
    entry.write_bytes(b"\xff\n{}")
    assert kept.get(TEXT, "a.yaml") is None
    kept.put(TEXT, found)
    assert kept.get(TEXT, "a.yaml") == found


def test_the_folder_is_kept_out_of_git_and_holds_no_left_overs(kept: Cache, tmp_path: Path) -> None:
    kept.put(TEXT, analyse(TEXT, "a.yaml", QUESTION))
    names = sorted(os.listdir(tmp_path / cache.FOLDER))
    assert names[0] == ".gitignore"
    assert [Path(name).suffix for name in names[1:]] == [".json"]


def test_a_folder_that_cannot_be_written_to_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / cache.FOLDER).write_text("a file", encoding="utf-8")
    kept = Cache(str(tmp_path), QUESTION)
    kept.put(TEXT, analyse(TEXT, "a.yaml", QUESTION))
    assert kept.get(TEXT, "a.yaml") is None


def test_the_older_half_of_too_many_entries_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 4)
    folder = tmp_path / cache.FOLDER
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.json").write_text(json.dumps(number), encoding="utf-8")
        os.utime(folder / f"{number}.json", (number, number))
    Cache(str(tmp_path), QUESTION).put(TEXT, analyse(TEXT, "a.yaml", QUESTION))
    names = {path.name for path in entries(tmp_path)}
    assert {f"{number}.json" for number in range(6)} & names == {"3.json", "4.json", "5.json"}
    assert len(names) == 4
