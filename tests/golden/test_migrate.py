"""Playbooks of v1 and what becomes of them: the v2 text, and the notes. `--update-golden` rewrites both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from noetl.cli import FINDINGS, OK, main
from noetl.compiler.frontend import compile_source
from noetl.compiler.migrate import migrate_source, notes
from noetl.diagnostics import Kind, Severity, render_text

FOLDER: Final = Path(__file__).parent / "migrate"
MANUAL: Final = Path(__file__).parents[2] / "docs" / "migrating.md"
CASES: Final = sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.stem.endswith(".v2"))
EXPECTED: Final = {"guide": {"NTL204"}, "everything": set(), "scripts": {"NTL404"}, "leftovers": set()}
"""What lint says of each result: of the guide's example that its start leads to a step that is not there."""


def text(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_the_result_and_the_notes(name: str, update_golden: bool) -> None:
    done = migrate_source(text(name), f"{name}.yaml")
    assert done.text is not None
    notes = render_text(done.diagnostics, {f"{name}.yaml": done.before}) + "\n"
    kept, told = FOLDER / f"{name}.v2.yaml", FOLDER / f"{name}.notes.txt"
    if update_golden:
        kept.write_text(done.text, encoding="utf-8")
        told.write_text(notes, encoding="utf-8")
    assert done.text == kept.read_text(encoding="utf-8")
    assert notes == told.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_the_result_lints_without_errors(name: str) -> None:
    compiled = compile_source(text(f"{name}.v2"), f"{name}.yaml")
    assert compiled.ok, render_text(compiled.diagnostics, {f"{name}.yaml": compiled.text})
    assert {found.code for found in compiled.diagnostics} <= EXPECTED[name]


@pytest.mark.parametrize("name", CASES)
def test_the_result_is_v2_and_stays(name: str) -> None:
    done = migrate_source(text(f"{name}.v2"), f"{name}.yaml")
    assert (done.text, done.diagnostics) == (text(f"{name}.v2"), ())


@pytest.mark.parametrize("name", CASES)
def test_line_breaks_stay(name: str) -> None:
    done = migrate_source(text(name).replace("\n", "\r\n"), f"{name}.yaml")
    assert done.text == text(f"{name}.v2").replace("\n", "\r\n")


def test_v2_stays_byte_for_byte() -> None:
    odd = b"\xef\xbb\xbfkind: Playbook\r\napiVersion:   noetl.io/v2\r\nmetadata: {name: a}\nworkflow: [{step: start}]  "
    done = migrate_source(odd, "p.yaml")
    assert done.text is not None
    assert (done.text.encode(), done.diagnostics) == (odd, ())


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (b"a: [", "NTL001"),
        (b"\xff\xfea", "NTL005"),
        (b"- a", "NTL103"),
        (b"apiVersion: noetl.io/v1\nworkflow:\n  - step: start\n    tool: shell\n", "NTL120"),
    ],
)
def test_what_is_no_playbook_is_refused(refused: bytes, code: str) -> None:
    done = migrate_source(refused, "p.yaml")
    assert done.text is None
    assert [found.code for found in done.diagnostics] == [code]
    assert done.diagnostics[0].severity is Severity.ERROR


@pytest.mark.parametrize("name", ["guide", "everything"])
def test_the_command(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text(text(name), encoding="utf-8")
    assert main(["lint", str(path)]) == FINDINGS
    assert 'run "noetl migrate" on it' in capsys.readouterr().out
    assert main(["migrate", "--check", str(path)]) == FINDINGS
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_text(encoding="utf-8") == text(name)
    assert main(["migrate", str(path), "-o", str(tmp_path / "new") + "/"]) == OK
    made = tmp_path / "new" / path.name
    assert made.read_text(encoding="utf-8") == text(f"{name}.v2")
    assert path.read_text(encoding="utf-8") == text(name)
    assert main(["lint", str(made)]) == OK
    assert main(["migrate", str(path)]) == OK
    assert path.read_bytes() == made.read_bytes()
    assert main(["migrate", "--check", str(path)]) == OK
    assert main(["fmt", "--check", str(path)]) == OK


def test_the_manual_has_every_note() -> None:
    kinds = [value for value in vars(notes).values() if isinstance(value, Kind)]
    listed = re.findall(r"^\| (NTL\d+) \| ([a-z-]+) \|", MANUAL.read_text("utf-8"), re.MULTILINE)
    assert listed == sorted((kind.code, kind.name) for kind in kinds)


def test_the_example_of_the_manual() -> None:
    before, after = re.findall(r"^```yaml\n(.*?)^```$", MANUAL.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    done = migrate_source(before, "p.yaml")
    assert done.text == after
    assert compile_source(after, "p.yaml").diagnostics == ()
