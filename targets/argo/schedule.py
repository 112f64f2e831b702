"""The CronWorkflow of a playbook that a profile gives a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from noetl.compiler.ir import Json
from noetl.diagnostics import START_OF_FILE, Diagnostic

from . import contract
from .capabilities import SCHEDULE
from .contract import Scheduled, crossing
from .slots import Slots, five_fields
from .text import flow

if TYPE_CHECKING:
    from noetl.targets.profile import Schedule, Settings

SLOT: Final = "{{workflow.scheduledTime}}"
"""What Argo replaces by the slot of an execution, in UTC."""
_STEP: Final = timedelta(minutes=1)


def refused(settings: Settings | None, path: str) -> Iterator[Diagnostic]:
    """What a schedule asks for and Argo does not do."""
    if settings is not None and settings.schedule is not None and settings.schedule.catchup:
        message = 'the profile says "catchup", and target "argo" makes up for no interval that was missed'
        yield Diagnostic(SCHEDULE, message, START_OF_FILE, path, hint="submit the WorkflowTemplate for each of them")


def scheduled(settings: Settings | None) -> Scheduled | None:
    """What the pods are told of the schedule."""
    schedule = None if settings is None else settings.schedule
    return None if schedule is None else Scheduled(five_fields(schedule.cron), schedule.timezone, schedule.into)


def cron_workflow(name: str, labels: dict[str, Json], settings: Settings | None) -> str:
    """The document, empty without a schedule. Its Workflows get their slot as `end` of the interval."""
    schedule = None if settings is None else settings.schedule
    if schedule is None:
        return ""
    # The payload's own text is escaped; only Argo's tag is one.
    payload = crossing({**schedule.payload, schedule.into: {"end": "SLOT"}})
    head, _, tail = payload.rpartition('"SLOT"')
    parameter: Json = {"name": contract.PAYLOAD, "value": f'{head}"{SLOT}"{tail}'}
    spec: dict[str, Json] = {
        "schedules": [five_fields(schedule.cron)],
        "timezone": schedule.timezone,
        "when": when(schedule),
        "concurrencyPolicy": "Allow",
        "workflowMetadata": {"labels": labels},
        "workflowSpec": {"workflowTemplateRef": {"name": name}, "arguments": {"parameters": [parameter]}},
    }
    lines = "".join(f"  {key}: {flow(value)}\n" for key, value in spec.items())
    return (
        "---\napiVersion: argoproj.io/v1alpha1\nkind: CronWorkflow\n"
        f"metadata:\n  name: {name}\n  labels: {flow(labels)}\nspec:\n{lines}"
    )


def when(schedule: Schedule) -> str:
    """When a slot starts an execution: once the first interval has ended, up to the end of the last one."""
    slots = Slots(schedule.cron, schedule.timezone)
    parts = [f"now() >= date('{_shown(_ended(slots, schedule.start, schedule.timezone))}')"]
    if schedule.end is not None:
        # The last interval is the first that starts after `end`, taken back by one.
        after = _ended(slots, schedule.end, schedule.timezone, strictly=True)
        parts.append(f"now() < date('{_shown(after)}')")
    return f"{{{{= {' && '.join(parts)} }}}}"


def _ended(slots: Slots, text: str, zone: str, *, strictly: bool = False) -> datetime:
    """The end of the first interval that starts at a moment (or only after it); far off if there is none."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    start = slots.after(moment + _STEP if strictly else moment)
    end = None if start is None else slots.after(start + _STEP)
    return end or datetime.max.replace(tzinfo=ZoneInfo("UTC"), microsecond=0)


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
