"""`noetl run` with its log, and `why`, `replay`, `resume` and `events`, which read it."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from noetl import schema
from noetl.compiler.ir import Json
from noetl.conformance.probe import Probe, Seen

from .logged_runs import HEAD, NOETL, ROUTES, Streams, noetl, write


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routes.yaml").write_text(ROUTES, encoding="utf-8")


def test_a_run_leaves_a_log_that_only_its_owner_reads(capsys: Streams) -> None:
    assert noetl(capsys, "run", "routes.yaml", "-q")[0] == 1
    folder = Path(".noetl")
    assert (folder / ".gitignore").read_text() == "*\n"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "log.sqlite").stat().st_mode & 0o077 == 0
    assert noetl(capsys, "events")[0] == 0


def test_no_log_keeps_nothing(capsys: Streams) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--no-log")
    assert not Path(".noetl").exists()
    code, out, err = noetl(capsys, "events")
    assert (code, out) == (2, "")
    assert 'there is no log ".noetl/log.sqlite"' in err


def test_the_log_is_where_it_is_said(capsys: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--log", "kept/a.sqlite")
    monkeypatch.setenv("NOETL_LOG", "kept/a.sqlite")
    assert noetl(capsys, "replay")[0] == 0
    assert not Path(".noetl").exists()


def test_a_log_that_cannot_be_kept_is_said_before_anything_runs(capsys: Streams) -> None:
    Path("file").write_text("x")
    code, out, err = noetl(capsys, "run", "routes.yaml", "--log", "file/log.sqlite")
    assert (code, out) == (2, "")
    assert 'cannot open the log "file/log.sqlite"' in err
    assert "--no-log keeps none" in err
    Path("other.sqlite").write_text("this is no database, whatever it is called" * 10)
    assert "file is not a database" in noetl(capsys, "run", "routes.yaml", "--log", "other.sqlite")[2]


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("mysql://u:canary@host/x", 'postgresql://, not "mysql://..."'),
        ("postgresql://u:canary@[host/x", 'cannot open the log "postgresql://...": '),
        ("postgresql://u:canary%zz@host/x", "invalid percent-encoded token"),
    ],
)
def test_an_address_that_is_no_log_is_refused_without_its_password(capsys: Streams, place: str, reason: str) -> None:
    for command in (["run", "routes.yaml"], ["replay"]):
        code, out, err = noetl(capsys, *command, "--log", place)
        assert (code, out) == (2, "")
        assert reason in err
        assert "canary" not in err
    assert [path.name for path in Path().iterdir()] == ["routes.yaml"]


def test_folders_that_do_not_fit_are_said_before_anything_runs(capsys: Streams) -> None:
    Path("folder").mkdir()
    for option, value, reason in (
        ("--record", "folder", 'cannot write "folder": it is a folder'),
        ("--playbooks", "none", '--playbooks takes a folder, and "none" is none'),
        ("--playbooks", "routes.yaml", '--playbooks takes a folder, and "routes.yaml" is none'),
    ):
        code, out, err = noetl(capsys, "run", "routes.yaml", "--no-log", option, value)
        assert (code, out) == (2, "")
        assert reason in err
        assert "step" not in err
    assert sorted(path.name for path in Path().iterdir()) == ["folder", "routes.yaml"]


def test_a_failure_is_shown_with_its_line_and_a_way_to_learn_more(capsys: Streams) -> None:
    code, _, err = noetl(capsys, "run", "routes.yaml", "--execution-id", "one")
    assert code == 1
    assert err.endswith(
        'routes.yaml:17:11: step "small" failed with ValueError: no\n'
        "   |\n17 |   - step: small\n   |           ^~~~~\n"
        '  hint: noetl why "small" --execution one\n'
    )


def test_replay_makes_the_same_events_again(capsys: Streams) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--execution-id", "one")
    Path("routes.yaml").unlink()
    code, out, _ = noetl(capsys, "replay")
    assert code == 0
    assert out.splitlines()[-1] == "one: failed; 3 replies made 21 events, all as they were kept"
    told = json.loads(noetl(capsys, "replay", "--json")[1])
    assert (told["same"], told["status"], told["replies"], told["differences"]) == (True, "failed", 3, [])
    assert told["outcome"]["error"]["type"] == "ValueError"


def test_replay_tells_what_is_not_the_same(capsys: Streams) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--execution-id", "one")
    with sqlite3.connect(".noetl/log.sqlite") as connection:
        connection.execute("UPDATE noetl_event SET step = 'other' WHERE position = 2")
        connection.execute(
            "INSERT INTO noetl_event VALUES ('one', 99, '2026-01-01T00:00:00+00:00', 'log', NULL, NULL, NULL, '{}')"
        )
    connection.close()
    code, out, _ = noetl(capsys, "replay")
    assert code == 1
    assert 'event 2 was kept as {"execution": "one", "position": 2,' in out
    assert "      and made again as null" in out
    assert "2 differ" in out


@pytest.mark.parametrize("outcome", ["{bad", '{"x": 1}', "[]"])
def test_a_damaged_log_is_said(capsys: Streams, outcome: str) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--log", "log.sqlite")
    with sqlite3.connect("log.sqlite") as kept:
        kept.execute("UPDATE noetl_reply SET outcome = ?", (outcome,))
        kept.execute("UPDATE noetl_execution SET status = NULL, outcome = NULL, ended = NULL")
    kept.close()
    for command in (["why", "start"], ["replay"], ["resume"]):
        code, out, err = noetl(capsys, *command, "--log", "log.sqlite")
        assert (code, out) == (1, "")
        assert 'the log "log.sqlite" is damaged: reply 1 of execution "' in err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("noetl_event SET data = '{bad' WHERE position = 2", 'event 2 of execution "one": data is not JSON: '),
        ("noetl_event SET data = '[]' WHERE position = 2", 'event 2 of execution "one": data is not a map\n'),
        ("noetl_event SET time = 'noon' WHERE position = 3", 'event 3 of execution "one": time is not a time in ISO'),
        ("noetl_event SET position = 'x' WHERE position = 3", "event x of execution"),
        ("noetl_execution SET outcome = '{bad'", 'execution "one": outcome is not JSON: '),
        ("noetl_log SET version = 'x'", "its version is not a number\n"),
    ],
)
def test_a_damaged_entry_is_named(capsys: Streams, change: str, told: str) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--log", "log.sqlite", "--execution-id", "one")
    with sqlite3.connect("log.sqlite") as kept:
        kept.execute(f"UPDATE {change}")
    kept.close()
    for command in (["events"], ["events", "--json"], ["events", "--follow"], ["replay"]):
        code, _, err = noetl(capsys, *command, "--log", "log.sqlite")
        assert (code, err.count("\n")) == (1, 1), err
        assert 'noetl: error: the log "log.sqlite" is damaged: ' in err
        assert told in err


@pytest.mark.parametrize("payload", ["{bad", "[]"])
def test_a_damaged_start_is_named(capsys: Streams, payload: str) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--execution-id", "one")
    with sqlite3.connect(".noetl/log.sqlite") as kept:
        kept.execute("UPDATE noetl_execution SET payload = ?", (payload,))
    kept.close()
    code, out, err = noetl(capsys, "replay")
    assert (code, out) == (1, "")
    assert 'is damaged: execution "one": payload is not ' in err


def test_a_reply_that_answers_nothing_is_named(capsys: Streams) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--execution-id", "one")
    with sqlite3.connect(".noetl/log.sqlite") as kept:
        kept.execute("UPDATE noetl_reply SET number = 77 WHERE position = 2")
        kept.execute("UPDATE noetl_execution SET status = NULL, outcome = NULL")
    kept.close()
    for command in (["why", "start"], ["replay"], ["resume"]):
        code, _, err = noetl(capsys, *command)
        assert code == 1
        assert 'execution "one" cannot be made again: reply 2 fits nothing (no command 77 is open)' in err


def test_events_are_lines_of_json_with_the_shape_of_their_schema(capsys: Streams) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--execution-id", "one")
    code, out, _ = noetl(capsys, "events", "--json")
    assert code == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert [e["position"] for e in events] == list(range(1, len(events) + 1))
    assert [(e["name"], e["step"]) for e in events[:3]] == [
        *(("workflow.start", None), ("step.enter", "start"), ("call.start", "start")),
    ]
    validator = Draft202012Validator(schema.load("event"))
    for event in events:
        validator.validate(event)
    shown = noetl(capsys, "events")[1].splitlines()
    assert len(shown) == len(events)
    assert shown[1].split()[1:4] == ["start", "step.enter", "-"]


def held(gate: threading.Event) -> Callable[[Seen], dict[str, object]]:
    """An answer that comes when the gate is opened."""

    def answer(seen: Seen) -> dict[str, object]:
        gate.wait(60)
        return {"json": {"label": seen.label}}

    return answer


def test_events_are_followed_while_they_come(capsys: Streams) -> None:
    gate = threading.Event()
    with Probe({"slow": held(gate)}) as probe:
        write(
            "slow.yaml",
            f"  - step: start\n    tool: {{kind: http, url: '{probe.url}/slow'}}\n    next: end\n  - step: end\n",
        )
        started = subprocess.Popen([NOETL, "run", "slow.yaml", "-q", "--execution-id", "slow"], stdout=subprocess.PIPE)
        while not probe.to("slow"):
            time.sleep(0.01)
        seen: list[str] = []
        asked = subprocess.Popen([NOETL, "events", "-f", "--json"], stdout=subprocess.PIPE, text=True)
        assert asked.stdout is not None
        for line in asked.stdout:
            seen.append(json.loads(line)["name"])
            if seen[-1] == "call.start":
                assert probe.to("slow")[0].answered is None  # it is told while it goes on
                gate.set()
        started.communicate()
        asked.communicate()
    assert (seen[0], seen[-1]) == ("workflow.start", "workflow.end")
    assert asked.returncode == 0


def killed_in(label: str, file: str, probe: Probe) -> None:
    """Run a playbook and kill the process while a request is under way."""
    started = subprocess.Popen([NOETL, "run", file, "-q", "--execution-id", "killed"], stdout=subprocess.PIPE)
    while not probe.to(label):
        time.sleep(0.01)
    time.sleep(0.3)
    started.kill()
    started.communicate()


def test_resume_goes_on_with_the_text_and_the_payload_of_the_log(capsys: Streams) -> None:
    with Probe({"first": [{"json": 1}], "second": [{"hang": True}, {"json": 2}]}) as probe:
        url = "idempotency_key: true, url: '{{ workload.probe }}"
        file = write(
            "slow.yaml",
            f"  - step: start\n    tool: {{kind: http, {url}/first'}}\n    next: second\n"
            f"  - step: second\n    tool: {{kind: http, {url}/second'}}\n"
            "    case: [{when: true, then: [{result: {from: '[start.data, response.data]'}}]}]\n",
        )
        Path(file).write_text(Path(file).read_text() + f"workload: {{probe: '{probe.url}'}}\n", encoding="utf-8")
        killed_in("second", file, probe)
        assert json.loads(noetl(capsys, "replay", "--json")[1])["status"] is None
        followed = noetl(capsys, "events", "--follow", "--json")
        assert json.loads(followed[1].splitlines()[-1])["name"] == "call.start"
        assert "noetl resume goes on with it" in followed[2]
        Path(file).write_text("broken: [", encoding="utf-8")
        code, out, err = noetl(capsys, "resume", "-q")
        assert (code, json.loads(out)) == (0, [1, 2]), err
        keys = [request.headers["idempotency-key"] for request in probe.to("second")]
        assert keys == ["killed:0.0:0:1:1"] * 2
        assert len(probe.to("first")) == 1
    assert noetl(capsys, "replay")[0] == 0
    code, _, err = noetl(capsys, "resume")
    assert (code, err) == (
        2,
        'noetl: error: execution "killed" has ended with status completed; nothing is left to do\n',
    )


def test_an_execution_that_is_running_cannot_be_resumed(capsys: Streams) -> None:
    gate = threading.Event()
    with Probe({"slow": held(gate)}) as probe:
        file = write("slow.yaml", f"  - step: start\n    tool: {{kind: http, url: '{probe.url}/slow'}}\n")
        started = subprocess.Popen([NOETL, "run", file, "-q", "--execution-id", "here"], stdout=subprocess.PIPE)
        while not probe.to("slow"):
            time.sleep(0.01)
        code, _, err = noetl(capsys, "resume")
        assert (code, err) == (2, 'noetl: error: execution "here" is being run by another process\n')
        gate.set()
        started.communicate()
        assert started.returncode == 0
        assert len(probe.to("slow")) == 1


def test_an_id_is_given_once(capsys: Streams) -> None:
    noetl(capsys, "run", "routes.yaml", "-q", "--execution-id", "one")
    code, out, err = noetl(capsys, "run", "routes.yaml", "-q", "--execution-id", "one")
    assert (code, out) == (2, "")
    assert 'execution "one" is in the log already; noetl resume goes on with it' in err
    assert noetl(capsys, "run", "routes.yaml", "--execution-id", "a:b")[0] == 2


def test_mocked_executions_are_kept_and_resumed_as_such(capsys: Streams) -> None:
    Path("m.yaml").write_text("{format: 1, outcomes: [{step: start, response: {n: 9}}]}", encoding="utf-8")
    code, out, err = noetl(capsys, "run", "routes.yaml", "-q", "--json", "--mock", "m.yaml")
    assert code == 0, err
    assert [run["step"] for run in json.loads(out)["runs"]] == ["start", "big"]
    assert "rule 0 at routes.yaml:10:9 fired" in noetl(capsys, "why", "start")[1]
    with sqlite3.connect(".noetl/log.sqlite") as connection:
        connection.execute("UPDATE noetl_execution SET status = NULL")
    connection.close()
    code, _, err = noetl(capsys, "resume")
    assert code == 2
    assert "takes its outcomes from a file; say which with --mock" in err
    assert noetl(capsys, "resume", "-q", "--mock", "m.yaml")[0] == 0


def test_what_a_mock_lacks_fails_clearly_or_runs_for_real(capsys: Streams) -> None:
    Path("m.yaml").write_text("{format: 1, outcomes: [{step: small, response: 1}]}", encoding="utf-8")
    code, out, err = noetl(capsys, "run", "routes.yaml", "--mock", "m.yaml")
    assert (code, out) == (2, "")
    assert '"m.yaml" has no outcome for step "start", key -, iteration 0, call 1, attempt 1' in err
    code, out, _ = noetl(capsys, "run", "routes.yaml", "-q", "--json", "--mock", "m.yaml", "--mock-rest", "real")
    assert (code, [run["step"] for run in json.loads(out)["runs"]]) == (0, ["start", "small", "big"])


def test_what_is_recorded_is_run_again_without_any_tool(capsys: Streams) -> None:
    with Probe({"item": [{"status": 503}, {"json": {"ok": True}}]}) as probe:
        file = write(
            "fetch.yaml",
            "  - step: start\n    loop: {in: [1, 2], iterator: i}\n"
            f"    tool: {{kind: http, url: '{probe.url}/item'}}\n"
            "    case: [{when: '{{ error.status == 503 }}', then: [{retry: {initial_delay: 0}}]}]\n"
            "    sink: {tool: {kind: python, args: {d: 1}, code: 'result = d'}}\n",
        )
        first = json.loads(noetl(capsys, "run", file, "-q", "--json", "--record", "kept.json")[1])
        count = len(probe.requests)
    again = json.loads(noetl(capsys, "run", file, "-q", "--json", "--mock", "kept.json")[1])
    assert again == first
    assert count == 3
    assert not Path("kept.json.part").exists()


def test_until_stops_when_the_step_has_run(capsys: Streams) -> None:
    with Probe() as probe:
        first, second, third = (f"    tool: {{kind: http, url: '{probe.url}/{label}'}}\n" for label in "abc")
        file = write(
            "steps.yaml",
            f"  - step: start\n{first}    next: b\n  - step: b\n{second}    next: c\n  - step: c\n{third}",
        )
        code, out, _ = noetl(capsys, "run", file, "-q", "--json", "--until", "b")
        told = json.loads(out)
        assert (code, told["status"], [run["step"] for run in told["runs"]]) == (0, "cancelled", ["start", "b"])
        assert [request.label for request in probe.requests] == ["a", "b"]
        assert noetl(capsys, "replay")[0] == 0
    code, _, err = noetl(capsys, "run", file, "--until", "d")
    assert (code, err) == (2, 'noetl: error: --until names step "d", which is not there; steps: "b", "c", "start"\n')
    assert noetl(capsys, "run", "routes.yaml", "-q", "--until", "small")[0] == 1


def test_a_deadline_cancels(capsys: Streams) -> None:
    with Probe({"slow": [{"hang": True}]}) as probe:
        file = write("slow.yaml", f"  - step: start\n    tool: {{kind: http, url: '{probe.url}/slow'}}\n")
        code, out, err = noetl(capsys, "run", file, "--json", "--deadline", "0.5")
        assert (code, json.loads(out)["status"]) == (1, "cancelled")
        assert "slow.yaml: cancelled: it was not finished by its deadline\n" in err
        code, out, _ = noetl(capsys, "run", file, "--json", "-q", "--deadline", "2020-01-01T00:00:00Z")
        assert (code, json.loads(out)["status"]) == (1, "cancelled")
        assert len(probe.requests) == 1
        assert noetl(capsys, "replay")[0] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_cancel_cleanly(capsys: Streams, number: signal.Signals, code: int) -> None:
    with Probe({"slow": [{"hang": True}]}) as probe:
        file = write(
            "slow.yaml", f"  - step: start\n    tool: {{kind: http, url: '{probe.url}/slow'}}\n    next: end\n"
        )
        started = subprocess.Popen(
            [NOETL, "run", file, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while not probe.to("slow"):
            time.sleep(0.01)
        started.send_signal(number)
        out, err = started.communicate(timeout=60)
    assert (started.returncode, json.loads(out)["status"]) == (code, "cancelled")
    assert "Traceback" not in err
    assert noetl(capsys, "replay")[0] == 0


def test_sub_playbooks_are_in_the_log(capsys: Streams) -> None:
    Path("below").mkdir()
    child = f"{HEAD.replace('name: routes', 'name: child, path: child')}workflow:\n  - step: start\n"
    Path("below/child.yaml").write_text(
        f"{child}    tool: {{kind: python, code: 'result = 7'}}\n    next: last\n  - step: last\n", encoding="utf-8"
    )
    file = write("main.yaml", "  - step: start\n    tool: {kind: playbook, path: child, return_step: start}\n")
    code, out, err = noetl(capsys, "run", file, "-q", "--playbooks", "below", "--execution-id", "main")
    assert (code, out) == (0, "7\n"), err
    with sqlite3.connect(".noetl/log.sqlite") as connection:
        ((child_id,),) = connection.execute("SELECT id FROM noetl_execution WHERE parent = 'main:-:0:1:1'").fetchall()
    connection.close()
    assert json.loads(noetl(capsys, "replay", "--json")[1])["execution"] == "main"
    assert json.loads(noetl(capsys, "replay", "--json", "--execution", child_id)[1])["same"] is True
    assert 'resume "main", which called it' in noetl(capsys, "resume", "--execution", child_id)[2]


def test_a_path_that_no_file_can_have_is_a_failed_call(capsys: Streams) -> None:
    child = write("parent.yaml", '  - step: start\n    tool: {kind: playbook, path: "{{ workload.path }}"}\n')
    code, out, err = noetl(capsys, "run", child, "-q", "--no-log", "--set", f"path={'x' * 5000}")
    assert (code, out) == (1, "null\n")
    assert 'step "start" failed with PlaybookFailed: no playbook has the path "xxx' in err


def test_a_credential_is_in_no_log_record_or_event(capsys: Streams) -> None:
    canary = "canary-7e1f0c2d9b"
    Path("credentials.yaml").write_text(f"api: {{type: bearer, token: {canary}}}\nplain: {canary}\n", encoding="utf-8")

    def echo(seen: object) -> dict[str, Json]:
        return {"status": 200, "json": {"told": canary}}

    with Probe({"echo": echo, "down": [{"status": 500, "text": canary}]}) as probe:
        file = write(
            "secret.yaml",
            "  - step: start\n    tool:\n      kind: http\n      auth: api\n      headers: {x: '{{ secret.plain }}'}\n"
            f"      url: '{probe.url}/echo'\n    next: code\n"
            "  - step: code\n    tool:\n      kind: python\n      args: {s: '{{ secret.plain }}'}\n"
            "      code: 'print(s); raise ValueError(s)'\n"
            "    case: [{when: '{{ error is defined }}', then: [{next: [{step: last}]}]}]\n"
            f"  - step: last\n    tool: {{kind: http, url: '{probe.url}/down', auth: api}}\n",
        )
        run = ["run", file, "--credentials", "credentials.yaml", "--record", "kept.json", "--json"]
        code, out, err = noetl(capsys, *run)
        assert code == 1
        assert probe.to("echo")[0].headers["authorization"] == f"Bearer {canary}"
        assert probe.to("echo")[0].headers["x"] == canary
    told = [out, err, *noetl(capsys, "events", "--json")[1:], *noetl(capsys, "why", "code")[1:]]
    told += noetl(capsys, "replay")[1:]
    assert all(canary not in text for text in told)
    Path("credentials.yaml").unlink()
    for path in Path().rglob("*"):
        assert path.is_dir() or canary.encode() not in path.read_bytes(), path


def test_runs_side_by_side_share_one_log(capsys: Streams) -> None:
    file = write("pure.yaml", "  - step: start\n    next: end\n  - step: end\n")
    started = [subprocess.Popen([NOETL, "run", file, "-q"], stdout=subprocess.PIPE) for _ in range(3)]
    codes = [(process.communicate(timeout=120), process.returncode)[1] for process in started]
    assert codes == [0, 0, 0]
    with sqlite3.connect(".noetl/log.sqlite") as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM noetl_execution WHERE status = 'completed'").fetchall()
    connection.close()
    assert count == 3
