"""`noetl compile` over folders: what is written where, what is current, what goes, what is never touched."""

from __future__ import annotations

import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from noetl.cli import main
from noetl.cli.compiling.seal import author
from noetl.cli.compiling.session import Pass, Session

NOETL = str(Path(sys.executable).with_name("noetl"))
ROOT = Path(__file__).parents[2]
TEXT = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x, path: %s}\nworkflow: [{step: start, next: [%s]}]\n"
CYCLE = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: c, path: c}
workflow:
  - step: start
    tool: {kind: python, code: "result = 1"}
    case:
      - {when: "{{ event.name == 'step.exit' and result < 1 }}", then: {next: [start]}}
    next: [end]
  - step: end
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with playbooks in two levels and a file that is none."""
    monkeypatch.chdir(tmp_path)
    put("flows/a.yaml", TEXT % ("a", "end"))
    put("flows/etl/b.yml", TEXT % ("etl/b", "end"))
    put("flows/etl/notes.yaml", "some: notes\n")
    return tmp_path


def put(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, "utf-8")


def files(folder: str = "dags") -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def compile_(*args: str) -> int:
    return main(["compile", *args, "--target", "airflow"])


def test_folders_keep_their_structure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("flows/", "-o", "dags") == 0
    assert files() == ["a.py", "etl/etl.b.py"]
    assert capsys.readouterr().err == "wrote dags/a.py\nwrote dags/etl/etl.b.py\n2 playbooks: 2 written\n"


def test_what_is_current_is_not_touched(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("flows", "-o", "dags") == 0
    os.utime("dags/a.py", (1, 1))
    put("flows/etl/b.yml", TEXT % ("etl/b", "end, end"))
    capsys.readouterr()
    assert compile_("flows", "-o", "dags") == 0
    assert capsys.readouterr().err == "wrote dags/etl/etl.b.py\n2 playbooks: 1 written, 1 current\n"
    assert Path("dags/a.py").stat().st_mtime == 1
    assert compile_("flows/a.yaml", "-o", "dags/") == 0
    assert capsys.readouterr().err == "dags/a.py is current\n"


def test_check_says_what_is_not_as_it_should_be(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("flows/gone.yaml", TEXT % ("gone", "end"))
    put("flows/edited.yaml", TEXT % ("edited", "end"))
    assert compile_("flows", "-o", "dags") == 0
    assert compile_("flows", "-o", "dags", "--check") == 0
    capsys.readouterr()
    put("flows/a.yaml", TEXT % ("a", "end, end"))
    put("flows/new.yaml", TEXT % ("new", "end"))
    put("dags/mine.py", "import this\n")
    Path("flows/gone.yaml").unlink()
    Path("flows/edited.yaml").unlink()
    Path("dags/edited.py").write_text("# mine\n" + Path("dags/edited.py").read_text("utf-8"), "utf-8")
    before = {name: Path("dags", name).read_bytes() for name in files()}
    assert compile_("flows", "-o", "dags", "--check") == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "stale dags/a.py",
        "missing dags/new.py",
        "made by no playbook, and edited dags/edited.py",
        "made by no playbook dags/gone.py",
    ]
    assert "3 playbooks: 1 current, 1 stale, 1 missing" in shown.err
    assert {name: Path("dags", name).read_bytes() for name in files()} == before


def test_check_of_one_file_asks_nothing_of_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("flows", "-o", "dags") == 0
    assert compile_("flows/a.yaml", "-o", "dags/", "--check") == 0
    assert compile_("flows/a.yaml", "--check") == 1
    assert capsys.readouterr().out == "missing a.py\n"


def test_prune_removes_what_noetl_wrote_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("flows/edited.yaml", TEXT % ("edited", "end"))
    assert compile_("flows", "-o", "dags") == 0
    put("dags/mine.py", "# noetl compile wrote what is above: sha256 " + "0" * 64)
    put("dags/sub/theirs.py", "x = 1\n")
    put("dags/.hidden/kept.py", Path("dags/a.py").read_text("utf-8"))
    Path("dags/edited.py").write_text("# mine\n" + Path("dags/edited.py").read_text("utf-8"), "utf-8")
    Path("flows/edited.yaml").unlink()
    put("flows/a.yaml", TEXT % ("renamed", "end"))
    capsys.readouterr()
    assert compile_("flows", "-o", "dags", "--prune") == 0
    assert files() == [".hidden/kept.py", "edited.py", "etl/etl.b.py", "mine.py", "renamed.py", "sub/theirs.py"]
    assert capsys.readouterr().err.splitlines() == [
        "wrote dags/renamed.py",
        "removed dags/a.py, which no playbook makes",
        "left dags/edited.py, which no playbook makes and somebody has edited",
        "2 playbooks: 1 written, 1 current, 1 removed, 1 edited and left",
    ]


def test_nothing_is_removed_while_a_playbook_is_refused(folder: Path) -> None:
    assert compile_("flows", "-o", "dags") == 0
    put("flows/a.yaml", TEXT % ("a", "nowhere"))
    Path("flows/etl/b.yml").unlink()
    assert compile_("flows", "-o", "dags", "--prune") == 1
    assert files() == ["a.py", "etl/etl.b.py"]


def test_a_file_that_noetl_did_not_write_is_not_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("dags/etl/etl.b.py", "mine = 1\n")
    assert compile_("flows", "-o", "dags") == 2
    assert files() == ["etl/etl.b.py"]
    assert 'error: "dags/etl/etl.b.py" is there, and noetl did not write it; nothing is written' in (
        capsys.readouterr().err
    )


def test_a_file_knows_who_wrote_it(folder: Path) -> None:
    assert compile_("flows/a.yaml", "-o", "dags/") == 0
    path = Path("dags/a.py")
    assert author(path) == "noetl"
    text = path.read_text("utf-8")
    path.write_text(text.replace("retries", "retrys"), "utf-8")
    assert author(path) == "edited"
    path.write_text(text + "x = 1\n", "utf-8")
    assert author(path) == "other"
    path.write_text("", "utf-8")
    assert author(path) == "other"


def test_strict_native_refuses_each_fallback_at_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("flows/c.yaml", CYCLE)
    assert compile_("flows/c.yaml", "-o", "dags/") == 0
    assert compile_("flows/c.yaml", "-o", "strict/", "--strict-native") == 1
    assert not Path("strict").exists()
    assert (
        'flows/c.yaml:5:11: error[NTL509] step "start" is not native on target "airflow" [cycle]: it leads back to '
        "itself (in a task that may run it several times)\n"
    ) in capsys.readouterr().err
    assert compile_("flows/a.yaml", "-o", "strict/", "--strict-native") == 0


def test_a_version_that_there_is_none_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_("flows/a.yaml", "--target-version", "2.9") == 2
    assert 'target "airflow" has no version "2.9"; versions: ' in capsys.readouterr().err
    assert compile_("flows/a.yaml", "--target-version", "3.3", "-o", "dags/") == 0


def test_all_of_it_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put("flows/c.yaml", CYCLE)
    put("flows/broken.yaml", TEXT % ("x", "nowhere"))
    assert compile_("flows", "-o", "dags", "--explain", "--requirements", "--format", "json") == 1
    shown = capsys.readouterr()
    assert shown.err == ""
    told = json.loads(shown.out)
    assert [(one["playbook"], one["state"]) for one in told["playbooks"]] == [
        ("flows/a.yaml", "held"),
        ("flows/c.yaml", "held"),
        ("flows/etl/b.yml", "held"),
        ("flows/broken.yaml", "refused"),
    ]
    assert [found["code"] for found in told["diagnostics"]] == ["NTL203"]
    made = told["playbooks"][1]
    assert (made["identity"], made["file"]) == ("c", "dags/c.py")
    assert made["explanation"]["steps"][0] == {
        "step": "start",
        "lines": [5, 9],
        "unit": "region",
        "native": False,
        "tasks": ["start"],
        "with": [],
        "reason": "cycle",
        "why": "it leads back to itself",
        "remedy": "page with `call` or `retry` inside one step, or loop over a list",
    }
    assert {"what": "copies of a step", "used": 1, "limit": 16} in made["explanation"]["budgets"]
    assert made["requirements"]["kinds"] == ["python"]
    assert compile_("flows", "-o", "dags", "--check", "--format", "json") == 1
    assert [one["state"] for one in json.loads(capsys.readouterr().out)["playbooks"]] == [*["missing"] * 3, "refused"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["flows/a.yaml", "--prune"], "--prune needs a folder"),
        (["flows", "-o", "-", "--check"], "-o - has none"),
        (["flows", "--check", "--prune"], "--check writes nothing"),
        (["-", "--watch"], "--watch needs files"),
        (["flows", "-o", "flows/a.yaml"], "is no folder"),
        (["flows", "-o", "-"], '2 playbooks do not fit into "-"'),
        (["empty"], 'folder "empty" holds no playbook'),
        (["flows", "-o", "dags", "--map", "nothing"], '--map names "nothing", which is no step that can be mapped'),
        (["flows", "-o", "dags", "--map", "*"], '--map names "*", which is no step that can be mapped'),
    ],
)
def test_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str], args: list[str], message: str) -> None:
    Path("empty").mkdir()
    assert compile_(*args) == 2
    assert message in capsys.readouterr().err


def test_a_target_without_tasks_for_iterations_takes_no_map(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "flows/a.yaml", "--target", "argo", "--map", "x"]) == 2
    assert 'target "argo" does not take --map' in capsys.readouterr().err


def test_watch_compiles_what_changes_until_ctrl_c(folder: Path) -> None:
    put("ops.yaml", "profile: 1\nowner: me\n")
    command = [NOETL, "compile", "flows", "-t", "airflow", "-o", "dags", "--prune", "--watch", "--profile", "ops.yaml"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None

        def until(end: str) -> list[str]:
            assert started.stderr is not None
            lines: list[str] = []
            while not lines or end not in lines[-1]:
                line = started.stderr.readline()
                assert line, lines
                lines.append(line.rstrip("\n"))
            return lines

        try:
            assert until("Ctrl-C ends it")[-1] == "watching 2 playbooks; Ctrl-C ends it"
            put("flows/a.yaml", TEXT % ("a", "end, end"))
            assert until("playbooks:") == ["wrote dags/a.py", "2 playbooks: 1 written, 1 current"]
            put("flows/a.yaml", TEXT % ("a", "nowhere"))
            told = until("playbooks:")
            assert told[0].startswith("flows/a.yaml:4:33: error[NTL203]")
            assert told[-1] == "2 playbooks: 1 current, 1 refused"
            put("flows/a.yaml", TEXT % ("a", "end"))
            assert until("playbooks:")[0] == "wrote dags/a.py"
            put("ops.yaml", "profile: 1\nowner: you\n")
            both = ["wrote dags/a.py", "wrote dags/etl/etl.b.py"]
            assert until("playbooks:") == [*both, "2 playbooks: 2 written"]
            put("ops.yaml", "profile: 1\nowned: you\n")
            told = until("playbooks:")
            assert told[0].startswith("ops.yaml:2:1: error[")
            assert told[-1] == "2 playbooks: 2 current"
            Path("flows/etl/b.yml").unlink()
            assert until("removed")[-1] == "removed dags/etl/etl.b.py, which no playbook makes"
        finally:
            started.send_signal(signal.SIGINT)
        assert started.communicate(timeout=60)[1].splitlines()[-1] == "stopped"
        assert started.returncode == 0
    assert files() == ["a.py"]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda: Path("flows/etl/b.yml").unlink(), ["a.py"]),
        (lambda: put("flows/c.yaml", TEXT % ("c", "end")), ["a.py", "c.py", "etl/etl.b.py"]),
        (lambda: put("flows/a.yaml", TEXT % ("other", "end")), ["etl/etl.b.py", "other.py"]),
    ],
    ids=["gone", "new", "edited"],
)
def test_watch_misses_no_change_that_is_made_while_it_compiles(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[], None], left: list[str]
) -> None:
    run, sleep = Session.run, time.sleep
    passes, sleeps = itertools.count(1), itertools.count(1)

    def disturbed(self: Session) -> Pass:
        done = run(self)
        if next(passes) == 2:
            change()
        return done

    def bounded(seconds: float) -> None:
        if (number := next(sleeps)) == 3:
            put("flows/a.yaml", TEXT % ("a", "end, end"))
        elif number > 40:
            raise KeyboardInterrupt
        sleep(seconds / 10)

    monkeypatch.setattr(Session, "run", disturbed)
    monkeypatch.setattr(time, "sleep", bounded)
    assert compile_("flows", "-o", "dags", "--prune", "--watch") == 0
    assert files() == left


@pytest.mark.parametrize(("many", "bar"), [(25, True), (3, False)])
def test_progress_on_a_terminal(folder: Path, many: int, bar: bool) -> None:
    for number in range(many):
        put(f"many/p{number}.yaml", TEXT % (f"p{number}", "end"))
    mine, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [NOETL, "compile", "many", "-t", "airflow", "-o", "dags"]
    with subprocess.Popen(command, stderr=theirs, env=environment) as started:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(mine, 4096):
                shown += piece
        except OSError:  # the other end is closed
            pass
        os.close(mine)
    assert started.returncode == 0
    assert f"{many} playbooks: {many} written".encode() in shown
    assert (f"{many}/{many}".encode() in shown) == bar


def test_the_shell_completes_options_and_versions() -> None:
    def completed(line: str) -> list[str]:
        words = line.split(" ")
        environment = {**os.environ, "_NOETL_COMPLETE": "complete_bash", "COMP_WORDS": line}
        environment["COMP_CWORD"] = str(len(words) - 1)
        done = subprocess.run([NOETL], env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert {"--check", "--prune", "--watch", "--strict-native", "--target-version"} <= {*completed("noetl compile --")}
    assert completed("noetl compile x.yaml --target ") == ["airflow", "argo"]
    assert "3.3" in completed("noetl compile x.yaml --target airflow --target-version ")
    assert {"--target", "--format"} <= {*completed("noetl diff --")}


@pytest.mark.parametrize("name", ["choice", "copies", "regions"])
def test_the_same_bytes_whatever_the_seed_the_locale_and_the_time_zone(name: str, tmp_path: Path) -> None:
    playbook = str(ROOT / "tests" / "golden" / "airflow" / f"{name}.yaml")
    command = [NOETL, "compile", playbook, "-t", "airflow", "-o", "-", "--explain", "--requirements"]
    places = (("0", "POSIX", "UTC"), ("1", "C.UTF-8", "Asia/Tokyo"), ("12345", "POSIX", "America/St_Johns"))
    runs = []
    for seed, locale, zone in places:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone, "PYTHONCOERCECLOCALE": "0"}
        done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, check=True)
        runs.append((done.stdout, done.stderr))
    assert runs[0][0].startswith(b'"""Playbook')
    assert runs[0] == runs[1] == runs[2]


def test_ruff_has_nothing_to_say_of_what_is_written(tmp_path: Path) -> None:
    folders = [str(ROOT / "tests" / "golden" / "airflow"), str(ROOT / "examples")]
    assert main(["compile", *folders, "-t", "airflow", "-o", str(tmp_path)]) == 0
    rules = [sys.executable, "-m", "ruff", "check", "--isolated", "--preview", "--select", "AIR,E9,F,W,UP"]
    done = subprocess.run([*rules, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
