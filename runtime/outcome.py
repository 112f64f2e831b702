"""The outcome of an execution from the records of its runs (RUN-3, RUN-4), the same wherever it ran."""

from __future__ import annotations

from collections.abc import Iterable

from noetl.compiler.ir import END, Json

from .records import RunRecord


def summarise(records: Iterable[RunRecord], *, cancelled: bool = False, error: Json | None = None) -> dict[str, Json]:
    """The object of `noetl run --json`: `{status, output, error?, runs}`, runs in key order.

    `error` is one outside of any run (the workload could not be rendered, a limit was hit): it makes the status failed.
    """
    runs = sorted(records, key=lambda record: record.key)
    return {**concluded(runs, cancelled=cancelled, error=error), "runs": [r.shown() for r in runs]}


def concluded(records: Iterable[RunRecord], *, cancelled: bool = False, error: Json | None = None) -> dict[str, Json]:
    """The same object without its runs, whose keys grow with the square of their number where steps form a cycle."""
    runs = sorted(records, key=lambda record: record.key)
    failed = [r for r in runs if r.fails_execution]
    if error is None and failed:
        first = failed[0]
        error = {"step": first.step, **(first.error if isinstance(first.error, dict) else {})}
    status = "cancelled" if cancelled else "failed" if error is not None else "completed"
    found: dict[str, Json] = {"status": status, "output": output(runs)}
    if error is not None:
        found["error"] = error
    return found


def output(runs: Iterable[RunRecord]) -> Json:
    """The result of the last run of `end` if not null, else the last result that is not null (RUN-4)."""
    ordered = sorted(runs, key=lambda r: r.key)
    ends = [r for r in ordered if r.step == END]
    if ends and ends[-1].result is not None:
        return ends[-1].result
    return next((r.result for r in reversed(ordered) if r.result is not None), None)
