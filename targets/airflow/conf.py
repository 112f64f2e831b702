"""The conf of a DAG run as a payload (RUN-1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from noetl.compiler.ir import Json

WHOLE: Final = "noetl_payload"
"""As the only key of a conf: the payload as JSON text, out of reach of what Airflow's database does to a conf."""


SCHEDULED: Final = frozenset({"scheduled", "backfill"})
"""The types of DAG runs that stand for an interval of the schedule."""


class Interval(Protocol):
    """What is read of a DAG run."""

    @property
    def run_type(self) -> str: ...
    @property
    def data_interval_start(self) -> datetime | None: ...
    @property
    def data_interval_end(self) -> datetime | None: ...


def interval(run: Interval) -> dict[str, Json] | None:
    """The interval of a scheduled DAG run as `{start, end}`, ISO 8601 in UTC; None for any other run."""
    start, end = run.data_interval_start, run.data_interval_end
    if run.run_type not in SCHEDULED or start is None or end is None:
        return None
    return {"start": _told(start), "end": _told(end)}


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def payload(conf: Mapping[str, Json] | None) -> dict[str, Json]:
    """The payload of a conf; ValueError, which says why, if `noetl_payload` holds none."""
    if not conf:
        return {}
    if set(conf) != {WHOLE}:
        return dict(conf)
    text = conf[WHOLE]
    if not isinstance(text, str):
        raise ValueError(f'"{WHOLE}" of the conf is a JSON text, not {type(text).__name__}')
    try:
        found: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'"{WHOLE}" of the conf is not JSON: {error}') from None
    if not isinstance(found, dict):
        raise ValueError(f'"{WHOLE}" of the conf is a JSON object, not {type(found).__name__}')
    return found
