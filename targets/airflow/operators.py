"""The operators of emitted DAG files: what runs inside Airflow.

Airflow parses a DAG file often, in its parser and before every task, so this module loads the compiler and the runtime
only when a task executes. No operator has template fields: nothing of a playbook meets Airflow's Jinja.

Each task of a step leaves one XCom under the key `noetl`, a JSON text: the record of the run, the edges that it took
with the token of each, and the packets that these tokens carry. It is left before anything is raised, so that the
verdict knows how a red task ended.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import BaseOperator, BranchMixIn
from airflow.sdk.exceptions import AirflowFailException

from noetl.errors import InternalError

from . import xcom
from .conf import payload
from .connections import from_connection
from .names import edge_label, edge_task_id
from .playbook import Playbook

if TYPE_CHECKING:
    from airflow.sdk import Context

    from noetl.compiler import ir
    from noetl.compiler.ir import Json
    from noetl.runtime.events import Event
    from noetl.runtime.packet import Token
    from noetl.runtime.ports import Credential, Credentials
    from noetl.runtime.run import RunEnd
    from noetl.runtime.scope import ExecutionInfo

KEY: Final = "noetl"
"""The XCom of a step's task."""
RESULT: Final = "return_value"
"""The XCom of the verdict: the object of `noetl run --json`, as JSON text."""
SHOWN: Final = 2000
"""Characters of an event's data in the log of a task."""
ALLOW_ENV: Final = "NOETL_ALLOW_ENV"
"""In the worker's environment: the names that templates may read, with commas between them (TPL-6)."""

__all__ = ["BranchStep", "PlainStep", "Playbook", "Verdict"]


class Step(BaseOperator):
    """One task that runs a step for the tokens that reach it."""

    template_fields = ()
    ui_color = "#e4f0f8"

    def __init__(self, *, playbook: Playbook, **kwargs: Any) -> None:  # Airflow's own arguments, which it adds to
        super().__init__(**kwargs)
        self.playbook = playbook
        self.step = playbook.step(self.task_id)
        self.doc_md = playbook.fragment(self.task_id)
        self.do_xcom_push = False
        self.arrivals: list[tuple[str, str]] = []
        """The task and the edge of every arrow that leads here."""

    def perform(self, context: Context) -> RunEnd:
        """Run the step and leave its XCom; AirflowFailException if the run failed and is no dead path (RUN-6)."""
        ti = context["ti"]
        workflow = self.playbook.workflow()
        info = _execution(context)
        tokens = self._tokens(context) if self.arrivals else [_first(workflow, info, context)]
        if not tokens or (len(tokens) > 1 and workflow.step(self.step).join == "each"):
            raise InternalError(f"{len(tokens)} tokens reached task {self.task_id}")
        end = asyncio.run(self._run(workflow, tokens, info))
        taken = [(edge_label(edge.rule, edge.entry), token.to_json()) for edge, token in end.tokens]
        ti.xcom_push(key=KEY, value=xcom.pack(end.record.to_json(), taken))
        if end.poisons:
            raise AirflowFailException(f'step "{self.step}" failed with {_told(end.record.error)}')
        return end

    def _tokens(self, context: Context) -> list[Token]:
        """The tokens on the edges that lead here and were taken.

        A task that was cleared and is now skipped still has what it left before, so where there are several sources
        their states count. A single one has succeeded, or this task would not run.
        """
        from noetl.runtime.packet import Token

        found: list[Token] = []
        sources = list(dict.fromkeys(source for source, _ in self.arrivals))
        states = _states(context) if len(sources) > 1 else {}
        for source in sources:
            left = _left(context, source) if states.get(source, "success") == "success" else None
            if left is not None:
                mine = [edge for other, edge in self.arrivals if other == source]
                found += map(Token.from_json, xcom.tokens(left, mine))
        return found

    async def _run(self, workflow: ir.Workflow, tokens: list[Token], info: ExecutionInfo) -> RunEnd:
        from noetl.runtime.embedded import run_one
        from noetl.runtime.replay import replaying
        from noetl.runtime.system import SystemClock
        from noetl.runtime.tools import ToolBox

        toolbox = ToolBox(_credentials(), folder=Path(self.dag.fileloc).parent)
        runner = replaying(toolbox, os.environ)
        try:
            return await run_one(workflow, self.step, tokens, info, runner, SystemClock(), self._show)
        finally:
            await toolbox.close()

    def _show(self, event: Event) -> None:
        """The event log of the run is the task's log."""
        shown = json.dumps(event.data)
        self.log.info("%s %s", event.name, shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}...")


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
        taken = self.perform(context).tokens
        self.do_branch(context, [edge_task_id(self.task_id, edge_label(e.rule, e.entry)) for e, _ in taken])


class Verdict(BaseOperator):
    """The last task: what became of the execution (RUN-3, RUN-4). It fails where the execution did."""

    template_fields = ()
    ui_color = "#f0e4f8"

    def execute(self, context: Context) -> str:
        """The outcome as JSON text; left as XCom too when the execution failed, before AirflowFailException."""
        found = json.dumps(summary := self._summary(context))
        if summary["status"] == "failed":
            context["ti"].xcom_push(key=RESULT, value=found)
            raise AirflowFailException(f"the execution failed with {_told(summary.get('error'))}")
        return found

    def _summary(self, context: Context) -> dict[str, Json]:
        from noetl.runtime.outcome import summarise
        from noetl.runtime.records import RunRecord

        states = _states(context)
        ended = [
            task
            for task in self.dag.tasks
            if isinstance(task, Step) and states.get(task.task_id) in ("success", "failed")
        ]
        records: list[RunRecord] = []
        error: Json = None
        for task in ended:
            left = _left(context, task.task_id)
            if left is not None and "start" in left:
                error = left["start"]
                continue
            record = None if left is None else RunRecord.from_json(left["record"])
            if record is not None:
                records.append(record)
            if record is None or (states[task.task_id] == "failed" and not record.fails_execution):
                error = error or _crash(task)
        if any(record.fails_execution for record in records):
            error = None  # the error of an execution is that of a run, if one has any
        return summarise(records, error=error)


class StoredCredentials:
    """The credential store of a worker: its environment, then Airflow's connections (TOO-6)."""

    def get(self, name: str) -> Credential:
        """The connection whose id is `name`; CredentialMissing if there is none."""
        from airflow.sdk import Connection
        from airflow.sdk.exceptions import AirflowNotFoundException

        from noetl.runtime.credentials import missing
        from noetl.runtime.ports import Credential

        try:
            connection = Connection.get(name)
        except AirflowNotFoundException:
            raise missing(name) from None
        type_, fields = from_connection(connection)
        return Credential(name, type_, fields)


def _credentials() -> Credentials:
    from noetl.runtime.credentials import ChainedCredentials, EnvironmentCredentials

    return ChainedCredentials(EnvironmentCredentials(os.environ), StoredCredentials())


def _execution(context: Context) -> ExecutionInfo:
    from noetl.runtime.scope import ExecutionInfo

    ti = context["ti"]
    identity = uuid5(NAMESPACE_URL, f"airflow:{ti.dag_id}/{ti.run_id}")  # the same in every task of the run
    names = [name.strip() for name in os.environ.get(ALLOW_ENV, "").split(",")]
    return ExecutionInfo(str(identity), {name: os.environ[name] for name in names if name in os.environ})


def _first(workflow: ir.Workflow, info: ExecutionInfo, context: Context) -> Token:
    """The token at `start`; where there is none, the reason is left as XCom before AirflowFailException."""
    from noetl.runtime.starting import StartFailed, first_token
    from noetl.runtime.system import SystemClock

    error: Json
    try:
        return first_token(workflow, payload(context["dag_run"].conf), info, SystemClock().now())
    except StartFailed as failed:
        error = failed.error
    except ValueError as wrong:
        error = {"type": "NotSerializable", "message": str(wrong)}
    context["ti"].xcom_push(key=KEY, value=xcom.pack_refused_start(error))
    raise AirflowFailException(f"the execution did not start: {_told(error)}")


def _states(context: Context) -> dict[str, str]:
    """The state of every task of this run that has one."""
    ti = context["ti"]
    found: dict[str, str] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    return found


def _left(context: Context, task_id: str) -> xcom.Left | None:
    return xcom.unpack(context["ti"].xcom_pull(task_ids=task_id, key=KEY))


def _crash(task: Step) -> Json:
    """The error of an execution one of whose tasks left no outcome: killed, timed out, or marked by hand."""
    return {"step": task.step, "type": "TaskCrashed", "message": f"task {task.task_id} ended without an outcome"}


def _told(error: Json) -> str:
    return f"{error.get('type')}: {error.get('message')}" if isinstance(error, dict) else str(error)
