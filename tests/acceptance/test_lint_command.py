"""`noetl lint` and the command around it as a user meets them: streams, exit codes, help."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

import noetl
from noetl import cli
from noetl.compiler import frontend

NOETL = str(Path(sys.executable).with_name("noetl"))
HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: case}\n"
CLEAN = HEAD + "workflow:\n  - step: start\n"
WARNING = HEAD + "workflow:\n  - step: start\n  - step: alone\n"
ERROR = HEAD + "workflow:\n  - step: start\n    next: nowhere\n"


def run(
    *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [NOETL, *arguments],
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Playbooks and other files, in folders."""
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "b.yaml").write_text(WARNING, encoding="utf-8")
    (tmp_path / "a.yml").write_text(CLEAN, encoding="utf-8")
    (tmp_path / "inner" / "c.yaml").write_text(ERROR, encoding="utf-8")
    (tmp_path / "flow.yaml").write_text('{"apiVersion": "noetl.io/v2",\n "kind": "Playbook"}', encoding="utf-8")
    (tmp_path / ".hidden" / "d.yaml").write_text(ERROR, encoding="utf-8")
    (tmp_path / "other.yaml").write_text("kind: Deployment\nname: kind of Playbook\n", encoding="utf-8")
    (tmp_path / "text.txt").write_text(ERROR, encoding="utf-8")
    return tmp_path


def test_findings_on_stdout_and_a_summary_on_stderr(folder: Path) -> None:
    done = run("lint", str(folder / "inner" / "c.yaml"))
    assert done.returncode == 1
    place = f"{folder}/inner/c.yaml:6:11"
    assert done.stdout.decode() == (
        f'{place}: error[NTL203] step "start" routes to unknown step "nowhere"; steps: start\n'
        "  |\n6 |     next: nowhere\n  |           ^~~~~~~\n"
    )
    assert done.stderr.decode() == "1 file: 1 error, 0 warnings, 0 notes\n"


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [(CLEAN, [], 0), (WARNING, [], 0), (WARNING, ["--strict"], 1), (ERROR, [], 1), (CLEAN, ["--strict"], 0)],
)
def test_exit_codes(text: str, options: list[str], code: int) -> None:
    assert run("lint", "-", *options, stdin=text.encode()).returncode == code


def test_notes_never_fail() -> None:
    done = run("lint", "--strict", "-", stdin=(HEAD + "workflow:\n  - step: start\n    next: end\n").encode())
    assert done.returncode == 0
    assert b"note[NTL131]" in done.stdout
    assert done.stderr == b"1 file: 0 errors, 0 warnings, 1 note (1 fixable)\n"


def test_folders_are_searched_for_playbooks_in_order(folder: Path) -> None:
    done = run("lint", ".", "./b.yaml", "--format", "json", cwd=folder)
    paths = list(dict.fromkeys(d["path"] for d in json.loads(done.stdout)["diagnostics"]))
    assert paths == ["./b.yaml", "./flow.yaml", "./inner/c.yaml"]
    assert done.stderr.startswith(b"4 files: ")


def test_json_is_one_document_also_without_findings() -> None:
    done = run("lint", "--format", "json", "-", stdin=CLEAN.encode())
    assert (done.returncode, json.loads(done.stdout)) == (0, {"diagnostics": []})
    found = json.loads(run("lint", "--format", "json", "-", stdin=ERROR.encode()).stdout)["diagnostics"]
    assert found == [
        {
            "path": "<stdin>",
            "code": "NTL203",
            "name": "unknown-step",
            "severity": "error",
            "message": 'step "start" routes to unknown step "nowhere"; steps: start',
            "line": 6,
            "column": 11,
            "end_line": 6,
            "end_column": 18,
        }
    ]


def test_what_cannot_be_read_is_a_usage_error_and_the_rest_is_checked(folder: Path) -> None:
    done = run("lint", str(folder / "nothing.yaml"), str(folder / "inner"), "--format", "json")
    assert done.returncode == 2
    codes = [(d["code"], Path(d["path"]).name) for d in json.loads(done.stdout)["diagnostics"]]
    assert codes == [("NTL203", "c.yaml"), ("NTL010", "nothing.yaml")]


def test_a_folder_without_playbooks_is_a_usage_error(tmp_path: Path) -> None:
    done = run("lint", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f'noetl: error: folder "{tmp_path}" holds no playbook\n0 files: 0 errors, 0 warnings, 0 notes\n'
    )


@pytest.mark.parametrize("arguments", [["lint"], ["lint", "--format", "xml", "-"], ["lint", "--nope"], ["nope"]])
def test_wrong_usage(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"Usage: noetl" in done.stderr


def test_version_and_help() -> None:
    assert run("--version").stdout.decode() == f"noetl {noetl.__version__}\n"
    helped = run("--help")
    assert helped.returncode == 0
    for name in cli.COMMANDS:
        assert f"\n  {name} " in helped.stdout.decode()
        assert b"Examples:" in run(name, "--help").stdout
    module = subprocess.run([sys.executable, "-m", "noetl", "--version"], capture_output=True, timeout=120, check=False)
    assert module.stdout == f"noetl {noetl.__version__}\n".encode()


def test_completion_knows_commands_and_options() -> None:
    env = {"_NOETL_COMPLETE": "complete_bash", "COMP_WORDS": "noetl li", "COMP_CWORD": "1"}
    assert run(env=env).stdout.split() == [b"lint"]
    env = {"_NOETL_COMPLETE": "complete_bash", "COMP_WORDS": "noetl lint --str", "COMP_CWORD": "2"}
    assert run(env=env).stdout.split() == [b"--strict"]


def test_text_that_the_terminal_cannot_show_is_escaped() -> None:
    text = HEAD + "workflow:\n  - step: start\n    next: été\n"
    done = run("lint", "-", stdin=text.encode(), env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert rb"\xe9t\xe9" in done.stdout


def shown_on_terminal(env: dict[str, str]) -> str:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [NOETL, "lint", "-"], stdin=subprocess.PIPE, stdout=follower, stderr=subprocess.DEVNULL, env=os.environ | env
    )
    os.close(follower)
    assert process.stdin is not None
    process.stdin.write(ERROR.encode())
    process.stdin.close()
    process.wait(timeout=120)
    shown = b""
    while select.select([leader], [], [], 1)[0]:
        try:
            part = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        shown += part
        if not part:
            break
    os.close(leader)
    return shown.decode()


def test_colour_on_a_terminal_only() -> None:
    assert "\x1b[31m" in shown_on_terminal({"NO_COLOR": "", "TERM": "xterm"})
    assert "\x1b[" not in shown_on_terminal({"NO_COLOR": "1", "TERM": "xterm"})
    assert b"\x1b[" not in run("lint", "-", stdin=ERROR.encode()).stdout


def test_an_unexpected_exception_is_told_to_be_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(data: bytes, path: str, **options: bool) -> frontend.Compilation:
        raise ZeroDivisionError(f"{len(data)} bytes")

    (tmp_path / "x.yaml").write_text("a", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(frontend, "compile_source", broken)
    monkeypatch.delenv(cli.TRACEBACK, raising=False)
    assert cli.main(["lint", "x.yaml"]) == 3
    shown = capsys.readouterr().err
    assert shown.startswith("noetl: error: internal error: ZeroDivisionError: 1 bytes (while checking x.yaml)\n")
    assert "bug in noetl" in shown
    assert f"{cli.TRACEBACK}=1" in shown
    assert "Traceback" not in shown
    monkeypatch.setenv(cli.TRACEBACK, "1")
    assert cli.main(["lint", "x.yaml"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{NOETL} lint --format json - | head -c 10"
    done = subprocess.run(["bash", "-c", command], input=ERROR.encode(), capture_output=True, timeout=120, check=False)
    assert done.stdout == b'{\n  "diagn'
    assert b"Traceback" not in done.stderr
