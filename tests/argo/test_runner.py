"""The program in a pod keeps its contract, as the process that a container starts."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

import noetl
from noetl.compiler.ir import Json
from noetl.conformance.probe import Probe
from noetl.targets.argo import contract, runner

from .workflows import Container, argo_case

InProcess = Callable[..., tuple[int, str]]

CHOICE = """
workflow:
- step: start
  tool: {kind: python, code: "result = {'n': n}", args: {n: "{{ workload.n }}"}}
  case: [{when: "{{ event.name == 'step.exit' and result.n < 3 }}", then: {next: [{step: low}]}}]
  next: [{step: high}]
- step: low
- step: high
"""
FAILS = """
workflow:
- step: start
  tool: {kind: python, code: "raise ValueError('no')"}
  next: [{step: after}]
- step: after
"""
CALLS = """
workflow:
- step: start
  tool: {kind: http, url: "{{ workload.probe }}/slow"}
"""


def container(folder: Path, text: str, **env: str) -> Container:
    return Container(folder / "pod", argo_case(folder, text), dict(env))


def test_a_unit_that_runs_names_its_edge_and_leaves_packet_and_records(tmp_path: Path) -> None:
    pod = container(tmp_path, CHOICE)
    code, said = pod.run("s-start", json.dumps({"n": 7}))
    assert (code, said) == (contract.OK, "")
    outputs = pod.outputs()
    assert outputs.keys() == {"edge", "ctx", "rec"}
    assert re.fullmatch("e[0-9]", outputs["edge"])
    packet = json.loads(outputs["ctx"])
    assert packet["failed"] == []
    assert list(packet["tokens"]) == [outputs["edge"].removeprefix("e")]
    (record,) = json.loads(outputs["rec"])["records"]
    assert (record["step"], record["status"], record["result"]) == ("start", "success", {"n": 7})


def test_a_run_that_fails_is_1_with_its_record(tmp_path: Path) -> None:
    pod = container(tmp_path, FAILS)
    code, said = pod.run("s-start", "{}")
    assert code == contract.RUN_FAILED
    assert said == "the execution failed with ValueError: no\n"
    assert pod.outputs()["edge"] == contract.NONE
    assert pod.left("ctx") == {"tokens": {}, "packets": [], "failed": ["start"]}
    (record,) = _records(pod)
    assert (record["step"], record["status"]) == ("start", "failed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "usage: python -m noetl.targets.argo.runner UNIT [IN0 IN1 ...]"),
        (("s-nobody",), 'there is no unit "s-nobody"; units: s-high, s-low, s-start'),
        (("s-low",), 'unit "s-low" takes 1 inputs, not 0'),
        (("s-low", "{"), 'packet 0 of unit "s-low" is none'),
    ],
)
def test_arguments_that_do_not_fit_are_2(
    tmp_path: Path, arguments: tuple[str, ...], said: str, in_process: InProcess
) -> None:
    code, told = in_process(container(tmp_path, CHOICE), *arguments)
    assert (code, told[: len(said)]) == (contract.MISUSED, said)


def test_misuse_is_2_as_a_process_without_a_traceback(tmp_path: Path) -> None:
    pod = container(tmp_path, CHOICE)
    (pod.folder / "mounted" / contract.UNITS).unlink()
    code, said = pod.run("s-start", "{}")
    assert code == contract.MISUSED
    assert said.endswith("cannot be read: No such file or directory\n")
    assert len(said.splitlines()) == 1
    assert _error(pod)["type"] == "Misused"


@pytest.mark.parametrize("other", ["99.1.0", f"{noetl.__version__.rpartition('.')[0]}1.0"])
def test_manifests_of_another_noetl_are_2(tmp_path: Path, in_process: InProcess, other: str) -> None:
    pod = container(tmp_path, CHOICE)
    file = pod.folder / "mounted" / contract.UNITS
    file.write_text(re.sub('"noetl": "[^"]*"', f'"noetl": "{other}"', file.read_text()), encoding="utf-8")
    code, said = in_process(pod, "s-start", "{}")
    assert code == contract.MISUSED
    assert said.startswith(f"these manifests were made by noetl {other}, and noetl ")


def test_two_tokens_where_one_can_come_are_a_bug_of_ours_3(tmp_path: Path) -> None:
    pod = container(tmp_path, CHOICE)
    code, said = pod.run("s-low", contract.NONE)
    assert code == contract.BROKEN
    assert "0 tokens reached unit s-low" in said
    assert _error(pod) == {"step": "low", "type": "InternalError", "message": "0 tokens reached unit s-low"}


LARGE = """
workflow:
- step: start
  tool: {kind: python, code: "result = 'x' * 200000"}
  next: [{step: after}]
- step: after
"""


def test_what_does_not_cross_argo_is_4_without_a_store(tmp_path: Path) -> None:
    pod = container(tmp_path, LARGE)
    code, said = pod.run("s-start", "{}")
    assert code == contract.TOO_LARGE
    assert "Argo carries 98304 at most" in said
    assert _error(pod)["type"] == "TooLarge"


def test_what_does_not_cross_argo_is_by_reference_with_a_store_and_5_once_it_is_gone(tmp_path: Path) -> None:
    store = tmp_path / "store"
    pod = container(tmp_path, LARGE, **{contract.VALUES_ENV: str(store)})
    assert pod.run("s-start", "{}") == (contract.OK, "")
    outputs = pod.outputs()
    assert all(len(text) < 2000 for text in outputs.values())
    (value,) = (store / pod.case.uid).iterdir()
    assert json.loads(value.read_text("ascii")) == "x" * 200000
    below = Container(tmp_path / "below", pod.case, {contract.VALUES_ENV: str(store)})
    assert below.run("s-after", outputs["ctx"])[0] == contract.OK
    value.unlink()
    code, said = below.run("s-after", outputs["ctx"])
    assert code == contract.VALUE_GONE
    assert "is gone" in said
    assert _error(below)["type"] == "ValueGone"


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")], ids=["terminated", "ctrl-c"]
)
def test_a_signal_gives_up_the_calls_under_way(tmp_path: Path, number: int, name: str) -> None:
    arrived = Event()
    with Probe({"slow": [{"hang": True}]}, arrived=lambda _: arrived.set()) as probe:
        pod = container(tmp_path, CALLS)
        process = pod.begin(("s-start", json.dumps({"probe": probe.url})))
        assert arrived.wait(60)
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == 128 + number
    assert said == f"stopped by {name}\n"
    assert pod.outputs() == {}


def test_a_pod_that_fails_for_a_region_says_whose_runs_failed(tmp_path: Path, in_process: InProcess) -> None:
    pod = container(tmp_path, REGION)
    packet = contract.crossing({"tokens": {}, "packets": [], "failed": ["each"]})
    (unit,) = [name for name in pod.case.units().units if name.startswith("x-")]
    code, said = in_process(pod, unit, packet)
    assert (code, said) == (contract.RUN_FAILED, f"failed in {unit.replace('x-', 's-', 1)}: each")


REGION = """
workflow:
- step: start
  loop: {in: [1, 2], iterator: item}
  tool: {kind: python, code: "result = 1"}
  case: [{when: "{{ event.name == 'call.done' }}", then: {next: [{step: each}]}}]
- step: each
  tool: {kind: python, code: "result = 1"}
  next: [{step: joined}]
- step: joined
  join: all
"""


def test_a_long_argument_is_read_from_its_file(tmp_path: Path, in_process: InProcess) -> None:
    pod = container(tmp_path, CHOICE, **{contract.VALUES_ENV: str(tmp_path / "store")})
    file = tmp_path / "argo_arg_1.txt"
    file.write_text(json.dumps({"n": 1, "more": "x" * 200000}), encoding="utf-8")
    assert in_process(pod, "s-start", f"@{file}") == (contract.OK, "")
    assert _records(pod)[0]["result"] == {"n": 1}


@pytest.mark.parametrize("payload", ["[1]", "{", '"text"'])
def test_a_payload_that_is_none_fails_the_start(tmp_path: Path, payload: str, in_process: InProcess) -> None:
    pod = container(tmp_path, CHOICE)
    code, said = in_process(pod, "s-start", payload)
    assert code == contract.RUN_FAILED
    assert said.startswith("the execution did not start: NotSerializable: the payload ")
    assert _error(pod)["type"] == "NotSerializable"
    assert pod.left("ctx")["failed"] == ["start"]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    """The same without a process: its exit code, and the first line of what it said on its standard error."""

    def run(pod: Container, *arguments: str) -> tuple[int, str]:
        for name, value in pod.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(pod.folder / "home")
        code = runner.main(arguments)
        return code, capsys.readouterr().err.partition("\n")[0]

    return run


def _records(pod: Container) -> list[dict[str, Json]]:
    found = json.loads(pod.outputs()[contract.REC])["records"]
    assert isinstance(found, list)
    return found


def _error(pod: Container) -> dict[str, Json]:
    found = pod.left(contract.REC)["error"]
    assert isinstance(found, dict)
    return found
