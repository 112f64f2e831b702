"""The event log of a run on Airflow: `noetl why` and `noetl events` tell of it what they tell of `noetl run`."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from noetl.cli import main
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.conformance.adapters.airflow import AirflowCase, AirflowRun, run_in_airflow
from noetl.conformance.probe import Probe
from noetl.targets.airflow import TARGET
from noetl.targets.base import Options, Source

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: %s}\nworkflow:\n"
FLOW = """
  - step: start
    tool: {kind: http, url: "{{ workload.probe }}/start"}
    case:
      - when: "{{ event.name == 'call.error' and error.status == 503 }}"
        then: [{retry: {max_attempts: 3, initial_delay: 0.01}}]
      - when: "{{ event.name == 'step.exit' and response.n > 1 }}"
        then: {next: [{step: many, args: {n: "{{ response.n }}"}}, {step: round, args: {n: 1}}]}
    next: end
  - step: many
    loop: {in: "{{ range(args.n) | list }}", iterator: i, mode: parallel}
    tool: {kind: http, url: "{{ workload.probe }}/item", params: {i: "{{ i }}"}}
    next: end
  - step: round
    tool: {kind: http, url: "{{ workload.probe }}/round"}
    case:
      - when: "{{ event.name == 'step.exit' and args.n < 2 }}"
        then: {next: [{step: round, args: {n: "{{ args.n + 1 }}"}}]}
      - when: "{{ event.name == 'step.exit' }}"
        then: {next: end}
  - step: end
    join: all
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "many | length"}}
"""
RED = """
  - step: start
    tool: {kind: http, url: "{{ workload.probe }}/red"}
    next: end
  - step: end
"""
ANSWERS: dict[str, Any] = {
    "start": [{"status": 503}, {"json": {"n": 3}}],
    "item": [{"json": {"ok": True}}] * 3,
    "round": [{"json": {}}] * 2,
    "red": [{"status": 404}],
}


def dag(name: str, steps: str, probe: str, log: Path | None, version: str | None = None) -> AirflowCase:
    text = HEAD % name + steps
    made = TARGET.compile(Source(f"{name}.yaml", text, load(text, name)), Options(version=version))
    env = {} if log is None else {"AIRFLOW__NOETL__LOG": str(log)}
    return AirflowCase(made.identity, made.content, {"noetl_payload": json.dumps({"probe": probe})}, env)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[AirflowRun]]:
    """The log of two runs on Airflow, that of the same ones by `noetl run`, and the runs on Airflow."""
    folder = tmp_path_factory.mktemp("logs")
    here, there = folder / "run.sqlite", folder / "airflow.sqlite"
    with Probe(ANSWERS) as probe:
        for name, steps in (("flow", FLOW), ("red", RED)):
            (folder / f"{name}.yaml").write_text(HEAD % name + steps, "utf-8")
            main(["run", str(folder / f"{name}.yaml"), "--set", f"probe={probe.url}", "--log", str(here), "-q"])
    with Probe(ANSWERS) as probe:
        cases = [dag("flow", FLOW, probe.url, there), dag("red", RED, probe.url, there)]
        cases += [dag("no", RED, probe.url, None), dag("old", RED, probe.url, None, TARGET.versions[0])]
        return there, here, run_in_airflow(cases, time_limit=280)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def found(capsys: pytest.CaptureFixture[str], log: Path, name: str) -> str:
    """The id of the execution of a playbook."""
    from noetl.runtime.store import open_log

    opened = open_log(str(log))
    try:
        (one,) = (entry for entry in opened.entries() if Path(entry.path).name == f"{name}.yaml")
        return one.execution_id
    finally:
        opened.close()


def plain(value: Json) -> Json:
    """Without what is another one each time: ids, times, the port of the probe, the folder."""
    drop = ("execution", "path", "time", "elapsed", "headers", "url", "probe", "metadata")
    match value:
        case dict():
            return {name: plain(item) for name, item in value.items() if name not in drop}
        case list():
            return [plain(item) for item in value]
        case str():
            return re.sub(r"127\.0\.0\.1:\d+", "probe", value)
    return value


@pytest.mark.parametrize(("name", "step"), [("flow", "start"), ("flow", "many"), ("flow", "round"), ("red", "start")])
def test_why_tells_what_it_tells_of_a_run_here(
    name: str, step: str, logs: tuple[Path, Path, list[AirflowRun]], capsys: pytest.CaptureFixture[str]
) -> None:
    there, here, _ = logs
    one, other = (
        json.loads(told(capsys, "why", step, "--json", "--log", str(log), "--execution", found(capsys, log, name)))
        for log in (there, here)
    )
    assert one["runs"]
    assert plain(one) == plain(other)


@pytest.mark.parametrize("name", ["flow", "red"])
def test_the_events_are_those_of_a_run_here(
    name: str, logs: tuple[Path, Path, list[AirflowRun]], capsys: pytest.CaptureFixture[str]
) -> None:
    there, here, _ = logs
    counts = []
    for log in (there, here):
        lines = told(capsys, "events", "--json", "--log", str(log), "--execution", found(capsys, log, name))
        events = [json.loads(line) for line in lines.splitlines()]
        counts.append(Counter((e["name"], e["step"], e["key"], e["iteration"]) for e in events))
    assert counts[0] == counts[1]
    assert counts[0]["workflow.end", None, None, None] == 1


def test_the_end_is_what_the_verdict_says(
    logs: tuple[Path, Path, list[AirflowRun]], capsys: pytest.CaptureFixture[str]
) -> None:
    from noetl.runtime.store import open_log

    there, _, runs = logs
    assert [run.problem for run in runs] == [None] * 4
    opened = open_log(str(there))
    try:
        entries = {entry.path: entry for entry in opened.entries()}
    finally:
        opened.close()
    assert sorted(entries) == ["flow.yaml", "red.yaml"]  # and nothing of a run that no log is configured for
    for name, run in zip(("flow.yaml", "red.yaml"), runs, strict=False):
        assert run.verdict is not None
        kept = entries[name].outcome
        assert kept is not None
        assert {part: run.verdict.get(part) for part in kept} == dict(kept)
    assert [entries[name].status for name in ("flow.yaml", "red.yaml")] == ["completed", "failed"]


def test_a_file_for_an_older_airflow_runs_on_this_one(logs: tuple[Path, Path, list[AirflowRun]]) -> None:
    *_, same, older = logs[2]
    assert same.tasks == {"start": "failed", "end": "upstream_failed", "verdict": "failed"}
    assert (older.state, older.tasks) == (same.state, same.tasks)
