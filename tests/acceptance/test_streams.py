"""What the commands do when their streams are closed, full, or of another encoding."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

NOETL = str(Path(sys.executable).with_name("noetl"))
PLAYBOOK = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: greet, description: "grüßt, 你好"}
workflow:
  - step: start
    case:
      - when: true
        then:
          log: "{{ workload.text }}"
          result: {from: "workload.text"}
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test's log is in its own folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def playbook(tmp_path: Path) -> str:
    path = tmp_path / "greet.yaml"
    path.write_text(PLAYBOOK, encoding="utf-8")
    return str(path)


def shell(command: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run in a shell; an empty variable is taken out of the environment."""
    merged = {name: value for name, value in {**os.environ, "PYTHONUNBUFFERED": "", **env}.items() if value}
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=120, check=False, env=merged)


def command(*words: str) -> str:
    return shlex.join([NOETL, *words])


def test_progress_never_comes_to_the_output_where_errors_are_closed(playbook: str) -> None:
    done = shell(f"{command('run', playbook, '--set', 'text=hi')} 2>&-")
    assert (done.returncode, json.loads(done.stdout)) == (0, "hi")


@pytest.mark.parametrize("words", [("lint",), ("run",), ("compile", "--target", "airflow", "-o", "-")])
def test_a_closed_output_is_no_bug(playbook: str, words: tuple[str, ...]) -> None:
    done = shell(f"{command(*words, playbook)} >&-")
    assert (done.returncode, b"bug" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("words", [("run",), ("compile", "--target", "airflow", "-o", "-"), ("lint", "--format=json")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_output_is_said_and_is_no_bug(playbook: str, words: tuple[str, ...], unbuffered: str) -> None:
    done = shell(f"{command(*words, playbook)} >/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 2, done.stderr
    assert b"noetl: error: No space left on device\n" in done.stderr
    assert b"bug" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_is_no_bug(playbook: str, unbuffered: str) -> None:
    done = shell(
        f"{command('compile', '--target', 'airflow', '-o', '-', playbook)} | true", PYTHONUNBUFFERED=unbuffered
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_compiled_file_is_utf8_whatever_the_encoding_of_the_output(playbook: str) -> None:
    made = [
        shell(command("compile", playbook, "--target", "airflow", "-o", "-"), PYTHONIOENCODING=encoding).stdout
        for encoding in ("utf-8", "ascii", "latin-1")
    ]
    assert made == [made[0]] * 3
    assert "你好" in made[0].decode()


def test_progress_shows_no_control_characters_of_data(playbook: str) -> None:
    text = json.dumps("\x1b[31mred\x07\x9b2J\ttab\r\nnext")
    done = shell(command("run", playbook, "--set", f"text={text}"))
    assert json.loads(done.stdout) == json.loads(text)
    assert b"log       \\x1b[31mred\\x07\\x9b2J\ttab\n" in done.stderr
    assert b"\x1b" not in done.stderr


def test_an_execution_goes_on_where_nobody_reads_its_progress(playbook: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for errors in (writing, os.open("/dev/full", os.O_WRONLY)):
        done = subprocess.run(
            [NOETL, "run", playbook, "--set", "text=hi"],
            stdout=subprocess.PIPE,
            stderr=errors,
            timeout=120,
            check=False,
        )
        os.close(errors)
        assert (done.returncode, done.stdout) == (0, b'"hi"\n')
        assert shell(command("replay", "--json")).stdout.count(b'"status": "completed"') == 2


def test_the_exit_code_stays_where_errors_cannot_be_said() -> None:
    assert shell(f"{command('run', 'nowhere.yaml')} 2>/dev/full").returncode == 2


@pytest.mark.parametrize("words", [("events",), ("why", "start"), ("replay",), ("events", "--json", "--follow")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_reader_of_a_log_may_go_away(playbook: str, words: tuple[str, ...], unbuffered: str) -> None:
    assert shell(command("run", playbook, "-q", "--set", "text=hi")).returncode == 0
    reading, writing = os.pipe()
    os.close(reading)
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run([NOETL, *words], stdout=writing, stderr=subprocess.PIPE, timeout=120, check=False, env=env)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


INTERRUPTED = """\
import os, signal, time
os.kill(os.getpid(), signal.SIGINT)
time.sleep(60)
"""
FINDER = """\
import sys
from importlib.util import spec_from_file_location

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            return spec_from_file_location(name, {file!r})

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("module", ["typer", "noetl.diagnostics", "jinja2"])
def test_an_interrupt_before_a_command_has_begun_shows_no_traceback(playbook: str, tmp_path: Path, module: str) -> None:
    """One arrives while the module is read: by the command line itself, by the command, by the compiler."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "interrupted.py").write_text(INTERRUPTED, encoding="utf-8")
    finder = FINDER.format(module=module, file=str(own / "interrupted.py"))
    (own / "sitecustomize.py").write_text(finder, encoding="utf-8")
    done = shell(command("lint", playbook), PYTHONPATH=str(own))
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_payload_from_an_input_that_is_closed(playbook: str) -> None:
    done = shell(f"{command('run', playbook, '--payload', '-')} <&-")
    assert done.returncode == 2
    assert done.stderr == b'noetl: error: cannot read the payload "-": there is no standard input\n'


def test_a_record_that_cannot_be_written_is_named_and_not_left(tmp_path: Path) -> None:
    loop = "    loop: {in: '{{ range(200) | list }}', iterator: i}\n    tool: {kind: python, code: 'result = 1'}\n"
    (tmp_path / "many.yaml").write_text(f"{PLAYBOOK.partition('    case:')[0]}{loop}", encoding="utf-8")
    done = shell(f"ulimit -f 1; {command('run', 'many.yaml', '-q', '--no-log', '--record', 'record.json')}")
    assert done.returncode == 2
    assert done.stderr == b'noetl: error: cannot write "record.json": File too large\n'
    assert not list(tmp_path.glob("record*"))
