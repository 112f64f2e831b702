"""The outcome of an execution from the records of its runs (RUN-3, RUN-4), the same wherever it ran."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from noetl.compiler.ir import END, Json

from .records import RunRecord


@dataclass(slots=True)
class Tally:
    """What the outcome depends on: a few of the runs, however many there were."""

    failed: RunRecord | None = None
    """Of the runs that fail the execution, that with the smallest key."""
    end: RunRecord | None = None
    """The run of `end` with the largest key."""
    last: RunRecord | None = None
    """Of the runs with a result, that with the largest key."""

    def add(self, record: RunRecord) -> None:
        """Count a run that has ended."""
        if record.fails_execution and (self.failed is None or record.key < self.failed.key):
            self.failed = record
        if record.step == END and (self.end is None or self.end.key < record.key):
            self.end = record
        if record.result is not None and (self.last is None or self.last.key < record.key):
            self.last = record

    def outcome(self, *, cancelled: bool = False, error: Json | None = None) -> dict[str, Json]:
        """`{status, output, error?}`; `error` is one outside of any run, which makes the status failed."""
        if error is None and self.failed is not None:
            told = self.failed.error
            error = {"step": self.failed.step, **(told if isinstance(told, dict) else {})}
        status = "cancelled" if cancelled else "failed" if error is not None else "completed"
        found: dict[str, Json] = {"status": status, "output": self._output()}
        if error is not None:
            found["error"] = error
        return found

    def to_json(self) -> Json:
        """As JSON."""
        return [None if r is None else r.to_json() for r in (self.failed, self.end, self.last)]

    @classmethod
    def from_json(cls, kept: Json) -> Tally:
        """The tally written by `to_json`; ValueError or KeyError if it is another shape."""
        failed, end, last = kept if isinstance(kept, list) else []
        return cls(*(None if record is None else RunRecord.from_json(record) for record in (failed, end, last)))

    def _output(self) -> Json:
        """The result of the last run of `end` if not null, else the last result that is not null (RUN-4)."""
        if self.end is not None and self.end.result is not None:
            return self.end.result
        return None if self.last is None else self.last.result


def summarise(records: Iterable[RunRecord], *, cancelled: bool = False, error: Json | None = None) -> dict[str, Json]:
    """The object of `noetl run --json`: `{status, output, error?, runs}`, runs in key order.

    `error` is one outside of any run (the workload could not be rendered, a limit was hit): it makes the status failed.
    """
    tally = Tally()
    runs = sorted(records, key=lambda record: record.key)
    for record in runs:
        tally.add(record)
    return {**tally.outcome(cancelled=cancelled, error=error), "runs": [run.shown() for run in runs]}
