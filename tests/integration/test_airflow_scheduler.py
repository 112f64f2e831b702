"""Scheduler, DAG processor, API server and LocalExecutor on PostgreSQL: the expectations are those of every place.

A few playbooks are run with all other tests; `make scheduler` runs every one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.adapters import runtime
from noetl.conformance.adapters.airflow import AirflowCase, AirflowRun
from noetl.conformance.adapters.airflow_scheduler import AirflowScheduler, run_on_scheduler
from noetl.conformance.adapters.airflow_scheduler_deployment import Deployment
from noetl.conformance.adapters.base import Broken
from noetl.conformance.conform import CASES as SUITE
from noetl.conformance.judge import differences
from noetl.conformance.observation import Observation, unmet
from noetl.conformance.probe import Probe, Seen
from noetl.conformance.suite import chosen, killers
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.embedded import execute
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import RandomIds, SystemClock
from noetl.runtime.tools import ToolBox
from noetl.targets.airflow import TARGET
from noetl.targets.base import Options, Source
from noetl.targets.profile import parse
from noetl.targets.regions import Reason

from .scheduler_cases import FEW, MANY, OWN, cases, rules

WHOLE = os.environ.get("NOETL_SCHEDULER") == "all"
CASES = cases(MANY) if WHOLE else {name: case for name, case in cases(FEW).items() if name in FEW}
pytestmark = pytest.mark.timeout(1500)

FAULTS = ("verdict-forgets-red-tasks",) if not WHOLE else ("verdict-forgets-red-tasks", "join-ignores-poison")
"""Of the operators, which run in processes that Airflow starts."""
BRANCHES = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: branches}
workflow:
  - step: start
    next: [left, right]
  - step: left
    tool: {kind: http, url: "{{ workload.probe }}/left", timeout: 120}
    next: end
  - step: right
    tool: {kind: http, url: "{{ workload.probe }}/right", timeout: 120}
    next: end
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "[left.met, right.met]"}}
"""
ROUNDS = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: rounds}
workflow:
  - step: start
    next: [{step: round, args: {n: 1}}]
  - step: round
    tool: {kind: http, url: "{{ workload.probe }}/round/{{ args.n }}", idempotency_key: true}
    case:
      - when: "{{ event.name == 'call.done' }}"
        then: [{collect: {from: response.n, into: seen}}]
      - when: "{{ event.name == 'step.exit' and args.n < 5 }}"
        then: {next: [{step: round, args: {n: "{{ args.n + 1 }}"}}]}
      - when: "{{ event.name == 'step.exit' }}"
        then: {next: end}
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: ctx.seen}}
"""
CLEARED = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: cleared}
workflow:
  - step: start
    tool: {kind: http, url: "{{ workload.probe }}/first", idempotency_key: true}
    next: work
  - step: work
    tool: {kind: http, url: "{{ workload.probe }}/work", idempotency_key: true}
    next: end
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "[start.data.n, work.data.n]"}}
"""
SCHEDULED = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: scheduled}
workflow:
  - step: start
    next: end
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: workload.interval}}
"""
PROFILE = """\
profile: 1
schedule: {cron: "0 6 * * *", timezone: Europe/Berlin, start: 2026-01-01}
"""
SPREAD = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: spread}
workflow:
  - step: start
    next: [each]
  - step: each
    loop: {in: [1, 2, 3], iterator: i, mode: parallel}
    tool: {kind: http, url: "{{ workload.probe }}/item/{{ i }}", idempotency_key: true}
    next: [late]
  - step: late
    tool: {kind: http, url: "{{ workload.probe }}/late", idempotency_key: true}
    case:
      - when: "{{ event.name == 'call.error' }}"
        then: {retry: {max_attempts: 3, initial_delay: 3, backoff_multiplier: 1}}
    next: [end]
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "[each.results[1].data.i, each.stats.success, late.data.ok]"}}
"""
WAITS = """\
profile: 1
steps: {late: {airflow: {long_wait: 2}}}
"""
SPREAD_REPLIES: dict[str, list[dict[str, Json]]] = {
    "late": [{"status": 503}, {"status": 503}, {"json": {"ok": True}}],
    **{f"item/{n}": [{"json": {"i": n}}] for n in (1, 2, 3)},
}
ROUND_REPLIES: dict[str, list[dict[str, Json]]] = {f"round/{n}": [{"json": {"n": n}}] for n in range(1, 6)}
KILLED = "round/3"
"""The request whose task is killed before it is answered."""


@pytest.fixture(scope="module")
def airflow() -> Iterator[Deployment]:
    with Deployment() as running:
        yield running


def dag(text: str, probe: Probe, options: Options | None = None) -> AirflowCase:
    found = compile_source(text, "playbook.yaml")
    assert found.workflow is not None
    assert found.ok, found.diagnostics
    made = TARGET.compile(Source(found.path, found.text, found.workflow), options)
    return AirflowCase(made.identity, made.content, {"noetl_payload": json.dumps({"probe": probe.url})})


def reference(text: str, replies: Mapping[str, list[dict[str, Json]]]) -> dict[str, Json]:
    """The object of `noetl run --json` of an execution that nobody disturbs."""
    workflow = compile_source(text, "playbook.yaml").workflow
    assert workflow is not None

    async def run(probe: Probe) -> dict[str, Json]:
        toolbox = ToolBox(MappedCredentials({}))
        info = ExecutionInfo(RandomIds().execution_id(), {})
        try:
            return (await execute(workflow, {"probe": probe.url}, info, toolbox, SystemClock())).summary()
        finally:
            await toolbox.close()

    with Probe(replies) as probe:
        return asyncio.run(run(probe))


def without_addresses(summary: Mapping[str, Json]) -> dict[str, Json]:
    """The probe's port is another one each time."""
    found: dict[str, Json] = json.loads(re.sub(r"127\.0\.0\.1:\d+", "probe", json.dumps(dict(summary))))
    return found


class Meeting:
    """Answers that are given when both requests have arrived."""

    def __init__(self) -> None:
        self._both = threading.Barrier(2)

    def answer(self, seen: Seen) -> dict[str, object]:
        del seen
        try:
            self._both.wait(100)
        except threading.BrokenBarrierError:
            return {"json": {"met": False}}
        return {"json": {"met": True}}


class Killer:
    """Kills the task that makes a request, once, before it is answered."""

    def __init__(self, airflow: Deployment) -> None:
        self._airflow = airflow
        self.killed: int | None = None

    def arrived(self, seen: Seen) -> None:
        if seen.label == KILLED and self.killed is None:
            self.killed = self._airflow.process("rounds", "round")
            assert self.killed is not None
            os.kill(self.killed, signal.SIGKILL)


class Disturbed(NamedTuple):
    """Runs on the scheduler besides those of cases."""

    branches: AirflowRun
    rounds: AirflowRun
    spread: AirflowRun
    killer: Killer
    requests: list[Seen]
    """Those of the rounds."""
    spread_requests: list[Seen]


@pytest.fixture(scope="module")
def disturbed(airflow: Deployment) -> Disturbed:
    """The branches that meet, the rounds one of which is killed, who killed it, and a loop spread over tasks."""
    meeting, killer = Meeting(), Killer(airflow)
    options = Options(maps=("each",), profile=parse(WAITS, "ops.yaml").profile)
    with (
        Probe({"left": meeting.answer, "right": meeting.answer}) as met,
        Probe(ROUND_REPLIES, arrived=killer.arrived) as probe,
        Probe(SPREAD_REPLIES) as items,
    ):
        cases = [dag(BRANCHES, met), dag(ROUNDS, probe), dag(SPREAD, items, options)]
        runs = run_on_scheduler(airflow, cases, time_limit=300)
        return Disturbed(runs[0], runs[1], runs[2], killer, probe.requests, items.requests)


@pytest.fixture(scope="module")
def place(airflow: Deployment) -> AirflowScheduler:
    return AirflowScheduler(airflow, time_limit=300)


@pytest.fixture(scope="module")
def observed(place: AirflowScheduler, disturbed: object) -> dict[str, Observation | Broken]:
    return dict(zip(CASES, place.observe([*CASES.values()]), strict=True))


def test_branches_run_side_by_side(disturbed: Disturbed) -> None:
    branches = disturbed.branches
    assert branches.problem is None
    assert branches.verdict is not None
    assert (branches.state, branches.verdict["output"]) == ("success", [True, True])


def test_a_loop_is_spread_over_tasks_and_a_long_wait_leaves_its_slot(airflow: Deployment, disturbed: Disturbed) -> None:
    run = disturbed.spread
    assert run.problem is None
    assert run.verdict is not None
    assert (run.state, run.verdict["output"]) == ("success", [2, 3, True])
    assert differences(without_addresses(run.verdict), without_addresses(reference(SPREAD, SPREAD_REPLIES))) == []
    tries = airflow.query("SELECT try_number FROM task_instance WHERE dag_id = 'spread' AND task_id = 'late'")
    assert tries == [(3,)]
    items = airflow.query("SELECT count(*) FROM task_instance WHERE dag_id = 'spread' AND task_id = 'each.items'")
    assert items == [(3,)]
    keys = [request.headers["idempotency-key"] for request in disturbed.spread_requests]
    assert len(keys) == len(set(keys)) == 6


def test_a_region_whose_worker_was_killed_goes_on(airflow: Deployment, disturbed: Disturbed) -> None:
    run, killer, requests = disturbed.rounds, disturbed.killer, disturbed.requests
    assert run.problem is None
    assert run.verdict is not None
    assert killer.killed is not None
    tries = airflow.query("SELECT try_number FROM task_instance WHERE dag_id = 'rounds' AND task_id = 'round'")
    assert tries == [(2,)]
    assert run.state == "success"
    assert differences(without_addresses(run.verdict), without_addresses(reference(ROUNDS, ROUND_REPLIES))) == []
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for request in requests:
        keys[request.label].add(request.headers["idempotency-key"])
    assert Counter(request.label for request in requests) == {f"round/{n}": 1 + (n == 3) for n in range(1, 6)}
    assert all(len(same) == 1 for same in keys.values()), keys
    assert len({key for same in keys.values() for key in same}) == 5


def await_end(airflow: Deployment, dag_id: str) -> None:
    """Return when the runs of a DAG have ended, and there is one."""
    until = time.monotonic() + 300
    while dag_id not in airflow.ended([dag_id]):
        airflow.check()
        assert time.monotonic() < until, airflow.story(dag_id, {})
        time.sleep(0.1)


def finished(airflow: Deployment, dag_id: str) -> AirflowRun:
    """The run of a DAG when it has ended."""
    await_end(airflow, dag_id)
    return airflow.run(dag_id, "case")


def cleared(airflow: Deployment, dag_id: str, tasks: list[Json], *, below: bool = True) -> AirflowRun:
    """A DAG run after Clear of some of its tasks and, as Airflow's page proposes it, of all below them."""
    body: dict[str, Json] = {
        "dry_run": False,
        "dag_run_id": "case",
        "task_ids": tasks,
        "include_downstream": below,
        "only_failed": False,
    }
    airflow.ask("POST", f"dags/{dag_id}/clearTaskInstances", body)
    return finished(airflow, dag_id)


def test_clear_and_mark(airflow: Deployment) -> None:
    """What `docs/airflow_operations.md` says of them."""
    answers: dict[str, list[dict[str, object]]] = {
        "first": [{"json": {"n": 1}}] * 2,
        "work": [{"status": 404}, {"json": {"n": 2}}, {"json": {"n": 3}}],
    }
    with Probe(answers) as probe:
        (run,) = run_on_scheduler(airflow, [dag(CLEARED, probe)], time_limit=300)
        red = {"start": "success", "work": "failed", "end": "upstream_failed", "verdict": "failed"}
        assert (run.problem, run.state, run.tasks) == (None, "failed", red)
        before = airflow.query("SELECT try_number FROM task_instance WHERE dag_id = 'cleared' AND task_id = 'end'")

        # A mark is a picture only: the failed run sent no token, and what is below has none to run for.
        airflow.ask("PATCH", "dags/cleared/dagRuns/case/taskInstances/work", {"new_state": "success"})
        marked = finished(airflow, "cleared")
        assert (marked.state, marked.tasks["work"], marked.tasks["verdict"]) == ("failed", "success", "failed")
        assert marked.tasks["end"] in ("failed", "upstream_failed"), before
        assert marked.verdict is not None
        assert marked.verdict["status"] == "failed"

        # Clear makes the calls again, with the same idempotency keys; what is above stays.
        again = cleared(airflow, "cleared", ["work"])
        assert (again.state, again.problem) == ("success", None)
        assert again.verdict is not None
        assert again.verdict["output"] == [1, 2]
        assert Counter(seen.label for seen in probe.requests) == {"first": 1, "work": 2}
        keys = {(seen.label, seen.headers["idempotency-key"]) for seen in probe.requests}
        assert len(keys) == 2

        # All of a run once more: the same execution, with the same keys.
        whole = cleared(airflow, "cleared", ["start"])
        assert whole.verdict is not None
        assert (whole.state, whole.verdict["output"]) == ("success", [1, 3])

        # A task alone leaves those below it with what they had made before.
        alone = cleared(airflow, "cleared", ["work"], below=False)
        assert alone.verdict is not None
        assert (alone.state, alone.verdict["output"]) == ("success", [1, 3])
        assert Counter(seen.label for seen in probe.requests) == {"first": 2, "work": 4}
        assert {(seen.label, seen.headers["idempotency-key"]) for seen in probe.requests} == keys


def test_a_scheduled_run_sees_its_interval(airflow: Deployment) -> None:
    workflow = compile_source(SCHEDULED, "scheduled.yaml").workflow
    assert workflow is not None
    options = Options(profile=parse(PROFILE, "profile.yaml").profile)
    made = TARGET.compile(Source("scheduled.yaml", SCHEDULED, workflow), options)
    airflow.lay_out(AirflowCase(made.identity, made.content))
    await_end(airflow, "scheduled")
    query = (
        "SELECT run_id, run_type, data_interval_start, data_interval_end FROM dag_run WHERE dag_id = 'scheduled'"
        " ORDER BY id LIMIT 1"
    )
    ((run_id, kind, start, end),) = airflow.query(query)
    run = airflow.run("scheduled", str(run_id))
    assert (kind, run.state, run.problem) == ("scheduled", "success", None)
    assert isinstance(start, datetime)
    assert isinstance(end, datetime)
    zone = ZoneInfo("Europe/Berlin")
    assert [moment.astimezone(zone).hour for moment in (start, end)] == [6, 6]
    assert end.astimezone(zone).date() - start.astimezone(zone).date() == timedelta(days=1)
    shown = {
        name: moment.astimezone(UTC).isoformat(timespec="microseconds")
        for name, moment in (("start", start), ("end", end))
    }
    assert run.verdict is not None
    assert run.verdict["output"] == shown


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, observed: dict[str, Observation | Broken]) -> None:
    seen = observed[name]
    assert not isinstance(seen, Broken), seen
    assert unmet(CASES[name], seen) == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_lowering_is_seen_there_too(name: str, place: AirflowScheduler, observed: object) -> None:
    case = next(case for _, case in chosen(SUITE, killers()[name][0]))
    right, wrong = place.observe_faulty([(case, None), (case, name)])
    assert isinstance(right, Observation)
    assert isinstance(wrong, Observation)
    assert unmet(case, right) == []
    assert unmet(case, wrong)


@pytest.mark.parametrize("name", OWN)
def test_our_own_cases_hold_on_the_runtime(name: str) -> None:
    case = cases(())[name]
    assert unmet(case, runtime.observe(case)) == []


def test_the_playbooks_need_every_rule_of_lowering() -> None:
    needed = {rule for case in cases(MANY).values() for rule in rules(case)}
    assert len(cases(MANY)) >= 40
    wanted = {reason.code for reason in Reason if reason is not Reason.MAPPED} | {
        *(f"a {kind} that {way}" for kind in ("step", "copies", "region") for way in ("chooses", "goes one way")),
        *("a region that gathers tokens", "a region that fails and leaves tokens", "join all", "join each"),
    }
    assert wanted - needed == set()


def test_nothing_is_left_when_its_owner_is_killed() -> None:
    code = "from noetl.conformance.adapters.airflow_scheduler_deployment import Deployment\nwith Deployment(): pass"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TMPDIR": folder}
        with subprocess.Popen([sys.executable, "-c", code], env=environment) as owner:
            migrating = wait_for(Path(folder), "noetl-airflow-*/migration.log")
            owner.kill()
        home = migrating.parent
        until = time.monotonic() + 60
        while home.exists() and time.monotonic() < until:
            time.sleep(0.1)
        assert not home.exists()
        assert processes_at(home) == []


def wait_for(folder: Path, glob: str) -> Path:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if found := next(folder.glob(glob), None):
            return found
        time.sleep(0.1)
    raise AssertionError(f"no {glob}")


def processes_at(home: Path) -> list[str]:
    """The command lines of the processes that name a folder, or stand in it."""
    lines = subprocess.run(["ps", "axww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in lines.splitlines() if str(home) in line]
