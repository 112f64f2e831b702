"""What a profile says, as arguments of the DAG and of its tasks in an emitted file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from noetl.compiler import ir
from noetl.compiler.findings import quoted as shown
from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic, Severity, kind
from noetl.targets.waits import LONG, longest_wait

from .layout import Layout, StepTask
from .literals import json_literal, quoted

if TYPE_CHECKING:
    from noetl.targets.profile import Schedule, Settings, StepSettings

DIFFER: Final = kind(
    "NTL511", "settings-differ-in-region", Severity.ERROR, "steps that are one task and have different settings"
)
_SECONDS: Final = {"timeout": "execution_timeout"}
"""Settings in seconds, with what Airflow calls them."""


def conflicts(layout: Layout, settings: Settings, path: str) -> Iterator[Diagnostic]:
    """A diagnostic for each setting that the steps of one task have with different values."""
    for task in layout.steps:
        first: dict[str, tuple[ir.Step, object]] = {}
        for step in task.unit.steps if task.copy.id.number == 1 else ():
            for name, value in _flat(settings.step(step.name)):
                other, before = first.setdefault(name, (step, value))
                if before != value:
                    message = (
                        f"steps {shown(other.name)} and {shown(step.name)} are one task on Airflow, "
                        f'and the profile gives them different values of "{name}"'
                    )
                    yield Diagnostic(DIFFER, message, step.span, path, hint="give all steps of a region the same")


def task_arguments(task: StepTask, settings: Settings) -> list[str]:
    """The arguments of a task beyond the defaults; of a region those that any of its steps has."""
    found = dict(entry for step in task.unit.steps for entry in _arguments(settings.step(step.name)))
    return [f"{_airflow_name(name)}={_literal(name, value)}" for name, value in found.items()]


def default_arguments(settings: Settings | None) -> str:
    """`default_args`: a failed run is never run again, so nothing is tried again unless the profile says so."""
    found: dict[str, object] = {"retries": 0, **(dict(_arguments(settings.defaults)) if settings else {})}
    return "{" + ", ".join(f"{quoted(_airflow_name(n))}: {_literal(n, v)}" for n, v in found.items()) + "}"


def long_wait(task: StepTask, settings: Settings | None) -> float | None:
    """From how many seconds on a wait of the task is long; None where no rule asks for such a wait."""
    said = [] if settings is None else [settings.defaults, *(settings.step(step.name) for step in task.unit.steps)]
    given = [one.airflow.long_wait for one in said if one.airflow is not None and one.airflow.long_wait is not None]
    long = given[-1] if given else LONG
    return long if any(longest_wait(step) >= long for step in task.unit.steps) else None


def region_retries(settings: Settings | None, task: StepTask) -> bool:
    """Whether the profile says how often the region is tried again."""
    if settings is None:
        return False
    said = [settings.defaults, *(settings.step(step.name) for step in task.unit.steps)]
    return any(one.retries is not None for one in said)


def dag_arguments(settings: Settings | None) -> str:
    """The schedule and what else a profile says of the DAG, a line for each argument."""
    schedule = settings.schedule if settings else None
    lines = ["schedule=None", "catchup=False"] if schedule is None else _schedule(schedule)
    if settings is not None:
        if settings.max_active_runs is not None:
            lines.append(f"max_active_runs={settings.max_active_runs}")
        for name, value in settings.airflow:
            if value is not None:
                lines.append(f"{name}={_literal(name, value)}")
    return "".join(f"    {line},\n" for line in lines)


def playbook_arguments(settings: Settings | None) -> str:
    """What a scheduled execution is given besides the conf, as arguments of `Playbook`."""
    schedule = settings.schedule if settings else None
    if schedule is None:
        return ""
    lines = f"    interval={quoted(schedule.into)},\n"
    return lines + (f"    payload={json_literal(schedule.payload, 4)},\n" if schedule.payload else "")


def imports(settings: Settings | None, used: Sequence[str]) -> str:
    """The lines before the other imports: what the arguments in `used` speak of."""
    standard = "from datetime import timedelta\n\n" if any("timedelta(" in text for text in used) else ""
    return standard + ("import pendulum\n" if settings is not None and settings.schedule is not None else "")


def _schedule(schedule: Schedule) -> list[str]:
    zone = quoted(schedule.timezone)
    lines = [f"schedule=CronDataIntervalTimetable({quoted(schedule.cron)}, timezone={zone})"]
    lines.append(f"start_date={_moment(schedule.start, zone)}")
    if schedule.end is not None:
        lines.append(f"end_date={_moment(schedule.end, zone)}")
    return [*lines, f"catchup={schedule.catchup}"]


def _moment(text: str, zone: str) -> str:
    moment = datetime.fromisoformat(text)
    parts = [moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second]
    while len(parts) > 3 and parts[-1] == 0:
        parts.pop()
    return f"pendulum.datetime({', '.join(map(str, parts))}, tz={zone})"


def _flat(settings: StepSettings) -> Iterator[tuple[str, object]]:
    """Every setting that is given, Airflow's own behind those of all targets."""
    for name, value in settings:
        if value is not None and name not in ("airflow", "argo"):
            yield name, value
    if settings.airflow is not None:
        yield from ((name, value) for name, value in settings.airflow if value is not None)


def _arguments(settings: StepSettings) -> Iterator[tuple[str, object]]:
    """Those that are arguments of every operator."""
    return ((name, value) for name, value in _flat(settings) if name != "long_wait")


def _airflow_name(name: str) -> str:
    return _SECONDS.get(name, name)


def _literal(name: str, value: object) -> str:
    if name in _SECONDS or name == "dagrun_timeout":
        return f"timedelta(seconds={value:g})"
    data: Json = value if isinstance(value, str | int | float | bool | dict) else None
    return json_literal(data, 8)
