"""Emitted DAGs on real Airflow: the outcome is the reference runtime's, and the one that the case says."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.adapters.airflow import AirflowCase, AirflowRun, run_in_airflow
from noetl.conformance.judge import differences
from noetl.conformance.probe import Probe
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.embedded import execute
from noetl.runtime.scope import ExecutionInfo
from noetl.runtime.system import RandomIds, SystemClock
from noetl.runtime.tools import ToolBox
from noetl.targets.airflow import TARGET
from noetl.targets.base import Compiled, Options, Source
from noetl.targets.profile import parse

from .airflow_cases import DATA, REGIONS, SHAPES, Case

CACHE = Path(__file__).parents[2] / ".cache"
CASES = {case.name: case for case in (*SHAPES, *REGIONS, *DATA)}


def compiled(case: Case) -> Compiled:
    found = compile_source(case.text, f"{case.name}.yaml")
    assert found.workflow is not None
    assert found.ok, found.diagnostics
    return TARGET.compile(Source(found.path, found.text, found.workflow))


def reference(case: Case, probe: Probe) -> dict[str, Json]:
    """The object of `noetl run --json`."""
    workflow = compile_source(case.text, f"{case.name}.yaml").workflow
    assert workflow is not None
    allowed = [name.strip() for name in case.env.get("NOETL_ALLOW_ENV", "").split(",")]
    info = ExecutionInfo(RandomIds().execution_id(), {n: v for n, v in case.env.items() if n in allowed})

    async def run() -> dict[str, Json]:
        credentials = MappedCredentials({name: dict(entry) for name, entry in case.credentials.items()})
        toolbox = ToolBox(credentials, environ=case.env)
        try:
            return (await execute(workflow, payload(case, probe), info, toolbox, SystemClock())).summary()
        finally:
            await toolbox.close()

    return asyncio.run(run())


def payload(case: Case, probe: Probe) -> Mapping[str, Json]:
    return {"probe": probe.url} if case.credentials else case.payload


def conf(case: Case, probe: Probe) -> Mapping[str, Json]:
    if case.name == "the_payload_as_one_text":
        return {"noetl_payload": json.dumps(case.payload)}
    return payload(case, probe)


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    pages = [{"json": {"page": n, "more": n < 4, "items": [n, n]}} for n in range(1, 5)]
    late: list[dict[str, Json]] = [{"status": 503}] * 3
    with Probe(
        {
            "once": [{"json": {"ok": True}}, {"json": {"ok": False}}],
            "a": [{"json": {"ok": True}}],
            "b": [{"text": "fine"}],
            "pages": pages,
            **{f"one/late/{i}": [*late, {"json": {"i": i}}] for i in (1, 2)},
            **{f"two/late/{i}": [*late, {"json": {"i": i}}] for i in (1, 2)},
        }
    ) as running:
        yield running


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """How much the tasks of a DAG left, a line for each XCom."""
    return tmp_path_factory.mktemp("sizes") / "sizes.txt"


@pytest.fixture(scope="module")
def runs(probe: Probe, sizes: Path) -> dict[str, AirflowRun]:
    """Every case on Airflow, and what can go wrong there only, in one process."""
    batch = {}
    for case in CASES.values():
        made = compiled(case)
        batch[case.name] = AirflowCase(made.identity, made.content, conf(case, probe), case.env)
    batch |= on_airflow_only(probe, sizes)
    return dict(zip(batch, run_in_airflow([*batch.values()], time_limit=250, cache=CACHE), strict=True))


CRASH = """

def crash(context):
    raise MemoryError("no outcome")


{variable}.execute = crash
"""


STALE_CASE = Case(
    "stale",
    """
  - step: start
    case:
      - when: "{{ event.name == 'step.exit' and workload.n == 1 }}"
        then: {next: [{step: b}]}
      - when: "{{ event.name == 'step.exit' }}"
        then: {next: [{step: a}]}
  - step: a
    next: [end]
  - step: b
    next: [end]
  - step: end
""",
    "completed",
    "start b end",
)
STALE = """

class Start(type(start)):
    def execute(self, context):
        from airflow.sdk.execution_time.xcom import XCom

        token = {"key": [[9, 9]], "target": "end", "args": {"stale": True}, "error": None, "packet": 0}
        packet = {"workload": {}, "segments": [], "open": False}
        left = {"record": {}, "edges": {"next.0": token}, "packets": [packet]}
        run = {"dag_id": self.dag_id, "run_id": context["ti"].run_id}
        XCom.set(key="noetl", value=__import__("json").dumps(left), task_id="a", **run)
        super().execute(context)


start.__class__ = Start
"""


PAGES_CASE = Case(
    "pages",
    """
  - step: start
    next: [page]
  - step: page
    tool: {kind: http, url: "{{ workload.probe }}/pages", params: {page: "{{ args.page | default(1) }}"}}
    case:
      - when: "{{ event.name == 'call.done' and response.more }}"
        then:
          collect: {from: response.items, into: all, mode: extend}
          next: [{step: page, args: {page: "{{ response.page + 1 }}"}}]
    next: [end]
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "ctx.all"}}
""",
    "completed",
    "start page page page page end",
)
KILLED = """

class Killed(type(page)):
    def _checkpoint(self, context, given):
        kept = super()._checkpoint(context, given)
        keep = kept.keep

        def keep_and_die(reply):
            keep(reply)
            if context["ti"].try_number == 1 and reply[0] == 2:
                raise MemoryError("the worker is gone")

        kept.keep = keep_and_die
        return kept


page.__class__ = Killed
page.retry_delay = __import__("datetime").timedelta(0)
"""


SCHEDULED_CASE = Case(
    "scheduled",
    """
  - step: start
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "[workload.span, workload.mode, workload.n]"}}
""",
    "completed",
    "start",
)
PROFILE = """
profile: 1
schedule: {cron: "0 6 * * *", timezone: Europe/Berlin, start: 2026-01-01, into: span, payload: {mode: full, n: 2}}
defaults: {retries: 1, airflow: {priority_weight: 3}}
steps: {start: {owner: me, timeout: 300}}
"""
OF_THE_SCHEDULE = """

class Scheduled(type(start)):
    def perform(self, context):
        from datetime import datetime, UTC

        run = context["dag_run"]
        start, end = datetime(2026, 3, 28, 5, tzinfo=UTC), datetime(2026, 3, 29, 4, tzinfo=UTC)
        context["dag_run"] = run.model_copy(
            update={"run_type": "scheduled", "data_interval_start": start, "data_interval_end": end}
        )
        return super().perform(context)


start.__class__ = Scheduled
"""
LOST = """

class Lost(type(b)):
    def _checkpoint(self, context, given):
        kept = super()._checkpoint(context, given)
        keep = kept.keep

        def keep_and_die(reply):
            keep(reply)
            if context["ti"].try_number == 1:
                raise MemoryError("the worker is gone")

        kept.keep = keep_and_die
        return kept


b.__class__ = Lost
b.retry_delay = __import__("datetime").timedelta(0)
"""
LOST_CASE = Case(
    "lost",
    """
  - step: start
    next: [b]
  - step: b
    tool: {kind: http, url: "{{ workload.probe }}/once"}
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: response.data.ok}, next: [end]}
  - step: end
""",
    "completed",
    "start b end",
    output=True,
)


WAITING_CASE = Case(
    "waiting",
    """
  - step: start
    next: [b]
  - step: b
    loop: {in: [1, 2], iterator: i, mode: parallel}
    tool: {kind: http, url: "{{ workload.probe }}/late/{{ i }}", idempotency_key: true}
    case:
      - when: "{{ event.name == 'call.error' }}"
        then: {retry: {max_attempts: 4, initial_delay: 0.2, backoff_multiplier: 3}}
    next: [end]
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: b}}
""",
    "completed",
    "start b end",
)
TRIES = """

def counted():
    import os

    class Counted(type(b)):
        def perform(self, context):
            with open(os.environ["SIZES"] + ".tries", "a") as file:
                print(context["ti"].try_number, self.retries, self.lost, file=file)
            return super().perform(context)

    return Counted


b.__class__ = counted()
"""
LOST_BETWEEN = """

class Dying(type(b)):
    def _checkpoint(self, context, given):
        kept = super()._checkpoint(context, given)
        keep = kept.keep

        def keep_and_die(reply):
            keep(reply)
            if kept.waits:
                raise MemoryError("the worker is gone")

        kept.keep = keep_and_die
        return kept


b.__class__ = Dying
b.retry_delay = __import__("datetime").timedelta(0)
"""


CHAIN_CASE = Case(
    "chain",
    """
  - step: start
    tool: {kind: python, code: "result = [['row', i, 'x' * 90] for i in range(10000)]"}
    vars: {rows: "{{ result }}"}
    next: [s1]
"""
    + "".join(f"  - step: s{n}\n    next: [s{n + 1}]\n" for n in range(1, 19))
    + """\
  - step: s19
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: "[ctx.rows | length, ctx.rows[9999][1], start == ctx.rows]"}}
""",
    "completed",
    " ".join(["start", *(f"s{n}" for n in range(1, 20))]),
)
COUNTED = """

def counted():
    import os
    from airflow.sdk.execution_time.xcom import XCom

    class Counted(type(start)):
        def perform(self, context):
            real = XCom.set.__func__

            def set_(cls, key, value, **where):
                if where.get("dag_id") == dag.dag_id:
                    with open(os.environ["SIZES"], "a") as file:
                        print(where["task_id"], key, len(str(value)), file=file)
                return real(cls, key, value, **where)

            XCom.set = classmethod(set_)
            return super().perform(context)

    return Counted


start.__class__ = counted()
"""


def profiled(case: Case, text: str) -> Compiled:
    found = compile_source(case.text, f"{case.name}.yaml")
    assert found.workflow is not None
    profile = parse(text, "ops.yaml").profile
    assert profile is not None
    return TARGET.compile(Source(found.path, found.text, found.workflow), Options(profile=profile))


def on_airflow_only(probe: Probe, sizes: Path) -> dict[str, AirflowCase]:
    pages, chain = compiled(PAGES_CASE), compiled(CHAIN_CASE)
    scheduled, lost = profiled(SCHEDULED_CASE, PROFILE), profiled(LOST_CASE, "profile: 1\nsteps: {b: {retries: 1}}")
    waiting = profiled(WAITING_CASE, "profile: 1\nsteps: {b: {airflow: {long_wait: 0.3}}}")
    dying = profiled(WAITING_CASE, "profile: 1\nsteps: {b: {retries: 1, airflow: {long_wait: 0.3}}}")
    made = compiled(CASES["unhandled_error_in_one_branch"])
    choice = compiled(STALE_CASE)
    alone = compiled(CASES["writes_of_branches_meet_in_order"])
    return {
        "a plain task crashes": AirflowCase(made.identity, made.content + CRASH.format(variable="b")),
        "a crash alone": AirflowCase(alone.identity, alone.content + CRASH.format(variable="slow")),
        "a skipped task left something before": AirflowCase(choice.identity, choice.content + STALE),
        "a region is killed": AirflowCase(pages.identity, pages.content + KILLED, {"probe": probe.url}),
        "by hand": AirflowCase(scheduled.identity, scheduled.content, {"span": "mine"}),
        "of the schedule": AirflowCase(scheduled.identity, scheduled.content + OF_THE_SCHEDULE, {"n": 3}),
        "a step's worker is lost": AirflowCase(lost.identity, lost.content + LOST, {"probe": probe.url}),
        "long waits": AirflowCase(
            waiting.identity, waiting.content + TRIES, {"probe": f"{probe.url}/one"}, {"SIZES": str(sizes)}
        ),
        "lost between waits": AirflowCase(
            dying.identity, dying.content + LOST_BETWEEN, {"probe": f"{probe.url}/two"}, {"SIZES": str(sizes)}
        ),
        "a large value": AirflowCase(chain.identity, chain.content + COUNTED, {}, {"SIZES": str(sizes)}),
        "no payload": AirflowCase(made.identity, made.content, {"noetl_payload": "["}),
        "no dag": AirflowCase("no.dag", "from airflow.sdk import DAG"),
        "no parse": AirflowCase("no.parse", "from airflow.sdk import DAG\nraise LookupError('at parse')"),
    }


@pytest.mark.parametrize("name", CASES)
def test_the_outcome_is_the_same_on_airflow(runs: dict[str, AirflowRun], probe: Probe, name: str) -> None:
    case, run = CASES[name], runs[name]
    assert run.problem is None
    assert run.verdict is not None
    assert differences(reference(case, probe), run.verdict) == []


@pytest.mark.parametrize("name", CASES)
def test_the_outcome_is_what_the_case_says(runs: dict[str, AirflowRun], name: str) -> None:
    case, run = CASES[name], runs[name]
    assert run.verdict is not None
    assert run.verdict["status"] == case.status
    assert run.state == {"completed": "success", "failed": "failed"}[case.status]
    shown = run.verdict["runs"]
    assert isinstance(shown, list)
    assert " ".join(str(r["step"]).replace(" ", "_") for r in shown if isinstance(r, dict)) == case.runs
    if case.output is not None:
        assert run.verdict["output"] == case.output
    assert {task: run.tasks.get(task) for task in case.states} == dict(case.states)


def test_connections_are_used_and_leave_no_trace(runs: dict[str, AirflowRun], probe: Probe) -> None:
    sent = [(seen.label, seen.headers.get("authorization"), seen.headers.get("x-s")) for seen in probe.requests[:2]]
    assert sent == [("a", "Bearer t-0123456", "open sesame"), ("b", "Basic bWU6cC0wMTIzNDU2", None)]
    shown = json.dumps(runs["credentials_are_connections"].verdict)
    for secret in ("t-0123456", "open sesame", "p-0123456", "bWU6cC0wMTIzNDU2"):
        assert secret not in shown


def test_a_crash_beside_a_failed_run_leaves_the_runs_error(runs: dict[str, AirflowRun]) -> None:
    run = runs["a plain task crashes"]
    assert run.verdict is not None
    assert (run.state, run.tasks["b"], run.tasks["c"]) == ("failed", "failed", "upstream_failed")
    assert isinstance(run.verdict["error"], dict)
    assert run.verdict["error"]["step"] == "a"
    assert isinstance(run.verdict["runs"], list)
    assert [r["step"] for r in run.verdict["runs"] if isinstance(r, dict)] == ["start", "a"]


def test_a_crash_alone_is_an_error_of_its_own(runs: dict[str, AirflowRun]) -> None:
    verdict = runs["a crash alone"].verdict
    assert verdict is not None
    assert verdict["status"] == "failed"
    assert verdict["error"] == {
        "step": "slow",
        "type": "TaskCrashed",
        "message": "task slow ended without an outcome",
    }


def test_what_a_skipped_task_left_before_does_not_count(runs: dict[str, AirflowRun]) -> None:
    run = runs["a skipped task left something before"]
    assert run.verdict is not None
    assert run.tasks["a"] == "skipped"
    shown = run.verdict["runs"]
    assert isinstance(shown, list)
    assert [(r["step"], r["args"]) for r in shown if isinstance(r, dict)] == [("start", {}), ("b", {}), ("end", {})]


def test_a_region_goes_on_where_it_was_killed(runs: dict[str, AirflowRun], probe: Probe) -> None:
    run = runs["a region is killed"]
    assert run.problem is None
    assert run.verdict is not None
    assert (run.state, run.verdict["output"]) == ("success", [1, 1, 2, 2, 3, 3])
    asked = [seen.query["page"] for seen in probe.requests if seen.label == "pages"]
    assert asked == ["1", "2", "3", "4"]
    shown = run.verdict["runs"]
    assert isinstance(shown, list)
    assert [r["step"] for r in shown if isinstance(r, dict)] == PAGES_CASE.runs.split()


def test_a_scheduled_run_sees_its_interval(runs: dict[str, AirflowRun]) -> None:
    assert runs["of the schedule"].problem is None
    found = runs["of the schedule"].verdict
    assert found is not None
    span = {"start": "2026-03-28T05:00:00.000000+00:00", "end": "2026-03-29T04:00:00.000000+00:00"}
    assert found["output"] == [span, "full", 3]
    by_hand = runs["by hand"].verdict
    assert by_hand is not None
    assert by_hand["output"] == ["mine", None, 1]


def test_a_step_that_is_tried_again_goes_on_where_it_was(runs: dict[str, AirflowRun], probe: Probe) -> None:
    run = runs["a step's worker is lost"]
    assert run.problem is None
    assert run.verdict is not None
    assert (run.state, run.verdict["output"]) == ("success", True)
    assert sum(seen.label == "once" for seen in probe.requests) == 1


def test_a_task_that_waits_for_long_leaves_its_slot_and_goes_on(
    runs: dict[str, AirflowRun], probe: Probe, sizes: Path
) -> None:
    """Waits of 0.2, 0.6 and 1.8 s, of which two are long; both iterations wait side by side."""
    run = runs["long waits"]
    assert run.verdict is not None, run.problem
    assert run.state == "success"
    output = cast("dict[str, Json]", run.verdict["output"])
    assert output["stats"] == {"total": 2, "success": 2, "failed": 0, "skipped": 0}
    runs_of_b = [one for one in cast("list[dict[str, Any]]", run.verdict["runs"]) if one["step"] == "b"]
    assert [[call["attempts"] for call in one["calls"]] for one in runs_of_b] == [[4, 4]]
    tries = [line.split() for line in Path(f"{sizes}.tries").read_text().splitlines()]
    assert [row[0] for row in tries] == [str(n + 1) for n in range(len(tries))]
    assert 3 <= len(tries) <= 5  # both leave together, or each for itself
    assert {row[1] for row in tries} == {"20"}
    keys = [seen.headers["idempotency-key"] for seen in probe.requests if seen.label.startswith("one/late")]
    assert len(keys) == len(set(keys)) == 8


def test_a_task_that_is_lost_between_waits_is_tried_again_as_often_as_it_may(
    runs: dict[str, AirflowRun], probe: Probe
) -> None:
    run = runs["lost between waits"]
    assert run.verdict is not None, run.problem
    assert run.state == "failed"
    assert run.tasks["b"] == "failed"
    assert run.verdict["error"] == {"step": "b", "type": "TaskCrashed", "message": "task b ended without an outcome"}
    attempts = Counter(seen.label for seen in probe.requests if seen.label.startswith("two/late"))
    assert all(2 <= count <= 4 for count in attempts.values()), attempts


def test_a_chain_leaves_a_large_value_once(runs: dict[str, AirflowRun], sizes: Path) -> None:
    run = runs["a large value"]
    assert run.problem is None
    assert run.verdict is not None
    assert (run.state, run.verdict["output"]) == ("success", [10000, 9999, True])
    left = [line.split() for line in sizes.read_text("utf-8").splitlines()]
    large = [(task, key) for task, key, size in left if int(size) > 30_000]
    assert len(large) == 1
    assert sum(int(size) for _, _, size in left) < 1_150_000
    shown = run.verdict["runs"]
    assert isinstance(shown, list)
    assert isinstance(shown[0], dict)
    result = shown[0]["result"]  # the observer has looked up what the verdict refers to
    assert isinstance(result, list)
    assert len(result) == 10000
    assert [int(size) < 10_000 for task, _, size in left if task == "verdict"] == [True]
    assert len(shown) == 20


def test_a_conf_without_a_payload_is_told(runs: dict[str, AirflowRun]) -> None:
    run = runs["no payload"]
    assert run.verdict is not None
    assert run.verdict["runs"] == []
    error = run.verdict["error"]
    assert isinstance(error, dict)
    assert error["type"] == "NotSerializable"
    assert str(error["message"]).startswith('"noetl_payload" of the conf is not JSON')


def test_what_is_no_dag_has_a_problem(runs: dict[str, AirflowRun]) -> None:
    assert (runs["no dag"].state, runs["no dag"].problem) == (None, "the file has no DAG no.dag")
    assert "LookupError: at parse" in str(runs["no parse"].problem)


HANGS = "\n\ndef hang(context):\n    __import__('time').sleep(600)\n\n\nstart.execute = hang\n"
DIES = "\n\ndef die(context):\n    __import__('os')._exit(1)\n\n\nstart.execute = die\n"


def named(name: str, more: str = "") -> AirflowCase:
    made = compiled(CASES["skip_takes_the_structural_next"])
    return AirflowCase(name, made.content.replace(f'dag_id="{made.identity}"', f'dag_id="{name}"') + more)


def test_what_hangs_is_killed() -> None:
    (found,) = run_in_airflow([named("hangs", HANGS)], time_limit=5, cache=CACHE)
    assert str(found.problem).startswith("no answer within 5 s; the end of the log:")


def test_what_ends_the_process_does_not_end_the_others() -> None:
    at_parse = AirflowCase("parse", "import os  # airflow dag\nos._exit(1)")
    found = run_in_airflow([named("dies", DIES), at_parse, named("good")], cache=CACHE)
    assert [run.state for run in found] == [None, None, "success"]
    assert [str(run.problem)[:10] for run in found[:2]] == ["no answer ", "no answer "]


def test_the_workload_of_a_failed_start_is_told(runs: dict[str, AirflowRun]) -> None:
    verdict = runs["the_workload_cannot_be_rendered"].verdict
    assert verdict is not None
    assert verdict["runs"] == []
    error = verdict["error"]
    assert isinstance(error, dict)
    assert error["type"] == "TemplateError"
