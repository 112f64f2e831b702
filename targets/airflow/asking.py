"""What a task of ours asks Airflow about its DAG run: states, what other tasks left, what its own last try kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from . import xcom
from .checkpoints import Checkpoints

if TYPE_CHECKING:
    from airflow.sdk import Context

    from noetl.compiler import ir
    from noetl.compiler.ir import Json
    from noetl.runtime.packet import Token
    from noetl.runtime.scope import ExecutionInfo

    from .values import Values

KEY: Final = "noetl"
"""The XCom of a step's task."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the runs of a task are given."""

    context: Context
    workflow: ir.Workflow
    tokens: list[Token]
    failed: list[str]
    """The steps above with failed runs that poison joins here (RUN-6)."""
    info: ExecutionInfo
    values: Values

    def depends(self) -> list[Json]:
        """All that the runs depend on besides the replies to them."""
        return [self.info.execution_id, *(token.to_json() for token in self.tokens), *self.failed]

    def pulled(self, task_id: str) -> list[Any]:
        """What a task left, of one with several instances what each left."""
        found = self.context["ti"].xcom_pull(task_ids=task_id, key=KEY)
        texts = found if isinstance(found, list) else [found]
        return [json.loads(text) for text in texts if text is not None]


def states_of(context: Context) -> dict[str, str]:
    """The state of every task of this run that has one."""
    ti = context["ti"]
    found: dict[str, str] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    return found


def left_by(context: Context, task_id: str) -> xcom.Left | None:
    """What a task left; None if it left nothing."""
    return xcom.unpack(context["ti"].xcom_pull(task_ids=task_id, key=KEY))


def kept_in(context: Context, given: Iterable[Json], *, at_once: bool) -> Checkpoints | None:
    """A checkpoint, where this version of Airflow has a store of task states (from 3.3 on)."""
    store, ti = context.get("task_state_store"), context["ti"]
    if store is None:
        return None
    cleared = ti.max_tries - (ti.task.retries or 0)  # clearing a task adds the tries before it to both of its counts
    return Checkpoints(store, given, cleared=cleared, tries=ti.try_number - 1 - cleared, at_once=at_once)
