"""The configuration: where it is found, what it may say, what its patterns mean."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from noetl.cli.linting import paths, settings
from noetl.compiler import source
from noetl.errors import UsageError

FULL = """\
select = ["default", "NTL8"]
ignore = ["NTL130"]
exclude = ["generated/"]
strict = true
portable = true
target = "airflow"
baseline = "known.json"
[per-file-ignores]
"legacy/**/*.yaml" = ["names"]
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_is_read(tmp_path: Path) -> None:
    found = settings.load(str(write(tmp_path / "noetl.toml", FULL)))
    assert found == settings.Settings(
        root=str(tmp_path),
        origin=str(tmp_path / "noetl.toml"),
        select=("default", "NTL8"),
        ignore=("NTL130",),
        per_file_ignores=(("legacy/**/*.yaml", ("names",)),),
        exclude=("generated/",),
        strict=True,
        portable=True,
        target="airflow",
        baseline=str(tmp_path / "known.json"),
    )
    assert found.ignored_in(str(tmp_path / "legacy" / "a" / "b.yaml")) == ("names",)
    assert found.ignored_in(str(tmp_path / "b.yaml")) == ()
    assert found.excludes(str(tmp_path / "generated" / "a.yaml"))


def test_the_nearest_folder_counts_and_its_own_file_first(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.noetl]\nstrict = true\n")
    inner = write(tmp_path / "a" / "pyproject.toml", "[tool.other]\n").parent
    assert settings.nearest(str(inner / "deep")).root == str(tmp_path)
    write(inner / "noetl.toml", 'ignore = ["names"]')
    found = settings.nearest(str(inner / "deep"))
    assert (found.root, found.strict, found.ignore) == (str(inner), False, ("names",))
    assert settings.nearest(str(tmp_path)).strict


def test_without_one_the_current_folder_is_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.nearest(str(tmp_path)) == settings.Settings(os.getcwd())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "noetl.toml",
            "selct = []",
            '{path}: unknown key "selct"; keys: baseline, exclude, ignore, per-file-ignores, ',
        ),
        (
            "noetl.toml",
            "[tool.noetl]\nstrict = true",
            '{path}: unknown key "tool"; keys: baseline, exclude, ignore, per-file-ignores, portable, select, strict, '
            "target; pyproject.toml has a table [tool.noetl], here its keys stand alone",
        ),
        ("pyproject.toml", "[tool.noetl]\nx = 1", '{path}: unknown key "tool.noetl.x"; keys: '),
        ("pyproject.toml", "[tool]\nnoetl = 1", '{path}: "tool.noetl" must be a table'),
        ("pyproject.toml", "[tool.other]", "{path}: there is no [tool.noetl]"),
        ("noetl.toml", "select = 'NTL2'", '{path}: "select" must be a list of strings'),
        ("noetl.toml", "exclude = [1]", '{path}: "exclude" must be a list of strings'),
        ("noetl.toml", "strict = 1", '{path}: "strict" must be true or false'),
        ("noetl.toml", "target = true", '{path}: "target" must be a string'),
        ("noetl.toml", "per-file-ignores = []", '{path}: "per-file-ignores" must be a table of patterns with lists'),
        ("noetl.toml", "[per-file-ignores]\na = 'x'", '{path}: "per-file-ignores" must be a table of patterns with'),
        ("noetl.toml", "a =", "{path}: Invalid value"),
        ("noetl.toml", "\udcff", "{path}: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError) as refused:
        settings.load(str(path))
    assert str(refused.value).startswith(message.replace("{path}", str(path)))


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the configuration"):
        settings.load(str(tmp_path / "noetl.toml"))


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("legacy", "a/legacy/b.yaml", True),
        ("legacy/", "legacy/b.yaml", True),
        ("*.yml", "a/b.yml", True),
        ("*.yml", "a/b.yaml", False),
        ("a/b", "a/b/c/d.yaml", True),
        ("a/b", "x/a/b/c.yaml", False),
        ("./a/*.yaml", "a/b.yaml", True),
        ("a/*.yaml", "a/b/c.yaml", False),
        ("a/**/c.yaml", "a/c.yaml", True),
        ("a/**/c.yaml", "a/b/b/c.yaml", True),
        ("**/c.yaml", "c.yaml", True),
        ("a/**", "a/b/c.yaml", True),
        ("a?/c.yaml", "ab/c.yaml", True),
        ("a?/c.yaml", "a/c.yaml", False),
        ("a.yaml", "aXyaml", False),
        ("[a].yaml", "a.yaml", False),
    ],
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    assert settings.fits(pattern, path) is fits


def test_the_folder_of_several_paths(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a" / "b" / "x.yaml", ""), write(tmp_path / "a" / "c" / "y.yaml", "")
    assert settings.common_folder([str(one), str(other)]) == str(tmp_path / "a")
    assert settings.common_folder([str(one.parent)]) == str(one.parent)
    assert settings.common_folder([]) == os.getcwd()


def test_files_are_searched_as_far_as_playbooks_are_read() -> None:
    assert paths.MAX_BYTES == source.MAX_BYTES


def test_a_byte_order_mark_is_no_part_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "noetl.toml"
    path.write_bytes(b"\xef\xbb\xbfstrict = true\n")
    loaded = settings.load(str(path))
    assert loaded is not None
    assert loaded.strict
