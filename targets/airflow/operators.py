"""The operators of emitted DAG files: what runs inside Airflow.

Airflow parses a DAG file often, in its parser and before every task, so this module loads the compiler and the runtime
only when a task executes. No operator has template fields: nothing of a playbook meets Airflow's Jinja.

Each task of steps leaves one XCom under the key `noetl`, a JSON text: the records of its runs, the edges that they took
with the tokens on each, and the packets that these tokens carry. It is left before anything is raised, so that the
verdict knows how a red task ended.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from uuid import NAMESPACE_URL, uuid5

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import BaseOperator, TriggerRule

from noetl.errors import InternalError

from . import xcom
from .asking import KEY, Given, kept_in, left_by, states_of
from .calls import CALLS, Heard, log_place
from .conf import interval, payload
from .names import edge_label, edge_task_id
from .playbook import Playbook
from .values import Values
from .versions import AirflowFailException, AirflowSkipException, BranchMixIn
from .waiting import WAITS, Leaving, LongWait
from .worker import Kept, StoredCredentials

if TYPE_CHECKING:
    from airflow.sdk import DAG, Context

    from noetl.compiler import ir
    from noetl.compiler.ir import Json
    from noetl.runtime.engine import Execution
    from noetl.runtime.events import Event
    from noetl.runtime.packet import Token
    from noetl.runtime.ports import Clock, Credentials, ToolRunner
    from noetl.runtime.scope import ExecutionInfo

    from .checkpoints import Checkpoints

RESULT: Final = "return_value"
"""The XCom of the verdict: the object of `noetl run --json`, as JSON text."""
WHOLE: Final = 1024 * 1024
"""Characters of an outcome from which on the large values of its runs are by reference."""
SHOWN: Final = 2000
"""Characters of an event's data in the log of a task."""
RETRY_DELAY: Final = timedelta(seconds=5)
"""The wait before a task whose worker was lost goes on."""
ALLOW_ENV: Final = "NOETL_ALLOW_ENV"
"""In the worker's environment: the names that templates may read, with commas between them (TPL-6)."""

_T = TypeVar("_T")

__all__ = ["BranchRegion", "BranchStep", "PlainRegion", "PlainStep", "Playbook", "Verdict", "connect"]


class Step(BaseOperator):
    """One task that runs a step for the tokens that reach it."""

    template_fields = ()
    ui_color = "#e4f0f8"
    heard: Heard | None = None
    """What the calls were answered, where the event log is kept."""

    def __init__(
        self,
        *,
        playbook: Playbook,
        long_wait: float | None = None,
        **kwargs: Any,  # Airflow's own, which it adds to
    ) -> None:
        """The step may wait for `long_wait` seconds or more; it leaves its slot then."""
        kwargs.setdefault("retry_delay", RETRY_DELAY)
        super().__init__(**kwargs)
        self.playbook = playbook
        self.resumes: int = self.retries or 0
        """How often the task goes on if its try was lost."""
        self.lost = 0
        """How often that has happened."""
        self.long_wait = long_wait
        if long_wait is not None:
            from .retrying import LongWaits

            self.retries = self.resumes + WAITS
            self.retry_policy = LongWaits(self.resumes)
        self.step = playbook.step(self.task_id)
        self.steps: tuple[str, ...] = (self.step,)
        """The steps that run here."""
        self.doc_md = playbook.fragment(self.task_id)
        self.do_xcom_push = False
        self.arrivals: list[tuple[str, str]] = []
        """The task and the edge of every arrow that leads here."""
        self.asked: list[str] = []
        """The regions whose failed runs may poison a join here."""
        self.is_asked = False
        self.helpers: tuple[str, ...] = ()
        """The tasks that do a part of the step before this one."""

    @property
    def front(self) -> Any:
        """The task that edges lead to."""
        return self

    def ask(self, *regions: Step) -> None:
        """The `regions` may have left tokens and failed nevertheless (RUN-6): they are green then, and are asked."""
        for region in regions:
            self.asked.append(region.task_id)
            region.is_asked = True

    def named(self, edge: ir.Edge) -> str:
        """An edge that leads out, among those of this task."""
        return edge_label(edge.rule, edge.entry, edge.source if len(self.steps) > 1 else None)

    def perform(self, context: Context) -> Execution:
        """Run the steps and leave the XCom.

        AirflowFailException if a run failed and was no dead path (RUN-6), unless what is below asks for that;
        AirflowSkipException if nothing is to run, as a failed run above has poisoned the join here, or sent no token.
        """
        ti, given = context["ti"], self.given(context)
        values = given.values
        checkpoint = self._checkpoint(context, given.depends())
        try:
            done = asyncio.run(self._run(given, checkpoint))
        except LongWait:
            assert checkpoint is not None
            checkpoint.leave()
            raise
        taken = [(self.named(edge), token.to_json()) for edge, token in done.left]
        poison = sorted({*given.failed, *done.failed_steps()})
        left = xcom.pack([record.to_json() for record in done.records], poison, taken, values)
        for key, text in values.fresh.items():
            ti.xcom_push(key=key, value=text)
        ti.xcom_push(key=KEY, value=left if done.error is None else xcom.pack_error(done.error))
        if checkpoint is not None:
            checkpoint.forget()
        if self.heard is not None:
            ti.xcom_push(key=CALLS, value=self.heard.text())
        if done.error is not None:
            raise AirflowFailException(_told(done.error))
        if not done.records:
            raise AirflowSkipException("nothing is to run here: a run above has failed")
        if done.failed_steps() and not self.is_asked:
            raise AirflowFailException(f"the execution failed with {_told(done.summary().get('error'))}")
        return done

    def given(self, context: Context) -> Given:
        """The tokens that have come, with all else that the runs depend on."""
        workflow = self.playbook.workflow()
        info = _execution(context)
        states = self._states_needed(context)
        failed = sorted(self._failed(context, states))
        values = _values(context)
        tokens = self._tokens(context, states, values) if self.arrivals else [_first(self.playbook, info, context)]
        alone = not isinstance(self, Region) and workflow.step(self.step).join == "each"
        if (not tokens and not _gathers(self)) or (len(tokens) > 1 and alone):
            raise InternalError(f"{len(tokens)} tokens reached task {self.task_id}")
        return Given(context, workflow, tokens, failed, info, values)

    def _states_needed(self, context: Context) -> Mapping[str, str]:
        """The states of the tasks above, where they count.

        A task that was cleared and is now skipped still has what it left before, so where there are several sources
        their states count. A single one has succeeded, or this task would not run.
        """
        several = len({source for source, _ in self.arrivals}) > 1
        return states_of(context) if several or self.asked else {}

    def _tokens(self, context: Context, states: Mapping[str, str], values: Values) -> list[Token]:
        """The tokens on the edges that lead here and were taken."""
        from noetl.runtime.packet import Token

        found: list[Token] = []
        for source in dict.fromkeys(source for source, _ in self.arrivals):
            left = left_by(context, source) if states.get(source, "success") == "success" else None
            if left is not None:
                mine = [edge for other, edge in self.arrivals if other == source]
                found += map(Token.from_json, xcom.tokens(left, mine, values))
        return found

    def _failed(self, context: Context, states: Mapping[str, str]) -> set[str]:
        """The steps above with failed runs whose poison does not come here as a state (RUN-6)."""
        found: set[str] = set()
        for region in self.asked:
            task = self.dag.get_task(region)
            heard = states.get(region) == "success" or (states.get(region) == "skipped" and _gathers(task))
            left = left_by(context, region) if heard else None
            found.update(() if left is None else left["failed"])
        return found

    def _checkpoint(self, context: Context, given: Iterable[Json]) -> Checkpoints | None:
        """What keeps the replies to the runs; nothing where the task is not tried again."""
        return kept_in(context, given, at_once=self.resumes > 0) if self.retries else None

    async def _run(self, given: Given, checkpoint: Checkpoints | None) -> Execution:
        from noetl.runtime.embedded import run_part

        async def run(runner: ToolRunner, clock: Clock, kept: Kept | None) -> Execution:
            part = given.workflow, self.steps, given.tokens, given.failed, given.info
            return await run_part(*part, runner, clock, self._show, checkpoint=kept)

        return await self.with_runner(given, checkpoint, run)

    async def with_runner(
        self,
        given: Given,
        checkpoint: Checkpoints | None,
        run: Callable[[ToolRunner, Clock, Kept | None], Awaitable[_T]],
    ) -> _T:
        """Run something with what makes the calls, and with the time."""
        from noetl.runtime.system import SystemClock

        clock: Clock = SystemClock()
        runner = self._runner(given.info, clock)
        try:
            kept = None if checkpoint is None else Kept(checkpoint, self)
            if checkpoint is not None and self.long_wait is not None:
                clock = Leaving(clock, self.long_wait, checkpoint)
            return await run(runner, clock, kept)
        finally:
            await runner.close()

    def _runner(self, info: ExecutionInfo, clock: Clock) -> ToolRunner:
        """What makes the calls: paths are relative to the folder of the DAG file."""
        from noetl.runtime.library import TextLibrary
        from noetl.runtime.replay import replaying
        from noetl.runtime.tools import ToolBox
        from noetl.runtime.tools.playbook import Playbooks

        folder = Path(self.dag.fileloc).parent
        credentials = _credentials()

        def tools(place: Path) -> ToolRunner:
            return replaying(ToolBox(credentials, folder=place), os.environ)

        runner = Playbooks(tools, TextLibrary(self.playbook.playbooks, folder), clock, folder=folder, env=info.env)
        self.heard = None if log_place() is None else Heard(runner, clock)
        return self.heard or runner

    def _show(self, event: Event) -> None:
        """The event log of the runs is the task's log."""
        shown = json.dumps(event.data)
        where = f" {event.step}" if event.step is not None and len(self.steps) > 1 else ""
        self.log.info("%s%s %s", event.name, where, shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}...")


class PlainStep(Step):
    """A step whose runs take every edge unless they fail."""

    def to(self, target: Step, edge: str) -> None:
        """The step's `edge` leads to `target`, by an arrow of Airflow."""
        if target.task_id not in self.downstream_task_ids:
            self.set_downstream(target)
        target.arrivals.append((self.task_id, edge))

    def execute(self, context: Context) -> None:
        """Run the step."""
        self.perform(context)


class BranchStep(Step, BranchMixIn):
    """A step whose runs choose among its edges, each of which is an empty task."""

    inherits_from_skipmixin = True

    def to(self, target: Step, edge: str) -> None:
        """The step's `edge` leads to `target`, by an empty task that is skipped where the edge is not taken."""
        between = EmptyOperator(task_id=edge_task_id(self.task_id, edge))
        self.set_downstream(between)
        between.set_downstream(target)
        target.arrivals.append((self.task_id, edge))

    def execute(self, context: Context) -> None:
        """Run the step, and skip the tasks of the edges that it does not take."""
        taken = dict.fromkeys(self.named(edge) for edge, _ in self.perform(context).left)
        self.do_branch(context, [edge_task_id(self.task_id, edge) for edge in taken])


def connect(dag: DAG, playbook: Playbook) -> None:
    """Draw all edges of the playbook between the tasks of the DAG."""
    tasks = dag.task_dict
    for id_, task in playbook.flow.items():
        source = cast("PlainStep | BranchStep", tasks[id_])
        for edge in task.edges:
            source.to(cast("Step", tasks[edge.target]).front, edge.label)


class Region(Step):
    """One task that runs several steps, or one of them any number of times.

    Every reply to its runs is kept, so that a try after one that was killed goes on where that was.

    A region that one token goes through fails like a step. Any other one may have live tokens though a run failed: it
    is green then, and what joins tokens below asks it; where no edge leads out, it fails.
    """

    ui_color = "#d9ecdf"

    def __init__(self, *, playbook: Playbook, steps: Mapping[str, tuple[int, int]], **kwargs: Any) -> None:
        """`steps` has the first and the last line of each."""
        super().__init__(playbook=playbook, **kwargs)
        self.steps = tuple(steps)
        self.doc_md = "\n".join(playbook.lines(name, *lines) for name, lines in steps.items())

    def _checkpoint(self, context: Context, given: Iterable[Json]) -> Checkpoints | None:
        return kept_in(context, given, at_once=True)

    def _states_needed(self, context: Context) -> Mapping[str, str]:
        return states_of(context) if _gathers(self) else super()._states_needed(context)

    def _failed(self, context: Context, states: Mapping[str, str]) -> set[str]:
        """A region that gathers tokens hears of red tasks, too."""
        found = super()._failed(context, states)
        if _gathers(self):
            for task in self.dag.tasks:
                if isinstance(task, Step) and states.get(task.task_id) == "failed":
                    left = left_by(context, task.task_id)
                    found.update(task.steps if left is None or "error" in left else left["failed"])
        return found


class PlainRegion(Region, PlainStep):
    """A region from which no edge leads."""


class BranchRegion(Region, BranchStep):
    """A region whose edges are empty tasks."""


class Verdict(BaseOperator):
    """The last task: what became of the execution (RUN-3, RUN-4). It fails where the execution did."""

    template_fields = ()
    ui_color = "#f0e4f8"

    def execute(self, context: Context) -> str:
        """The outcome as JSON text; left as XCom too when the execution failed, before AirflowFailException."""
        found = json.dumps(summary := self._summary(context, values := _values(context)))
        if len(found) > WHOLE:
            found = self._shortened(context, summary, values)
        if summary["status"] == "failed":
            context["ti"].xcom_push(key=RESULT, value=found)
            raise AirflowFailException(f"the execution failed with {_told(summary.get('error'))}")
        return found

    def _shortened(self, context: Context, summary: dict[str, Json], values: Values) -> str:
        """The outcome with its runs' large values by reference, as the tasks left them."""
        runs = cast("list[Json]", summary["runs"])
        found = json.dumps({**summary, "runs": [values.short(run) for run in runs]})
        for key, text in values.fresh.items():
            context["ti"].xcom_push(key=key, value=text)
        return found

    def _summary(self, context: Context, values: Values) -> dict[str, Json]:
        from noetl.runtime.outcome import summarise
        from noetl.runtime.records import RunRecord

        states = states_of(context)
        ended = [
            task
            for task in self.dag.tasks
            if isinstance(task, Step) and states.get(task.task_id) in ("success", "failed")
        ]
        records: list[RunRecord] = []
        error: Json = None
        crash: Json = None
        for task in ended:
            left = left_by(context, task.task_id)
            if left is not None and "error" in left:
                error = left["error"]
                continue
            mine = [] if left is None else [*map(RunRecord.from_json, xcom.records(left, values))]
            records += mine
            red = states[task.task_id] == "failed"
            if not mine or (red and not any(record.fails_execution for record in mine)):
                crash = crash or _crash(task)
        for step in self.dag.tasks:
            if isinstance(step, Step) and any(state == "failed" and _of(step, id_) for id_, state in states.items()):
                crash = crash or _crash(step)
        if error is None and not any(record.fails_execution for record in records):
            error = crash  # the error of an execution is that of a run, if one has any
        return summarise(records, error=error)


def _credentials() -> Credentials:
    from noetl.runtime.credentials import ChainedCredentials, EnvironmentCredentials

    return ChainedCredentials(EnvironmentCredentials(os.environ), StoredCredentials())


def _execution(context: Context) -> ExecutionInfo:
    from noetl.runtime.scope import ExecutionInfo

    ti = context["ti"]
    identity = uuid5(NAMESPACE_URL, f"airflow:{ti.dag_id}/{ti.run_id}")  # the same in every task of the run
    names = [name.strip() for name in os.environ.get(ALLOW_ENV, "").split(",")]
    return ExecutionInfo(str(identity), {name: os.environ[name] for name in names if name in os.environ})


def _first(playbook: Playbook, info: ExecutionInfo, context: Context) -> Token:
    """The token at `start`; where there is none, the reason is left as XCom before AirflowFailException."""
    from noetl.runtime.starting import StartFailed, first_token
    from noetl.runtime.system import SystemClock

    error: Json
    try:
        return first_token(playbook.workflow(), _payload(playbook, context), info, SystemClock().now())
    except StartFailed as failed:
        error = failed.error
    except ValueError as wrong:
        error = {"type": "NotSerializable", "message": str(wrong)}
    context["ti"].xcom_push(key=KEY, value=xcom.pack_error(error))
    raise AirflowFailException(f"the execution did not start: {_told(error)}")


def _payload(playbook: Playbook, context: Context) -> dict[str, Json]:
    """The conf, over what a scheduled run is given; ValueError, which says why, if the conf holds none (RUN-1)."""
    from noetl.runtime.starting import merged

    run: Any = context["dag_run"]
    given: dict[str, Json] = {}
    if playbook.interval is not None and (found := interval(run)) is not None:
        given = {**playbook.payload, playbook.interval: found}
    return cast("dict[str, Json]", merged(given, payload(run.conf)))


def _gathers(task: object) -> bool:
    """Whether a task runs whatever the states above it are, for the tokens that there are."""
    return isinstance(task, Region) and task.trigger_rule == TriggerRule.ALL_DONE


def _values(context: Context) -> Values:
    """Large values as the tasks of this DAG run leave them."""
    ti = context["ti"]

    def pull(owner: str, key: str) -> str | None:
        task, _, index = owner.rstrip("]").partition("[")
        return cast("str | None", ti.xcom_pull(task_ids=task, key=key, map_indexes=int(index or -1)))

    mapped = ti.map_index is not None and ti.map_index >= 0
    return Values(f"{ti.task_id}[{ti.map_index}]" if mapped else ti.task_id, pull)


def _of(step: Step, id_: str) -> bool:
    """Whether a task does a part of a step; iterations have their number behind their id."""
    return id_ in step.helpers or id_.rpartition("_")[0] in step.helpers


def _crash(task: Step) -> Json:
    """The error of an execution one of whose tasks left no outcome: killed, timed out, or marked by hand."""
    return {"step": task.step, "type": "TaskCrashed", "message": f"task {task.task_id} ended without an outcome"}


def _told(error: Json) -> str:
    return f"{error.get('type')}: {error.get('message')}" if isinstance(error, dict) else str(error)
