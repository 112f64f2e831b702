"""One turn of a step: its calls, their outcome and its exit, with the rules that hear them (semantics 4 to 6).

A run of a step without a loop has one turn, a loop run one for each iteration and one around them (LOP-2). A turn is a
generator: it yields commands and is sent replies. It is pure: time, outcomes and waits come from whoever drives it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from math import nan
from typing import Final, Literal, TypeAlias, TypeVar, assert_never

from noetl.compiler import ir
from noetl.compiler.expr import TemplateFailed, evaluate
from noetl.compiler.expr.analysis import names
from noetl.compiler.ir import Json
from noetl.compiler.values import MISSING, View, is_undefined, mask, truth

from .collecting import collect, collect_path
from .commands import Command, Invoke, Reply, Wait
from .events import Event, Listener
from .keys import Key
from .packet import ABSENT, Result, Write, apply_write
from .ports import CallPlace, Outcome
from .records import CallRecord
from .rendering import Prepared, RenderFailed, Requests, render_json, render_map
from .results import result_of
from .scope import Scope

MAX_WAIT: Final = 30 * 86_400.0
"""Seconds that a single retry may wait; a longer wait is a mistake in the backoff (RET-2)."""

_T = TypeVar("_T")
Steps: TypeAlias = Generator[Command, Reply, _T]
"""A part of a turn: it yields commands, is sent a reply to each, and ends with a value."""
Transition: TypeAlias = "tuple[ir.Edge, dict[str, Json], Json | None]"
"""An edge that was taken, the args of its token, and the error that was bound there (RUL-4)."""


@dataclass(frozen=True, slots=True)
class Activation:
    """What all turns of a run share."""

    workflow: ir.Workflow
    step: ir.Step
    key: Key
    listener: Listener


@dataclass(frozen=True, slots=True)
class Effect:
    """What a fired rule asks of the turn besides its writes."""

    handled: bool = False
    again: Prepared | None = None
    retry: float | None = None
    """Seconds to wait before the last call is repeated."""
    wait: float = 0.0
    """Seconds to wait before `again`."""


class Failed(Exception):
    """The run fails and nothing of it goes on (STP-5)."""

    def __init__(self, error: Json, dead_path: bool = False) -> None:
        self.error = error
        self.dead_path = dead_path


class Skipped(Exception):
    """SKP-1."""


class Turn:
    """The state of one turn. `call` and `exit` are its life; everything else here serves them."""

    def __init__(
        self, activation: Activation, scope: Scope, inherited: Json | None, role: Literal["run", "iteration", "loop"]
    ) -> None:
        """`role` says whether the turn is the whole run, an iteration of a loop run, or what is around these."""
        self.scope = scope
        self.index = 0
        """Of an iteration its index; around a loop 0 before, and the loop's length after the iterations (CAU-3)."""
        self.requests = Requests(activation.workflow, activation.step.name, scope)
        self.calls: list[CallRecord] = []
        self.attempts: list[int] = []
        """The attempts of every call."""
        self.failure: Json | None = None
        self.writes: list[tuple[str, Write]] = []
        self.transitions: list[Transition] | None = None
        """None until the first `next` (STP-7)."""
        self._activation = activation
        self._step = activation.step
        self._role = role
        self._inherited = inherited
        self._retries: dict[int, int] = {}
        self._answered: Result | None = None
        self._response: Result | None = None
        self._result: Result | None = None
        self._handled = False
        self._sinks: tuple[tuple[ir.Sink, dict[str, Json]], ...] = ()
        self._pages: str | None = None
        self._emptied: set[str] = set()

    # -- the life of a turn ------------------------------------------------------------------------------------------

    def call(self, prepared: Prepared) -> Steps[None]:
        """Calls, one after the other, until no rule asks for another (STP-4, STP-5, CALL-1, RET)."""
        limit = self.scope.info.limits.calls
        while True:
            if len(self.attempts) >= limit:
                raise Failed({"type": "LimitExceeded", "message": f"more than {limit} calls in one run"})
            if not self.scope.info.records:
                self.calls.clear()
            self.calls.append(CallRecord(0, prepared.shown, None, self._iteration()))
            self.attempts.append(0)
            self._retries = {}
            effect = yield from self._attempts(prepared)
            if effect.again is None:
                return
            if effect.wait > 0:
                yield from self._wait(effect.wait)
            prepared = effect.again

    def exit(self) -> Steps[None]:
        """STP-6: for a run without a loop and for an iteration."""
        if self.failure is not None:
            effect = yield from self.event("step.exit")
            if not (self._handled or effect.handled):
                raise Failed(self.failure)
            return
        if self._role == "run":
            self.scope.own = (self._step.name, self.told())
        self.bind("step.exit")
        if self._role == "run":
            self._write_vars()
        for sink, args in self._sinks:
            yield from self._sink(sink, args)
        if self._step.sink:
            yield from self._sink(self._step.sink)
        yield from self.event("step.exit")

    def done(self, total: Json, length: int) -> Steps[None]:
        """LOP-3: `loop.done`, with the result of the loop bound (LOP-5)."""
        self.index = length
        self._inherited = None
        self.scope.inherited_error = False
        self._response = Result(total, "plain")
        yield from self.event("loop.done")

    def last_exit(self) -> Steps[None]:
        """LOP-3: the last step.exit of a loop run, which its iterations' sinks have nothing to do with."""
        self.scope.own = (self._step.name, self.told())
        self.bind("step.exit")
        self._write_vars()
        yield from self.event("step.exit")

    def take_structural(self) -> None:
        """STP-7: the structural `next`, where no rule fixed the transitions; it never carries an error (RUL-4)."""
        if self.transitions is None and self._step.next is not None:
            self.transitions = [(e, render_map(e.args, self.scope), None) for e in self._step.next.edges]

    def told(self) -> Result:
        """RES-1, COL-3: the result so far."""
        if self._result is not None:
            return self._result
        if self._pages is not None:
            return Result(self.scope.stored(self._pages), "plain")
        return self._response or Result(None, "plain")

    def taken_writes(self) -> list[tuple[str, Write]]:
        """The writes since this was last asked."""
        writes, self.writes = self.writes, []
        return writes

    # -- calls -------------------------------------------------------------------------------------------------------

    def _attempts(self, prepared: Prepared) -> Steps[Effect]:
        record = self.calls[-1]
        while True:
            self.attempts[-1] += 1
            record.attempts += 1
            outcome = yield from self._attempt(prepared)
            record.outcome = {"error": outcome.error} if outcome.error is not None else {"response": outcome.response}
            self._sinks = prepared.sinks
            effect = yield from self._outcome(outcome)
            if effect.retry is None:
                return effect
            if effect.retry > 0:
                yield from self._wait(effect.retry)

    def _attempt(self, prepared: Prepared) -> Steps[Outcome]:
        if prepared.request is None:
            return Outcome(error=prepared.error)
        attempt = self.attempts[-1]
        self.emit("call.start", {"call": len(self.attempts), "attempt": attempt, "request": prepared.shown})
        return (yield from self._invoke(Invoke(replace(prepared.request, place=self._place(attempt=attempt)))))

    def _outcome(self, outcome: Outcome) -> Steps[Effect]:
        """STP-5: call.done, or call.error and, unless that handled it, call.done with the error."""
        self._inherited = None
        self.scope.inherited_error = False
        self._handled = False
        if outcome.error is None:
            self.failure, self._answered = None, None
            self._response = Result(outcome.response, outcome.view)
            return (yield from self.event("call.done"))
        self.failure = outcome.error
        self._answered = None if outcome.answered is None else Result(outcome.answered, "http")
        for event in _OF_A_FAILURE:
            effect = yield from self.event(event)
            if effect.handled:
                self._handled = True
                return effect
        return Effect()

    def _invoke(self, command: Invoke) -> Steps[Outcome]:
        reply = yield command
        self.scope.time = reply.time
        outcome = reply.outcome or Outcome(error={"type": "InternalError", "message": "a call without an outcome"})
        for name in ("stdout", "stderr"):
            if text := getattr(outcome, name):
                self.emit(name, {"text": text})
        return outcome

    def _wait(self, seconds: float) -> Steps[None]:
        reply = yield Wait(seconds)
        self.scope.time = reply.time

    def _place(self, attempt: int = 0, sink: str = "") -> CallPlace:
        return CallPlace(self._activation.key.identity(), self.index, len(self.attempts), attempt, sink)

    # -- events and rules --------------------------------------------------------------------------------------------

    def event(self, name: ir.EventName) -> Steps[Effect]:
        """RUL-1: the first eligible rule whose `when` is true fires."""
        self.bind(name)
        self.emit(name, self._payload())
        for rule in self._step.rules:
            if name not in rule.events or (self.failure is not None and not rule.error_aware):
                continue
            if name == "step.exit" and self._role != "run" and rule.per_iteration != (self._role == "iteration"):
                continue  # LOP-3
            if not self._holds(rule):
                continue
            if isinstance(rule.control, ir.Retry) and self.transitions is None and self._exhausted(rule, rule.control):
                self.emit("retry.exhausted", {"rule": rule.index})
                continue
            self.emit("rule.fired", {"rule": rule.index})
            return (yield from self._fire(rule, name))
        return Effect()

    def bind(self, name: ir.EventName | Literal["args"]) -> None:
        """RUL-4, RUL-5: what `response`, `result`, `error` and `event` are at this event."""
        scope = self.scope
        scope.error = self.failure if self.failure is not None else self._inherited
        if self.failure is not None:
            scope.response = self._answered if name == "call.error" else None
            scope.result = None
        elif name in _BOUND:
            scope.response = self._response or Result(None, "plain")
            scope.result = self.told()
        else:
            scope.response = scope.result = None
        if name != "args":
            scope.event = {
                "name": name,
                "step": self._step.name,
                "attempt": self.attempts[-1] if self.attempts else 1,
                "call": len(self.attempts) or 1,
                "payload": self._payload(),
            }

    def _payload(self) -> dict[str, Json]:
        """RUL-5: what the last outcome held; an earlier response is not it where a `result` handled an error."""
        if self.failure is not None:
            return {"error": self.failure}
        response = self.scope.response
        if response is None or self._response is None or self._handled:
            return {}
        return {"response": response.value}

    def _holds(self, rule: ir.Rule) -> bool:
        if isinstance(rule.when, bool):
            self._traced(rule, rule.when, rule.when)
            return rule.when
        try:
            value = evaluate(rule.when.source, self.scope)
            holds = not is_undefined(value) and truth(value)  # a secret has no truth
        except TemplateFailed as failure:
            self._traced(rule, MISSING, False)
            self.emit("rule.error", {"rule": rule.index, "message": str(failure)})
            return False
        self._traced(rule, value, holds)
        if is_undefined(value):
            self.emit("rule.error", {"rule": rule.index, "message": "the value of `when` is undefined"})
        return holds

    def _traced(self, rule: ir.Rule, value: object, holds: bool) -> None:
        """What `noetl why` shows of a rule that was tried."""
        if not self.scope.info.trace:
            return
        read = frozenset() if isinstance(rule.when, bool) else names(rule.when.source, False)
        found = {name: seen for name in sorted(read) if (seen := self.scope.lookup(name)) is not MISSING}
        data: dict[str, Json] = {"rule": rule.index, "fired": holds, "names": {n: _shown(v) for n, v in found.items()}}
        data["kinds"] = {name: seen.kind for name, seen in found.items() if isinstance(seen, View)}
        if value is not MISSING:
            data["value"] = None if is_undefined(value) else _shown(value)
        self.emit("rule.tried", data)

    def _exhausted(self, rule: ir.Rule, retry: ir.Retry) -> bool:
        """RET-4: known before the block starts."""
        return self._retries.get(rule.index, 0) + 1 >= self._number(retry.max_attempts, "max_attempts", whole=True)

    def _fire(self, rule: ir.Rule, name: ir.EventName) -> Steps[Effect]:
        """RUL-6: the data actions in order, then the control action."""
        bound = self.scope.error
        for action in rule.data:
            yield from self._act(action)
        resulted = any(isinstance(action, ir.SetResult) for action in rule.data)
        effect = self._control(rule, bound)
        if resulted and self.failure is not None:
            # RUL-7, STP-6: from here on the run is a success.
            self.failure, self._handled = None, True
            if name == "step.exit":
                if self._role == "run":
                    self.scope.own = (self._step.name, self._result)
                self.bind(name)
            effect = replace(effect, handled=True)
        return effect

    # -- control actions ---------------------------------------------------------------------------------------------

    def _control(self, rule: ir.Rule, bound: Json | None) -> Effect:
        control = rule.control
        if control is None:
            return Effect()
        if self.transitions is not None and not isinstance(control, ir.Fail):
            self.emit("transition.ignored", {"rule": rule.index, "action": type(control).__name__.lower()})
            return Effect()
        match control:
            case ir.Next():
                self.transitions = [(e, render_map(e.args, self.scope), bound) for e in control.edges]
                return Effect(handled=True)
            case ir.Call():
                self.emit("call", {"call": len(self.attempts) + 1})
                return Effect(handled=True, again=self._again(control.overrides))
            case ir.Page():
                return self._page(control)
            case ir.Retry():
                return self._retry(rule, control)
            case ir.Skip():
                reason = None if control.reason is None else render_json(control.reason, self.scope)
                self.emit("skip", {"reason": reason})
                raise Skipped
            case ir.Fail():
                raise self._failing(control)
            case _:
                assert_never(control)

    def _again(self, overrides: ir.MapValue) -> Prepared:
        if self._step.tool is None:
            return Prepared(None, None, {"type": "TemplateError", "message": "a step without a tool cannot be called"})
        return self.requests.call(self._step.tool, overrides)

    def _page(self, page: ir.Page) -> Effect:
        """RET-5; at the cap the call is dropped, and the rule handles no error."""
        if len(self.attempts) >= self._number(page.max_attempts, "max_attempts", whole=True):
            self.emit("call.dropped", {"calls": len(self.attempts)})
            return Effect()
        wait = 0.0 if page.initial_delay is None else self._number(page.initial_delay, "initial_delay")
        self.emit("call", {"call": len(self.attempts) + 1, "wait": wait})
        return Effect(handled=True, again=self._again(page.overrides), wait=wait)

    def _retry(self, rule: ir.Rule, retry: ir.Retry) -> Effect:
        fired = self._retries.get(rule.index, 0) + 1
        self._retries[rule.index] = fired
        delay = self._number(retry.initial_delay, "initial_delay")
        try:
            delay *= self._number(retry.backoff_multiplier, "backoff_multiplier") ** (fired - 1)
        except OverflowError:
            delay = float("inf")
        if retry.max_delay is not None:
            delay = min(delay, self._number(retry.max_delay, "max_delay"))
        if delay > MAX_WAIT:
            raise Failed({"type": "LimitExceeded", "message": f"a retry would wait more than {MAX_WAIT:.0f} seconds"})
        self.emit("retry", {"wait": delay, "attempt": self.attempts[-1] + 1})
        return Effect(handled=True, retry=delay)

    def _failing(self, fail: ir.Fail) -> Failed:
        message = None if fail.message is None else render_json(fail.message, self.scope)
        if message is None:
            message = f'step "{self._step.name}" failed'
        fatal = truth(render_json(fail.fail_workflow, self.scope))
        return Failed({"type": "Fail", "message": str(message)}, dead_path=not fatal)

    def _number(self, value: ir.Value, name: str, *, whole: bool = False) -> float:
        return number(render_json(value, self.scope), name, whole=whole)

    # -- data actions ------------------------------------------------------------------------------------------------

    def _act(self, action: ir.DataAction) -> Steps[None]:
        match action:
            case ir.Set():
                for name, value in action.entries.entries:
                    self._write(name, Write("set", render_json(value, self.scope)))
            case ir.Collect() | ir.CollectPath():
                self._collect(action)
            case ir.SetResult():
                self._result = self.scope.result = result_of(action.value, self.scope)
                if self.scope.own:
                    self.scope.own = (self._step.name, self._result)
            case ir.Sink():
                yield from self._sink(action)
            case ir.Log():
                text = render_json(action.text, self.scope)
                self.emit("log", {"text": text})
            case _:
                assert_never(action)

    def _collect(self, action: ir.Collect | ir.CollectPath) -> None:
        if isinstance(action, ir.Collect):
            write = collect(action, self.scope)
        else:
            if action.into not in self._emptied:
                self._emptied.add(action.into)
                self._write(action.into, Write("set", []))
            self._pages = action.into
            write = collect_path(action, self._response or Result(None, "plain"), self.scope)
        if write is None:
            self.emit("collect.missing", {"into": action.into})
        else:
            self._write(action.into, write)
        if isinstance(action, ir.CollectPath) and self.scope.response is not None:
            self.scope.result = self.told()

    def _sink(self, sink: ir.Sink, args: dict[str, Json] | None = None) -> Steps[None]:
        """SNK-1: wait for it; a failing sink fails the run."""
        told = self.scope.result
        request = self.requests.sink(sink.tool, None if told is None else told.value, args)
        event = str((self.scope.event or {}).get("name"))
        request = replace(request, place=self._place(sink=f"{event}:{sink.place}"))
        outcome = yield from self._invoke(Invoke(request, sink=True))
        if outcome.error is not None:
            cause = outcome.error if isinstance(outcome.error, dict) else {}
            message = f"the {request.kind} sink failed: {cause.get('message', 'no message')}"
            raise Failed({"type": "SinkError", "message": message, "cause": outcome.error})
        if request.kind == "event_log":
            self.emit("event_log", {name: mask(value) for name, value in {**request.fields, **request.args}.items()})
        self.emit("sink.done", {"kind": request.kind})

    def _write_vars(self) -> None:
        """VAR-1."""
        for name, value in self._step.vars.entries if self._step.vars else ():
            self._write(name, Write("set", render_json(value, self.scope)))

    def _write(self, name: str, write: Write) -> None:
        self.writes.append((name, write))
        self.scope.store[name] = apply_write(self.scope.store.get(name, ABSENT), write)

    def emit(self, name: str, data: dict[str, Json]) -> None:
        """Write an event of this turn."""
        activation = self._activation
        event = Event(name, self.scope.time, self._step.name, activation.key, data, self._iteration())
        activation.listener(event)

    def _iteration(self) -> int | None:
        return self.index if self._role == "iteration" else None


_OF_A_FAILURE: Final[tuple[ir.EventName, ...]] = ("call.error", "call.done")
_BOUND: Final = frozenset(("call.done", "step.exit", "loop.done"))
"""The events at which `response` and `result` are bound (RUL-4)."""


def number(value: Json, name: str, least: float = 0.0, *, whole: bool = False) -> float:
    """The number that a field of an action or loop is; RenderFailed if it is none, or none that is allowed."""
    try:
        found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else nan
    except (ValueError, OverflowError):
        found = nan
    if not found >= least or (whole and not found.is_integer()):
        wanted = f"{'an integer' if whole else 'a number'} of at least {least:g}"
        raise RenderFailed("TemplateError", f"{name} is {wanted}, not {value!r}")
    return found


def _shown(value: object) -> Json:
    if is_undefined(value):
        return None
    try:
        return mask(value)
    except Exception as failure:  # a value that is no JSON is told by its type and why
        return f"<{type(value).__name__}: {failure}>"
