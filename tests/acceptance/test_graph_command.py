"""`noetl graph`, as a user runs it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import pytest

from noetl.cli import FINDINGS, OK, USAGE, main

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "fan_out_join.yaml"


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.mmd", "---\ntitle:"),
        ("a.dot", "digraph "),
        ("a.gv", "digraph "),
        ("a.svg", "<svg xmlns="),
        ("a.HTML", "<!doctype html>"),
        ("a.txt", "---\ntitle:"),
    ],
)
def test_the_name_says_the_format(name: str, start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new" / name
    assert main(["graph", str(EXAMPLE), "-o", str(target)]) == OK
    assert capsys.readouterr().err == f"wrote {target}\n"
    assert target.read_text("utf-8").startswith(start)


def test_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["graph", str(EXAMPLE), "--format", "svg"]) == OK
    drawing = ET.fromstring(capfdbinary.readouterr().out)
    space = "{http://www.w3.org/2000/svg}"
    assert drawing.tag == f"{space}svg"
    names = [one.text for one in drawing.iter(f"{space}text") if one.get("class") == "name"]
    assert "start" in names
    steps = [one for one in drawing.iter(f"{space}g") if "step" in (one.get("class") or "").split()]
    assert all(one.get("tabindex") == "0" and one.get("aria-label") for one in steps)
    assert len(steps) == len(names)
    assert main(["graph", str(EXAMPLE)]) == OK
    assert b"\nflowchart TD\n" in capfdbinary.readouterr().out


def test_a_picture_needs_nothing_from_outside(tmp_path: Path) -> None:
    for name in ("a.svg", "a.html"):
        assert main(["graph", str(EXAMPLE), "-o", str(tmp_path / name)]) == OK
        text = (tmp_path / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        for sign in ("http:", "https:", "//", "@import", "src=", "url(h"):
            assert sign not in text.replace(EXAMPLE.read_text("utf-8"), ""), sign


def test_errors_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(EXAMPLE.read_text("utf-8").replace("/v2", "/v1"), encoding="utf-8")
    assert main(["graph", str(path)]) == FINDINGS
    assert "error[NTL110]" in capsys.readouterr().err
    assert main(["graph", str(tmp_path / "nowhere.yaml")]) == USAGE


def test_the_playbook_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(EXAMPLE.read_bytes())
    assert main(["graph", str(path), "-o", str(path)]) == USAGE
    assert "is the playbook itself" in capsys.readouterr().err
    assert path.read_bytes() == EXAMPLE.read_bytes()
