"""The models of a profile: closed keys, exact types. `noetl schema profile` is made from them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from .argo import ArgoStep, ArgoWorkflow
from .cron import check as check_cron

MAX_TAG = 100
"""Most characters of a tag that Airflow takes."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Berlin") from None
    return name


def _cron(text: str) -> str:
    wrong = check_cron(text)
    if wrong is not None:
        raise ValueError(wrong)
    return text


def _moment(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date or a date and time such as 2026-01-31T06:00:00") from None
    if found.tzinfo is not None:
        raise ValueError('must have no offset: "timezone" says where its clock is')
    return text


Text = Annotated[str, Field(min_length=1)]
Tag = Annotated[str, Field(min_length=1, max_length=MAX_TAG)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
Moment = Annotated[str, AfterValidator(_moment)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AirflowStep(_Closed):
    """What only Airflow knows of a task."""

    long_wait: Seconds | None = Field(
        default=None,
        description="Seconds from which on a wait before an attempt gives the task's slot back; 30 without it.",
    )
    pool: Text | None = Field(default=None, description="The pool in which the task takes slots. It has to exist.")
    pool_slots: Count | None = Field(default=None, description="How many slots it takes there.")
    queue: Text | None = Field(default=None, description="The queue of the executor.")
    executor: Text | None = Field(default=None, description="One of the executors of the deployment, by name or alias.")
    executor_config: dict[str, JsonValue] | None = Field(
        default=None, description="What the executor is told, as it stands."
    )
    priority_weight: int | None = Field(default=None, description="What goes first where slots are short.")
    weight_rule: Literal["absolute", "downstream", "upstream"] | None = Field(
        default=None, description="How weights of tasks add up."
    )
    max_active_tis_per_dag: Count | None = Field(
        default=None, description="Most instances of the task over all DAG runs."
    )


class StepSettings(_Closed):
    """How a step's task runs."""

    owner: Text | None = Field(default=None, description="Who is asked about it.")
    timeout: Seconds | None = Field(
        default=None, description="Seconds after which the task is killed, calls and waits in all."
    )
    retries: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="How often a task is tried again whose worker was lost. A failed run is never run again.",
    )
    airflow: AirflowStep | None = None
    argo: ArgoStep | None = None


class Schedule(_Closed):
    """When executions start, and what they see of the interval that they stand for."""

    cron: Annotated[str, AfterValidator(_cron)] = Field(description="Five fields, or a name such as @daily.")
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="Where the clock of all this is."
    )
    start: Moment = Field(description="Where the first interval starts at the earliest.")
    end: Moment | None = Field(default=None, description="Where the last interval starts at the latest.")
    catchup: bool = Field(default=False, description="Whether intervals that were missed are made up for.")
    into: Annotated[str, Field(pattern=r"^[^\W\d]\w*$")] = Field(
        default="interval", description="The entry of the payload that holds the interval, as {start, end}."
    )
    payload: dict[str, JsonValue] = Field(
        default={}, description="What else the payload of a scheduled execution holds."
    )


class AirflowDag(_Closed):
    """What only Airflow knows of a DAG."""

    max_active_tasks: Count | None = Field(default=None, description="Most tasks of a DAG run at the same time.")
    dagrun_timeout: Seconds | None = Field(default=None, description="Seconds after which a DAG run counts as failed.")
    is_paused_upon_creation: bool | None = Field(default=None, description="Whether the DAG waits to be switched on.")
    dag_display_name: Text | None = Field(default=None, description="What the DAG is called on Airflow's pages.")


class General(_Closed):
    """What is said about a playbook."""

    tags: list[Tag] = Field(default=[], description="Besides those of the playbook.")
    owner: Text | None = Field(default=None, description="Who is asked about it; steps may have others.")
    schedule: Schedule | None = Field(
        default=None, description="Without one, executions are started by hand or by others."
    )
    max_active_runs: Count | None = Field(default=None, description="Most executions at the same time.")
    defaults: StepSettings = Field(default=StepSettings(), description="For every task.")
    steps: dict[str, StepSettings] = Field(
        default={},
        description="By name of a step, or by a pattern with * ? [...]. Later entries win over earlier ones.",
    )
    airflow: AirflowDag = AirflowDag()
    argo: ArgoWorkflow = ArgoWorkflow()


class Profile(General):
    """A profile, format 1."""

    profile: Literal[1] = Field(description="The format of this file.")
    playbooks: dict[str, General] = Field(
        default={},
        description="By path of a playbook (else its name), or by a pattern: what it says wins over the rest.",
    )
