"""Why the runs of an execution came about: which rule fired at which event, and the transitions that led to each run.

`Tracer` listens to an execution that is rebuilt with a trace. It keeps what happened in the runs of some steps, and all
transitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from noetl.compiler import ir
from noetl.compiler.ir import Json

from .events import Event
from .keys import Key

Verdict: TypeAlias = Literal["fired", "false", "exhausted"]
_HEARD: Final = frozenset(ir.EVENTS)
"""The events that rules listen to."""


@dataclass(slots=True)
class Tried:
    """A rule that was tried at an event. One whose retry was used up is `exhausted`: it did not match (RET-4)."""

    rule: ir.Rule
    verdict: Verdict
    names: dict[str, Json]
    """The roots that `when` reads, with their values; those that are undefined are left out."""
    kinds: dict[str, Json]
    """The kinds of those that are results (VAL-2): a part of one is read forgivingly (TPL-9)."""
    value: Json = None
    """Of `when`; null where it is undefined or raised."""
    problem: str | None = None
    """Why it counts as false without being false (TPL-4)."""


@dataclass(slots=True)
class Moment:
    """An event that rules listen to, and what became of them."""

    name: ir.EventName
    time: str
    iteration: int | None
    call: int | None
    attempt: int | None
    failed: bool
    """Whether an error was bound that nothing had handled."""
    tried: list[Tried] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Hop:
    """A transition."""

    number: int
    """Which one of the execution it was."""
    source: str
    key: Key
    """Of the run that it left."""
    iteration: int | None
    target: str
    token: str
    """The token's key as text."""
    args: Json
    rule: ir.Rule | None
    """The rule that fixed it; None for the structural `next`."""


@dataclass(slots=True)
class Traced:
    """A run."""

    step: str
    key: Key
    led: list[Hop]
    """The transitions whose tokens it took; none for the run of `start`."""
    status: str | None = None
    """None where it was under way when the log ended."""
    error: Json | None = None
    moments: list[Moment] = field(default_factory=list)
    """Kept for the steps that were asked for only."""


_Lane: TypeAlias = "tuple[Key, int | None]"


class Tracer:
    """A listener. `wanted` names the steps whose events are kept."""

    def __init__(self, workflow: ir.Workflow, wanted: frozenset[str]) -> None:
        self.runs: dict[tuple[str, Key], Traced] = {}
        """In the order in which they began."""
        self.poisoned: dict[str, str] = {}
        """Joins that never fire, with the step that failed before them (RUN-6)."""
        self._steps = {step.name: step for step in workflow.steps}
        self._wanted = wanted
        self._pending: dict[str, list[Hop]] = {}
        self._hops = 0
        self._fixed: dict[_Lane, ir.Rule] = {}
        self._calls: dict[_Lane, tuple[int | None, int | None]] = {}
        self._moments: dict[_Lane, Moment] = {}

    def of_step(self, step: str) -> list[Traced]:
        """The runs of a step, by key."""
        return sorted((run for run in self.runs.values() if run.step == step), key=lambda run: run.key)

    def before(self, run: Traced) -> list[Hop]:
        """Every transition that led to a run, those of its ancestors too, the first of all first."""
        found: dict[int, Hop] = {}
        open_runs = [run]
        while open_runs:
            for hop in open_runs.pop().led:
                if id(hop) not in found:
                    found[id(hop)] = hop
                    open_runs.append(self.runs[hop.source, hop.key])
        return sorted(found.values(), key=lambda hop: (hop.key, hop.number))

    def listen(self, event: Event) -> None:
        """Hear an event."""
        if event.name == "join.poisoned" and event.step is not None:
            self.poisoned[event.step] = str(event.data["by"])
        if event.step is None or event.key is None:
            return
        if event.name == "step.enter":
            self.runs[event.step, event.key] = Traced(event.step, event.key, self._arrived(event.step, event.key))
        run = self.runs.get((event.step, event.key))
        if event.name == "transition":
            self._leave(event.step, event.key, event)
        elif run is not None and event.name.startswith("run."):
            run.status, run.error = event.name.removeprefix("run."), event.data.get("error")
        elif run is not None:
            self._within(run, event)

    def _arrived(self, step: str, key: Key) -> list[Hop]:
        """The tokens that a new run has taken (STP-1)."""
        waiting = self._pending.get(step, [])
        if self._steps[step].join == "each":
            taken = [hop for hop in waiting if hop.key == key.parent and hop.token == key.identity()][:1]
        else:
            taken = list(waiting)
        self._pending[step] = [hop for hop in waiting if all(hop is not one for one in taken)]
        return taken

    def _leave(self, step: str, key: Key, event: Event) -> None:
        target, token = str(event.data["target"]), str(event.data["key"])
        rule = self._fixed.get((key, event.iteration))
        self._hops += 1
        hop = Hop(self._hops, step, key, event.iteration, target, token, event.data["args"], rule)
        self._pending.setdefault(target, []).append(hop)

    def _within(self, run: Traced, event: Event) -> None:
        lane = (run.key, event.iteration)
        rule = self._rule(run.step, event)
        if event.name == "rule.fired" and isinstance(rule.control if rule else None, ir.Next) and rule is not None:
            self._fixed.setdefault(lane, rule)
        if run.step not in self._wanted:
            return
        if event.name in _HEARD:
            call, attempt = self._calls.get(lane, (None, None))
            name: ir.EventName = next(known for known in ir.EVENTS if known == event.name)
            failed = "error" in event.data
            moment = Moment(name, event.time, event.iteration, call, attempt, failed)
            self._moments[lane] = moment
            run.moments.append(moment)
        elif event.name == "call.start":
            self._calls[lane] = (_number(event.data["call"]), _number(event.data["attempt"]))
        elif rule is not None and (heard := self._moments.get(lane)) is not None:
            _note(heard, rule, event)

    def _rule(self, step: str, event: Event) -> ir.Rule | None:
        index = event.data.get("rule")
        return next((rule for rule in self._steps[step].rules if rule.index == index), None)


def quiet_rules(step: ir.Step, moment: Moment) -> Iterator[tuple[ir.Rule, str]]:
    """The rules of a step that listen to an event but were not tried, and why not."""
    fired = next((tried.rule.index for tried in moment.tried if tried.verdict == "fired"), None)
    tried = {one.rule.index for one in moment.tried}
    for rule in step.rules:
        if rule.index in tried or moment.name not in rule.events:
            continue
        if fired is not None and rule.index > fired:
            yield rule, "not looked at: a rule before it fired"
        elif moment.failed and not rule.error_aware:
            yield rule, "not eligible: it does not ask about failure"
        else:
            yield rule, "not about this" + (" iteration" if moment.iteration is not None else ", but its iterations")


def _note(moment: Moment, rule: ir.Rule, event: Event) -> None:
    data = event.data
    last = moment.tried[-1] if moment.tried and moment.tried[-1].rule is rule else None
    match event.name:
        case "rule.tried":
            verdict: Verdict = "fired" if data["fired"] is True else "false"
            moment.tried.append(Tried(rule, verdict, _map(data["names"]), _map(data["kinds"]), data.get("value")))
        case "rule.error" if last is not None:
            last.problem = str(data["message"])
        case "retry.exhausted" if last is not None:
            last.verdict = "exhausted"


def _map(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _number(value: Json) -> int | None:
    return value if isinstance(value, int) else None
