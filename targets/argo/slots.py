"""When a schedule starts executions, and the interval that each of them stands for: from the slot before to its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from noetl.compiler.ir import Json

_PRESETS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
_LEAST: Final = (0, 0, 1, 1, 0)
_MOST: Final = (59, 23, 31, 12, 6)
_NAMES: Final[tuple[tuple[str, ...], ...]] = (
    (),
    (),
    (),
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
)
_YEARS: Final = 9
"""Years without a slot after which there is none: the 29th of February is left out once in eight."""


def five_fields(cron: str) -> str:
    """A schedule as Argo takes it: five fields, Sunday 0.

    >>> five_fields("@daily"), five_fields("0 6 * * 5-7")
    ('0 0 * * *', '0 6 * * 0,5,6')
    """
    *rest, days = _PRESETS.get(cron, cron).lower().split()
    return " ".join([*rest, ",".join(map(str, sorted(_numbers(days, 4)))) if "7" in days else days])


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of a schedule; `cron` is one that a profile accepts."""

    cron: str
    timezone: str

    def before(self, moment: datetime) -> datetime | None:
        """The last slot before a moment, in UTC; None if there is none in years."""
        here = moment.astimezone(ZoneInfo(self.timezone))
        days = (here.date() - timedelta(days=n) for n in range(_YEARS * 366))
        return self._first(days, lambda slot: slot < moment, last=True)

    def after(self, moment: datetime) -> datetime | None:
        """The first slot at a moment or after it, in UTC; None if there is none in years."""
        here = moment.astimezone(ZoneInfo(self.timezone))
        days = (here.date() + timedelta(days=n) for n in range(_YEARS * 366))
        return self._first(days, lambda slot: slot >= moment, last=False)

    def _first(self, days: Iterator[date], fits: Callable[[datetime], bool], *, last: bool) -> datetime | None:
        fields = five_fields(self.cron).split()
        minutes, hours, in_month, months, in_week = (_numbers(field, n) for n, field in enumerate(fields))
        for day in days:
            of_month, of_week = day.day in in_month, day.isoweekday() % 7 in in_week
            both = fields[2] == "*" or fields[4] == "*"
            if day.month not in months or not (of_month and of_week if both else of_month or of_week):
                continue
            found = {slot for hour in hours for minute in minutes for slot in self._at(day, time(hour, minute))}
            if fitting := [slot for slot in found if fits(slot)]:
                return max(fitting) if last else min(fitting)
        return None

    def _at(self, day: date, clock: time) -> Iterator[datetime]:
        """The moment of a clock's time in UTC; none where the clock skips it."""
        zone = ZoneInfo(self.timezone)
        found = datetime.combine(day, clock, zone).astimezone(UTC)
        if found.astimezone(zone).time() == clock:
            yield found


def filled(payload: Mapping[str, Json], slots: Slots, into: str) -> dict[str, Json]:
    """The payload of an execution with the interval that it stands for, where its slot is given as the only `end`.

    ValueError if that is no moment.
    """
    given = payload.get(into)
    if not isinstance(given, dict) or given.keys() != {"end"} or not isinstance(text := given["end"], str):
        return dict(payload)
    end = datetime.fromisoformat(text)
    if end.tzinfo is None:
        raise ValueError(f'"{text}" has no offset')
    start = slots.before(end)
    return {**payload, into: {"start": told(end if start is None else start), "end": told(end)}}


def told(moment: datetime) -> str:
    """A moment as payloads have it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _numbers(field: str, place: int) -> set[int]:
    found: set[int] = set()
    for item in field.lower().split(","):
        span, _, step = item.partition("/")
        low, _, high = span.partition("-")
        first = _LEAST[place] if span == "*" else _number(low, place)
        last = _MOST[place] if span == "*" else _number(high or low, place)
        found.update(range(first, last + 1, int(step or 1)))
    return {0 if place == 4 and number == 7 else number for number in found}


def _number(text: str, place: int) -> int:
    return _NAMES[place].index(text) + _LEAST[place] if text in _NAMES[place] else int(text)
