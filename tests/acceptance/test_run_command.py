"""`noetl run` as a user runs it: a process, its streams and its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from noetl.conformance.probe import Probe

NOETL = str(Path(sys.executable).with_name("noetl"))

GREET = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: greet}
workload: {who: {name: world, times: 1}}
workflow:
  - step: start
    tool:
      kind: python
      args: {name: "{{ workload.who.name }}"}
      code: |
        print("greeting", name)
        result = {"text": "hello " + name}
    next: end
  - step: end
    tool: {kind: python, code: "result = start['text']"}
"""


def noetl(*arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [NOETL, "run", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(env or {})},
    )


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test's log is in its own folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def greet(tmp_path: Path) -> str:
    path = tmp_path / "greet.yaml"
    path.write_text(GREET, encoding="utf-8")
    return str(path)


def test_output_on_stdout_and_progress_on_stderr(greet: str) -> None:
    done = noetl(greet)
    assert (done.returncode, json.loads(done.stdout)) == (0, "hello world")
    assert "greeting world" in done.stderr
    assert "completed" in done.stderr


def test_quiet_shows_the_output_only(greet: str) -> None:
    done = noetl(greet, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, '"hello world"\n', "")


def test_output_stays_json_where_the_stream_is_not_utf8(greet: str) -> None:
    done = noetl(greet, "-q", "--set", "who.name=é\u2028", env={"PYTHONIOENCODING": "ascii"})
    assert json.loads(done.stdout) == "hello é\u2028"


def test_json_is_one_object_with_all_runs(greet: str) -> None:
    done = noetl(greet, "--json", "--quiet")
    found = json.loads(done.stdout)
    assert list(found) == ["status", "output", "runs"]
    first, last = found["runs"]
    assert first == {
        "key": [],
        "step": "start",
        "status": "success",
        "args": {},
        "result": {"text": "hello world"},
        "calls": [
            {
                "attempts": 1,
                "request": first["calls"][0]["request"],
                "outcome": {"response": {"text": "hello world"}},
            }
        ],
    }
    assert first["calls"][0]["request"]["args"] == {"name": "world"}
    assert (last["key"], last["result"]) == ([[0, 0]], "hello world")


def test_the_payload_overlays_the_workload_and_set_the_payload(greet: str, tmp_path: Path) -> None:
    payload = tmp_path / "payload.json"
    payload.write_text('{"who": {"name": "file"}}', encoding="utf-8")
    assert noetl(greet, "-q", "--payload", str(payload)).stdout == '"hello file"\n'
    assert noetl(greet, "-q", "--payload", str(payload), "--set", "who.name=set").stdout == '"hello set"\n'
    assert noetl(greet, "-q", "--payload", "-", stdin='{"who": {"name": "pipe"}}').stdout == '"hello pipe"\n'


def test_a_playbook_from_standard_input() -> None:
    done = noetl("-", "-q", stdin=GREET)
    assert (done.returncode, done.stdout) == (0, '"hello world"\n')


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("[1]", "is a list; a payload is a JSON object"),
        ("null", "is null; a payload is a JSON object"),
        ("{", "not JSON"),
        ('{"n": NaN}', "NaN"),
        ('{"n": 1e400}', "out of range"),
        (f'{{"n": {"7" * 4301}}}', "a number has 4301 digits; the most is 4300"),
    ],
)
def test_a_payload_that_is_no_json_object_is_wrong_usage(greet: str, payload: str, reason: str) -> None:
    done = noetl(greet, "--payload", "-", stdin=payload)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_errors_of_the_playbook_are_shown_and_nothing_runs(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(GREET.replace("next: end", "next: nowhere"), encoding="utf-8")
    done = noetl(str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{path}:13:11: error[NTL203]" in done.stderr


def test_a_failed_execution_exits_with_1_and_names_step_and_line(tmp_path: Path) -> None:
    path = tmp_path / "failing.yaml"
    path.write_text(GREET.replace('print("greeting", name)', 'raise ValueError("no")'), encoding="utf-8")
    done = noetl(str(path), "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert (found["status"], found["output"]) == ("failed", None)
    assert {k: found["error"][k] for k in ("step", "type", "message")} == {
        "step": "start",
        "type": "ValueError",
        "message": "no",
    }
    assert f'{path}:6:11: step "start" failed with ValueError: no' in done.stderr


def test_quiet_says_why_an_execution_failed(tmp_path: Path) -> None:
    path = tmp_path / "failing.yaml"
    path.write_text(GREET.replace('print("greeting", name)', 'raise ValueError("no")'), encoding="utf-8")
    assert noetl(str(path), "-q").stderr == (
        f'{path}:6:11: step "start" failed with ValueError: no\n  |\n6 |   - step: start\n  |           ^~~~~\n'
    )
    assert noetl(str(path), "-q", "--json").stderr == ""  # the object has it


def test_a_payload_file_may_begin_with_a_byte_order_mark(greet: str, tmp_path: Path) -> None:
    payload = tmp_path / "payload.json"
    payload.write_text('{"who": {"name": "bom"}}', encoding="utf-8-sig")
    assert noetl(greet, "-q", "--payload", str(payload)).stdout == '"hello bom"\n'


def test_what_no_runner_runs_is_refused_with_a_code(tmp_path: Path) -> None:
    path = tmp_path / "snow.yaml"
    path.write_text(GREET.replace("kind: python, code: \"result = start['text']\"", "kind: snowflake, command: x"))
    done = noetl(str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[NTL553]" in done.stderr


def test_requests_are_sent_where_the_map_says(tmp_path: Path) -> None:
    path = tmp_path / "fetch.yaml"
    path.write_text(
        "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: fetch}\nworkflow:\n"
        '  - step: start\n    tool: {kind: http, url: "https://api.example.com/item"}\n',
        encoding="utf-8",
    )
    with Probe({"item": [{"json": {"ok": True}}]}) as probe:
        done = noetl(str(path), "-q", env={"NOETL_HTTP_MAP": f"https://api.example.com={probe.url}"})
        assert done.returncode == 0, done.stderr
        response = json.loads(done.stdout)
        assert (response["data"], response["url"]) == ({"ok": True}, "https://api.example.com/item")
        assert [r.method for r in probe.to("item")] == ["GET"]


def test_only_allowed_names_of_the_environment_are_read(tmp_path: Path) -> None:
    path = tmp_path / "env.yaml"
    path.write_text(
        "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: env}\nworkflow:\n"
        '  - step: start\n    args: {a: "{{ env.SEEN }}", b: "{{ env.HIDDEN }}"}\n'
        "    tool: {kind: python, code: 'result = [a, b]'}\n",
        encoding="utf-8",
    )
    done = noetl(str(path), "-q", "--allow-env", "SEEN", env={"SEEN": "yes", "HIDDEN": "no"})
    assert json.loads(done.stdout) == ["yes", None]


def test_interrupt_cancels_the_execution(tmp_path: Path) -> None:
    path = tmp_path / "slow.yaml"
    path.write_text(GREET.replace('print("greeting", name)', "import time; time.sleep(60)"), encoding="utf-8")
    started = subprocess.Popen(
        [NOETL, "run", str(path), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stderr is not None
    for line in started.stderr:
        if " call " in line:
            break
    time.sleep(0.3)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=30)
    assert started.returncode == 130, err
    assert json.loads(out)["status"] == "cancelled"
    assert "Traceback" not in err
