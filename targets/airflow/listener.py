"""The plugin that writes finished DAG runs to the event log which `noetl why` and `noetl events` read.

Airflow loads it by the entry point `airflow.plugins` in every process; without a log in the configuration (see `calls`)
it does nothing. When the verdict of a DAG run has ended, in the process of that task, the execution is made again from
what the calls of all tasks were answered: the engine is deterministic, so its events and its state are those of the
run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from .calls import CALLS, log_place

if TYPE_CHECKING:
    from noetl.runtime.journal import ExecutionStart

    from .operators import Verdict

_ENDED: Final = ("status", "output", "error")


class Listener:
    """Hears how tasks end. What goes wrong here is in the task's log; it changes nothing for the task."""

    @hookimpl
    def on_task_instance_success(self, previous_state: object, task_instance: Any) -> None:  # Airflow's, any version
        """Keep the execution if this was its verdict."""
        del previous_state
        _ended(task_instance)

    @hookimpl
    def on_task_instance_failed(self, previous_state: object, task_instance: Any, error: object) -> None:
        """Keep the execution if this was its verdict."""
        del previous_state, error
        _ended(task_instance)


class NoetlPlugin(AirflowPlugin):
    """Airflow's handle for the listener."""

    name = "noetl"
    listeners = [Listener()]  # noqa: RUF012 (Airflow has it so)


def _ended(task_instance: Any) -> None:
    task: Any = getattr(task_instance, "task", None)
    if type(task).__module__ != "noetl.targets.airflow.operators" or type(task).__name__ != "Verdict":
        return
    place = log_place()
    if place is not None:
        _keep(place, task, task_instance)


def _keep(place: str, verdict: Verdict, ti: Any) -> None:
    from noetl.runtime.store import open_log

    from .operators import RESULT, Step
    from .rerun import rerun

    steps = [task for task in verdict.dag.tasks if isinstance(task, Step)]
    if not steps:
        return
    left = {task.task_id: ti.xcom_pull(task_ids=task.task_id, key=CALLS) for task in steps}
    told = [json.loads(text) for text in left.values() if text is not None]
    outcome: Mapping[str, Any] = json.loads(ti.xcom_pull(task_ids=verdict.task_id, key=RESULT))
    if not told:
        return
    log = open_log(place)
    try:
        start = _start(ti, steps[0], min(one["began"] for one in told))
        if log.holds(start.execution_id):
            return
        calls = {where: (time, kept) for one in told for where, time, kept in one["calls"]}
        rerun(log, start, calls, {name: outcome[name] for name in _ENDED if name in outcome})
    finally:
        log.close()


def _start(ti: Any, step: Any, time: str) -> ExecutionStart:
    from noetl.runtime.journal import ExecutionStart

    from .operators import _execution, _payload

    context = ti.get_template_context()
    playbook = step.playbook
    info = _execution(context)
    given = _payload(playbook, context)
    identity = info.execution_id if ti.try_number == 1 else f"{info.execution_id}.{ti.try_number}"
    return ExecutionStart(identity, playbook.file, playbook.text, given, info.env, time)
