"""Long waits: a task that only waits gives its slot back, and Airflow tries it again when the wait is over.

A `RetryPolicy` says when that is (`retrying`). Putting off the same try instead, by `AirflowRescheduleException`, is
not safe: on a busy scheduler the news that the worker has ended may come when the task is queued again, under the same
number, and then counts as its loss. A try of its own has a number of its own. As tries are spent on waits, those that
were lost are counted here, and not by Airflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from noetl.errors import NoetlError

if TYPE_CHECKING:
    from noetl.runtime.ports import Clock

    from .checkpoints import Checkpoints

WAITS: Final = 20
"""Most waits for which a task gives its slot back; those that come after hold it."""


class LongWait(NoetlError):
    """Nothing is under way but a wait of so many seconds; what was done until here is kept."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"a wait of {seconds:.1f} s before the next attempt: the task gives its slot back until then")
        self.seconds = seconds


class Leaving:
    """A clock on which nobody sleeps for long. It is asked to sleep only while nothing else is under way."""

    virtual: Final = False

    def __init__(self, clock: Clock, long: float, checkpoints: Checkpoints) -> None:
        self._clock = clock
        self._long = long
        self._checkpoints = checkpoints

    def now(self) -> str:
        """The time."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have gone by; LongWait at once if they are many, and tries are left for it."""
        if seconds >= self._long and self._checkpoints.waits < WAITS:
            raise LongWait(seconds)
        await self._clock.sleep(seconds)
