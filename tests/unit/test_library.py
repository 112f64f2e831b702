"""Where sub-playbooks come from (TOO-4): by `metadata.path`, then by file, and never from outside the folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from noetl.runtime.library import FolderLibrary, PlaybookMissing, TextLibrary

TEXT = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x%s}\nworkflow: [{step: start}]\n"


def test_a_path_that_is_declared_wins_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(TEXT % ", path: two")
    (tmp_path / "two.yaml").write_text(TEXT % ", path: other")
    library = FolderLibrary([tmp_path])
    assert library.get("two").file == str(tmp_path / "one.yaml")
    assert library.get("two.yaml").file == str(tmp_path / "two.yaml")
    assert library.get("one").file == str(tmp_path / "one.yaml")


def test_the_first_folder_that_has_one_wins(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.yaml").write_text(TEXT % ", path: same")
    assert FolderLibrary([tmp_path / "b", tmp_path / "a"]).get("same").file == str(tmp_path / "b" / "x.yaml")


@pytest.mark.parametrize("path", ["../outside", "../outside.yaml", "sub/../../outside", "/etc/hostname"])
def test_no_path_leads_out_of_the_folders(tmp_path: Path, path: str) -> None:
    (tmp_path / "outside.yaml").write_text(TEXT % "")
    (tmp_path / "in" / "sub").mkdir(parents=True)
    with pytest.raises(PlaybookMissing, match="no playbook has the path"):
        FolderLibrary([tmp_path / "in"]).get(path)


def test_what_is_there_is_named_where_a_path_is_not() -> None:
    library = TextLibrary({"a.yaml": TEXT % ", path: lib/a"})
    with pytest.raises(PlaybookMissing, match=r'no playbook has the path "b"; playbooks: "a\.yaml", "lib/a"'):
        library.get("b")


def test_a_playbook_with_errors_cannot_be_run() -> None:
    with pytest.raises(PlaybookMissing, match=r'playbook "a" cannot be run: 1:1 NTL\d+'):
        TextLibrary({"a": "kind: Playbook\n"}).get("a")
