"""When Airflow tries a task of ours again; from 3.3 on, where there are policies for that."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy

from .waiting import LongWait

if TYPE_CHECKING:
    from airflow.sdk import Context


class LongWaits(RetryPolicy):
    """Tries a task again when its wait is over, and a task whose try was lost only as often as it was to be."""

    def __init__(self, resumes: int) -> None:
        self._resumes = resumes

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """When the next try is; none where too many were lost."""
        del try_number, max_tries
        if isinstance(exception, LongWait):
            return RetryDecision.retry(timedelta(seconds=exception.seconds), str(exception))
        task = None if context is None else context["ti"].task
        if getattr(task, "lost", 0) >= self._resumes:
            return RetryDecision.fail(f"the task is tried again {self._resumes} times at most")
        return RetryDecision.default()
