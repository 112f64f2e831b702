"""Outcomes that reach the rules of a playbook: drawn from what its expressions ask, kept where they reach more.

The search is guided by coverage: what reached a rule, a transition or an ending that nothing before did is a case. It
is a function of the playbook and the seed.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from noetl.compiler import ir
from noetl.compiler.ir import Json
from noetl.runtime.events import Event
from noetl.runtime.mock import THROUGH, Recording
from noetl.runtime.ports import Outcome, ToolCall, ToolRunner

from .adapters import runtime
from .case import Case
from .coverage import Coverage
from .drawn import expected
from .mining import ANY, ERRORS, STATUSES, Mined, Path, Pool, mine, put
from .observation import Observation

TRIES: Final = 300
"""Executions at most."""
IDLE: Final = 120
"""After so many in which nothing new was reached the search ends."""
_FIRST_FAILURE: Final = 400
_ENVELOPE: Final = frozenset({"status", "status_code", "headers", "url", "elapsed", "data", "body", "metadata"})
_TAGGED: Final = frozenset(
    {"call.error", "run.failed", "run.success", "run.skipped", "retry.exhausted", "join.poisoned"}
)
_CALLS: Final = 40
"""From so many calls of a run on, they come to the usual success, so that paging ends."""


@dataclass(slots=True)
class Reached:
    """The cases of a playbook, and what they reach."""

    cases: list[Case] = field(default_factory=list)
    fired: set[tuple[str, int]] = field(default_factory=set)
    tried: int = 0


def reach(case: Case, workflow: ir.Workflow, seed: int) -> Reached:
    """Search for outcomes of a case's playbook; the case itself says which playbook, payload and environment."""
    mined = mine(workflow)
    found, idle = Reached(), 0
    seen: set[str] = set()
    rules = sum(len(step.rules) for step in workflow.steps)
    for number in range(TRIES):
        trial = _Trial(f"{seed}:{number}", number, mined)
        tried = case.model_copy(update={"payload": trial.payload(case.payload), "outcomes": None})
        tags, fired, observed = _run(tried, workflow, trial)
        found.tried += 1
        idle = 0 if tags - seen else idle + 1
        if tags - seen and observed.summary is not None:
            seen |= tags
            found.fired |= fired
            found.cases.append(_kept(tried, len(found.cases), trial.entries(), observed))
        if idle >= IDLE or (len(found.fired) == rules and idle >= IDLE // 4):
            break
    return found


def _run(case: Case, workflow: ir.Workflow, trial: _Trial) -> tuple[set[str], set[tuple[str, int]], Observation]:
    """What one execution reached."""
    watcher = Coverage().watch(workflow)
    tags: set[str] = set()

    def listen(event: Event) -> None:
        watcher(event)
        if event.name == "loop.start":
            length = event.data.get("length", 0)
            tags.add(f"loop {event.step} {min(length, 2) if isinstance(length, int) else 0}")
        elif event.name in _TAGGED:
            tags.add(f"{event.name} {event.step}")

    observed = runtime.observe(case, runtime.Watch(listen, tools=trial.wrap))
    tags |= {f"rule {step} {index}" for step, index in watcher.fired}
    tags |= {f"next {step} {target}" for step, target in watcher.taken}
    tags.add(f"status {observed.summary['status'] if observed.summary else observed.problem}")
    return tags, watcher.fired, observed


def _kept(case: Case, number: int, outcomes: list[Json], observed: Observation) -> Case:
    told = case.model_dump(mode="json", by_alias=True, exclude_unset=True)
    name = f"{case.id}-{number + 1}"
    return Case.model_validate({**told, "id": name, "outcomes": outcomes, "expect": expected(observed)})


class _Trial:
    """Outcomes and a payload that are a function of a seed and the place."""

    def __init__(self, seed: str, number: int, mined: Mined) -> None:
        self._seed = seed
        self._mined = mined
        self._failing = (0, 0, 4, 1, 2)[number % 5] if number else 0
        """Of every eight attempts, how many fail."""
        self._usual = number == 0
        self._streams: list[io.StringIO] = []

    def payload(self, given: dict[str, Json]) -> dict[str, Json]:
        """The payload that is given, with some of what the playbook reads of its workload."""
        made: Json = dict(given)
        pool = {} if self._usual else self._mined.workload
        for path, values in sorted(pool.items(), key=str):
            if path and not _deeper(path, pool) and self._draw("payload", path) % 3 == 0:
                made = put(made, path, self._value(values, "payload", path))
        return made if isinstance(made, dict) else given

    def wrap(self, tools: ToolRunner) -> ToolRunner:
        """Answers instead of tools; what is answered is written down."""
        self._streams.append(io.StringIO())
        return Recording(_Answering(self, tools), self._streams[-1], callers=True)

    def entries(self) -> list[Json]:
        """What was answered, as the outcomes of a case."""
        return [entry for stream in self._streams for entry in json.loads(stream.getvalue())["outcomes"]]

    def outcome(self, request: ToolCall) -> Outcome:
        """What an attempt comes to."""
        place = str(request.place)
        many = request.place.call > _CALLS or request.place.iteration > _CALLS
        fails = not many and self._draw("fails", place) % 8 < self._failing
        pool = self._mined.all_responses() if self._mined.calls else self._mined.responses[request.step]
        if fails:
            return self._failure(request, place)
        response = self._response({} if many else pool, place)
        return _as(request.kind, response, 200)

    def _response(self, pool: Pool, place: str) -> Json:
        made: Json = {}
        for path, values in sorted(pool.items(), key=lambda entry: str(entry[0])):
            if not _deeper(path, pool) and (path or len(pool) == 1):
                made = put(made, path, self._value(values, place, path))
        return made

    def _failure(self, request: ToolCall, place: str) -> Outcome:
        statuses = [*self._ints(("status",)), *self._ints(("status_code",)), *STATUSES]
        status = statuses[self._draw("status", place) % len(statuses)]
        if request.kind == "http" and self._draw("answered", place) % 4:
            return _as("http", {}, status if status >= _FIRST_FAILURE else STATUSES[0])
        types = [value for value in self._mined.errors.get(("type",), []) if isinstance(value, str)]
        kinds = [*types, *ERRORS]
        error: Json = {"type": kinds[self._draw("type", place) % len(kinds)], "message": f"attempt at {place}"}
        for path, values in sorted(self._mined.errors.items(), key=lambda entry: str(entry[0])):
            if path and path not in (("type",), ("message",)):
                error = put(error, path, self._value(values, place, path))
        return Outcome(error=error)

    def _ints(self, path: Path) -> list[int]:
        return [v for v in self._mined.errors.get(path, []) if isinstance(v, int) and 400 <= v < 600]

    def _value(self, values: list[Json], *place: object) -> Json:
        """Something that the expression is about, more often than anything else."""
        drawn = self._draw("value", *place)
        if values and drawn % 4:
            return values[drawn // 4 % len(values)]
        return ANY[0 if self._usual else drawn // 4 % len(ANY)]

    def _draw(self, *parts: object) -> int:
        return crc32(f"{self._seed}:{':'.join(map(str, parts))}".encode()) // 7


class _Answering:
    """Tools that a trial stands for."""

    def __init__(self, trial: _Trial, through: ToolRunner) -> None:
        self._trial = trial
        self._through = through

    async def call(self, request: ToolCall) -> Outcome:
        """The outcome of the trial; what reaches nothing outside is as it is anywhere."""
        if request.kind in THROUGH:
            return await self._through.call(request)
        return self._trial.outcome(request)

    async def close(self) -> None:
        """Close what is real."""
        await self._through.close()


def _deeper(path: Path, pool: Pool) -> bool:
    """Whether something inside of the value at a path is read, too."""
    return any(len(other) > len(path) and other[: len(path)] == path for other in pool)


def _as(kind: str, response: Json, status: int) -> Outcome:
    """A response in the form of its kind (TOO-1, TOO-2)."""
    if kind == "http":
        return _http(response, status)
    if kind in ("postgres", "duckdb"):
        found = response if isinstance(response, dict) else {}
        rows = found.get("rows", [found] if found else [])
        listed: list[Json] = rows if isinstance(rows, list) else [rows]
        first = listed[0] if listed else None
        columns: list[Json] = list(first) if isinstance(first, dict) else []
        result: dict[str, Json] = {"rows": listed, "row_count": len(listed), "columns": columns}
        return Outcome(response={"command_0": dict(result), **result}, view="sql")
    return Outcome(response=response)


def _http(response: Json, status: int) -> Outcome:
    found = response if isinstance(response, dict) else {}
    data: Json = {name: value for name, value in found.items() if name not in _ENVELOPE}
    for name in ("body", "data"):
        inner = found.get(name)
        if isinstance(inner, dict) and isinstance(data, dict):
            data = {**data, **inner}
        elif name in found:
            data = inner
    code = next((c for n in ("status", "status_code") if isinstance(c := found.get(n), int) and 100 <= c < 600), status)
    told: dict[str, Json] = {"status_code": code, "url": "http://api.invalid/", "elapsed": 0.0}
    headers: Json = found.get("headers", {})
    envelope: dict[str, Json] = {"status": code, **told, "headers": headers, "data": data, "body": data}
    envelope["metadata"] = told
    if code < _FIRST_FAILURE:
        return Outcome(response=envelope, view="http")
    error: dict[str, Json] = {"type": "HttpStatus", "message": f"answered {code}", "status": code, "status_code": code}
    return Outcome(error={**error, "headers": headers, "body": data}, answered=envelope, view="http")
