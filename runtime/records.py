"""What is kept of a run: the entries of `runs` in `noetl run --json`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from noetl.compiler.ir import Json

from .keys import Key

RunStatus: TypeAlias = Literal["success", "failed", "skipped"]


@dataclass(slots=True)
class CallRecord:
    """One call: its attempts, the rendered fields with secrets as names, and the last attempt's outcome."""

    attempts: int
    request: Json
    outcome: Json
    """`{"response": ...}` or `{"error": ...}`; null while the call is under way."""
    iteration: int | None = None
    """The index of the iteration that made it; None without a loop."""

    def to_json(self) -> dict[str, Json]:
        """The entry of `calls`."""
        entry: dict[str, Json] = {"attempts": self.attempts, "request": self.request, "outcome": self.outcome}
        return entry if self.iteration is None else {"iteration": self.iteration, **entry}


@dataclass(slots=True)
class IterationRecord:
    """One finished iteration. One whose error was handled without a `result` counts as failed (LOP-5)."""

    index: int
    status: RunStatus
    result: Json
    error: Json | None
    attempts: list[int]
    """The attempts of each of its calls."""

    def to_json(self) -> dict[str, Json]:
        """The entry of `iterations`."""
        entry: dict[str, Json] = {"index": self.index, "status": self.status, "result": self.result}
        if self.error is not None:
            entry["error"] = self.error
        entry["attempts"] = list(self.attempts)
        return entry


@dataclass(slots=True)
class RunRecord:
    """One finished run."""

    key: Key
    step: str
    status: RunStatus
    args: dict[str, Json]
    result: Json
    error: Json | None = None
    dead_path: bool = False
    """Whether it failed by `fail: {fail_workflow: false}`: no poison, and the execution may complete (RUN-3, RUN-6)."""
    calls: list[CallRecord] = field(default_factory=list)
    """Of a loop run those of all its iterations, in index order."""
    iterations: list[IterationRecord] | None = None
    """In index order; None without a loop, and where no iteration was to be made (RUL-9)."""

    @property
    def fails_execution(self) -> bool:
        """Whether this run makes the execution failed (RUN-3)."""
        return self.status == "failed" and not self.dead_path

    def shown(self) -> dict[str, Json]:
        """The run as `noetl run --json` shows it."""
        entry: dict[str, Json] = {
            "key": self.key.shown(),
            "step": self.step,
            "status": self.status,
            "args": self.args,
            "result": self.result,
        }
        if self.error is not None:
            entry["error"] = self.error
        if self.iterations is not None:
            entry["iterations"] = [iteration.to_json() for iteration in self.iterations]
        entry["calls"] = [call.to_json() for call in self.calls]
        return entry

    def to_json(self) -> dict[str, Json]:
        """Everything, for those who carry records between processes."""
        return {**self.shown(), "key": cast(Json, self.key.to_json()), "dead_path": self.dead_path}

    @classmethod
    def from_json(cls, data: Json) -> RunRecord:
        """The record written by `to_json`; ValueError or KeyError if it is another shape."""
        if not isinstance(data, dict) or not isinstance(calls := data["calls"], list):
            raise ValueError("not a run record")
        args, iterations = data["args"], data.get("iterations")
        return cls(
            key=Key.from_json(data["key"]),
            step=str(data["step"]),
            status=cast(RunStatus, data["status"]),
            args=args if isinstance(args, dict) else {},
            result=data["result"],
            error=data.get("error"),
            dead_path=data["dead_path"] is True,
            calls=[_call(c) for c in calls],
            iterations=[_iteration(i) for i in iterations] if isinstance(iterations, list) else None,
        )


def _call(data: Json) -> CallRecord:
    if not isinstance(data, dict) or not isinstance(attempts := data["attempts"], int):
        raise ValueError("not a call record")
    iteration = data.get("iteration")
    return CallRecord(attempts, data["request"], data["outcome"], iteration if isinstance(iteration, int) else None)


def _iteration(data: Json) -> IterationRecord:
    if not isinstance(data, dict) or not isinstance(index := data["index"], int):
        raise ValueError("not an iteration record")
    attempts = data["attempts"]
    kept = [n for n in attempts if isinstance(n, int)] if isinstance(attempts, list) else []
    return IterationRecord(index, cast(RunStatus, data["status"]), data["result"], data.get("error"), kept)
