"""One run of a step, as a generator: it yields commands and is sent replies (semantics 4 to 6).

The code follows the law from arrival to leaving. It is pure: time, outcomes and waits come from whoever drives it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from noetl.compiler import ir
from noetl.compiler.expr import TemplateFailed, evaluate
from noetl.compiler.ir import Json
from noetl.compiler.values import is_undefined, mask, truth
from noetl.errors import InternalError

from .collecting import collect, collect_path
from .commands import Command, Invoke, Reply, Wait
from .events import Event, Listener
from .keys import Key
from .packet import ABSENT, Packet, Result, Token, Write, apply_write, joined
from .ports import CallPlace, Outcome
from .records import CallRecord, RunRecord, RunStatus
from .rendering import Prepared, RenderFailed, Requests, render_json, render_map
from .results import result_of
from .scope import ExecutionInfo, Scope

MAX_CALLS: Final = 10_000
"""Calls in one run (RUN-7)."""
MAX_WAIT: Final = 30 * 86_400.0
"""Seconds that a single retry may wait; a longer wait is a mistake in the backoff."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended: its record, the tokens that it releases with their edges, and whether it poisons (RUN-6)."""

    record: RunRecord
    tokens: tuple[tuple[ir.Edge, Token], ...]
    poisons: bool


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a fired rule asks of the run besides its writes."""

    handled: bool = False
    again: Prepared | None = None
    retry: float | None = None
    """Seconds to wait before the last call is repeated."""
    wait: float = 0.0
    """Seconds to wait before `again`."""


class _Failed(Exception):
    """The run fails and nothing of it goes on (STP-5)."""

    def __init__(self, error: Json, dead_path: bool = False) -> None:
        self.error = error
        self.dead_path = dead_path


class _Skipped(Exception):
    """SKP-1."""


Process: TypeAlias = Generator[Command, Reply, RunEnd]
_Steps: TypeAlias = Generator[Command, Reply, None]
_Fires: TypeAlias = Generator[Command, Reply, _Effect]


class Run:
    """The state of one run. `perform` is its life; everything else here serves it."""

    def __init__(
        self,
        workflow: ir.Workflow,
        step: ir.Step,
        tokens: Sequence[Token],
        info: ExecutionInfo,
        listener: Listener,
        *,
        alone: bool = False,
    ) -> None:
        """`alone` says that nothing else of the execution is live, so that the history may be flattened."""
        if step.loop is not None:
            raise InternalError(f'step "{step.name}" has a loop: capabilities refuse it before anything runs')
        ordered = sorted(tokens, key=lambda token: token.key)
        errors = [t.error for t in ordered if t.error is not None]
        self.key: Key = ordered[-1].key
        self.step = step
        self._overlay: dict[str, Json] = {k: v for token in ordered for k, v in token.args.items()}
        packet = joined([t.packet for t in ordered])
        self._packet: Packet = packet.flattened() if alone else packet
        self._scope = Scope(info, workflow.keychain, workflow.spec, self._packet, "")
        self._inherited: Json | None = errors[-1] if errors else None
        self._requests = Requests(workflow, step.name, self._scope)
        self._listener = listener
        self._calls: list[CallRecord] = []
        self._retries: dict[int, int] = {}
        self._failure: Json | None = None
        self._answered: Result | None = None
        self._response: Result | None = None
        self._result: Result | None = None
        self._handled = False
        self._sinks: tuple[tuple[ir.Sink, dict[str, Json]], ...] = ()
        self._pages: str | None = None
        self._emptied: set[str] = set()
        self._writes: list[tuple[str, Write]] = []
        self._transitions: list[tuple[ir.Edge, dict[str, Json], Json | None]] | None = None

    def perform(self, time: str) -> Process:
        """Run the step. `time` is that of its arrival; each reply moves the clock on."""
        self._scope.time = time
        status: RunStatus = "success"
        error: Json | None = None
        dead_path = False
        try:
            yield from self._live()
        except _Skipped:
            status = "skipped"
        except _Failed as failure:
            status, error, dead_path = "failed", failure.error, failure.dead_path
        except RenderFailed as failure:
            status, error = "failed", failure.error
        if status == "skipped":
            try:
                self._take_structural()
            except RenderFailed as failure:
                status, error = "failed", failure.error
        return self._end(status, error, dead_path)

    # -- the life of a run -------------------------------------------------------------------------------------------

    def _live(self) -> _Steps:
        self._bind("args")
        self._render_args()
        effect = yield from self._event("step.enter")
        if self.step.tool is not None and self._transitions is None:
            yield from self._call(effect.again or self._requests.call(self.step.tool, None))
        yield from self._exit()
        self._take_structural()

    def _render_args(self) -> None:
        """STP-2: the step's entries see the transition's args, not each other; what is overlaid is not rendered."""
        scope = self._scope
        scope.args = self._overlay
        scope.inherited_error = self._inherited is not None
        own = {n: render_json(v, scope) for n, v in self.step.args.entries if n not in self._overlay}
        names = [n for n, _ in self.step.args.entries]
        scope.args = {n: own.get(n, self._overlay.get(n)) for n in dict.fromkeys([*names, *self._overlay])}

    def _call(self, prepared: Prepared) -> _Steps:
        """Calls, one after the other, until no rule asks for another (STP-4, STP-5, CALL-1, RET)."""
        while True:
            if len(self._calls) >= MAX_CALLS:
                raise _Failed({"type": "LimitExceeded", "message": f"more than {MAX_CALLS} calls in one run"})
            self._calls.append(CallRecord(0, prepared.shown, None))
            self._retries = {}
            effect = yield from self._attempts(prepared)
            if effect.again is None:
                return
            if effect.wait > 0:
                yield from self._wait(effect.wait)
            prepared = effect.again

    def _attempts(self, prepared: Prepared) -> _Fires:
        record = self._calls[-1]
        while True:
            record.attempts += 1
            outcome = yield from self._attempt(prepared)
            record.outcome = {"error": outcome.error} if outcome.error is not None else {"response": outcome.response}
            self._sinks = prepared.sinks
            effect = yield from self._outcome(outcome)
            if effect.retry is None:
                return effect
            if effect.retry > 0:
                yield from self._wait(effect.retry)

    def _attempt(self, prepared: Prepared) -> Generator[Command, Reply, Outcome]:
        if prepared.request is None:
            return Outcome(error=prepared.error)
        place: dict[str, Json] = {"call": len(self._calls), "attempt": self._calls[-1].attempts}
        self._emit("call.start", {**place, "request": prepared.shown})
        request = replace(prepared.request, place=self._place(attempt=self._calls[-1].attempts))
        return (yield from self._invoke(Invoke(request)))

    def _outcome(self, outcome: Outcome) -> _Fires:
        """STP-5: call.done, or call.error and, unless that handled it, call.done with the error."""
        self._inherited = None
        self._scope.inherited_error = False
        self._handled = False
        if outcome.error is None:
            self._failure, self._answered = None, None
            self._response = Result(outcome.response, outcome.view)
            return (yield from self._event("call.done"))
        self._failure = outcome.error
        self._answered = None if outcome.answered is None else Result(outcome.answered, "http")
        for event in ("call.error", "call.done"):
            effect = yield from self._event(event)
            if effect.handled:
                self._handled = True
                return effect
        return _Effect()

    def _exit(self) -> _Steps:
        """STP-6."""
        if self._failure is not None:
            effect = yield from self._event("step.exit")
            if not (self._handled or effect.handled):
                raise _Failed(self._failure)
            return
        self._scope.own = (self.step.name, self._told())
        self._bind("step.exit")
        if self.step.vars:
            for name, value in self.step.vars.entries:
                self._write(name, Write("set", render_json(value, self._scope)))
        for sink, args in self._sinks:
            yield from self._sink(sink, args)
        if self.step.sink:
            yield from self._sink(self.step.sink)
        yield from self._event("step.exit")

    def _take_structural(self) -> None:
        """STP-7: the structural `next`, where no rule fixed the transitions; it never carries an error (RUL-4)."""
        if self._transitions is None and self.step.next is not None:
            self._transitions = [(e, render_map(e.args, self._scope), None) for e in self.step.next.edges]

    def _end(self, status: RunStatus, error: Json | None, dead_path: bool) -> RunEnd:
        result = self._told() if status == "success" and self._failure is None else None
        value = None if result is None else result.value
        record = RunRecord(self.key, self.step.name, status, self._scope.args, value, error, dead_path, self._calls)
        self._emit(f"run.{status}", {"error": error} if error is not None else {"result": record.result})
        leaving = [] if status == "failed" else self._transitions or []
        packet = self._packet.after(self.key, self.step.name, self._writes, result, len(leaving))
        tokens = tuple(
            (
                edge,
                Token(
                    self.key.child(0, edge.entry),
                    edge.target,
                    args,
                    bound,
                    packet if len(leaving) == 1 else packet.shared(),
                ),
            )
            for edge, args, bound in leaving
        )
        for edge, token in tokens:
            self._emit("transition", {"target": edge.target, "args": token.args})
        return RunEnd(record, tokens, poisons=status == "failed" and not dead_path)

    # -- events and rules --------------------------------------------------------------------------------------------

    def _event(self, name: ir.EventName) -> _Fires:
        """RUL-1: the first eligible rule whose `when` is true fires."""
        self._bind(name)
        self._emit(name, self._payload())
        for rule in self.step.rules:
            if name not in rule.events or (self._failure is not None and not rule.error_aware):
                continue
            if not self._holds(rule):
                continue
            if isinstance(rule.control, ir.Retry) and self._transitions is None and self._exhausted(rule, rule.control):
                continue
            return (yield from self._fire(rule, name))
        return _Effect()

    def _bind(self, name: ir.EventName | str) -> None:
        """RUL-4, RUL-5: what `response`, `result`, `error` and `event` are at this event."""
        scope = self._scope
        scope.error = self._failure if self._failure is not None else self._inherited
        if self._failure is not None:
            scope.response = self._answered if name == "call.error" else None
            scope.result = None
        elif name in ("call.done", "step.exit"):
            scope.response = self._response or Result(None, "plain")
            scope.result = self._told()
        else:
            scope.response = scope.result = None
        if name != "args":
            scope.event = {
                "name": name,
                "step": self.step.name,
                "attempt": self._calls[-1].attempts if self._calls else 1,
                "call": len(self._calls) or 1,
                "payload": self._payload(),
            }

    def _payload(self) -> dict[str, Json]:
        if self._failure is not None:
            return {"error": self._failure}
        response = self._scope.response
        return {} if response is None or not self._calls else {"response": response.value}

    def _holds(self, rule: ir.Rule) -> bool:
        if isinstance(rule.when, bool):
            return rule.when
        try:
            value = evaluate(rule.when.source, self._scope)
        except TemplateFailed as failure:
            self._emit("rule.error", {"rule": rule.index, "message": str(failure)})
            return False
        if is_undefined(value):
            self._emit("rule.error", {"rule": rule.index, "message": "the value of `when` is undefined"})
            return False
        return truth(value)

    def _exhausted(self, rule: ir.Rule, retry: ir.Retry) -> bool:
        """RET-4: known before the block starts."""
        return self._retries.get(rule.index, 0) + 1 >= self._number(retry.max_attempts, "max_attempts")

    def _fire(self, rule: ir.Rule, name: ir.EventName) -> _Fires:
        """RUL-6: the data actions in order, then the control action."""
        bound = self._scope.error
        for action in rule.data:
            yield from self._act(action)
        resulted = any(isinstance(action, ir.SetResult) for action in rule.data)
        effect = self._control(rule, bound)
        if resulted and self._failure is not None:
            # RUL-7, STP-6: from here on the run is a success.
            self._failure = None
            if name == "step.exit":
                self._scope.own = (self.step.name, self._result)
                self._bind(name)
            effect = replace(effect, handled=True)
        return effect

    def _control(self, rule: ir.Rule, bound: Json | None) -> _Effect:
        control = rule.control
        if control is None:
            return _Effect()
        if self._transitions is not None and not isinstance(control, ir.Fail):
            self._emit("transition.ignored", {"rule": rule.index, "action": type(control).__name__.lower()})
            return _Effect()
        match control:
            case ir.Next():
                self._transitions = [(e, render_map(e.args, self._scope), bound) for e in control.edges]
                return _Effect(handled=True)
            case ir.Call():
                self._emit("call", {"call": len(self._calls) + 1})
                return _Effect(handled=True, again=self._again(control.overrides))
            case ir.Page():
                return self._page(control)
            case ir.Retry():
                return self._retry(rule, control)
            case ir.Skip():
                reason = None if control.reason is None else render_json(control.reason, self._scope)
                self._emit("skip", {"reason": reason})
                raise _Skipped
            case ir.Fail():
                raise self._failing(control)
            case _:
                assert_never(control)

    def _again(self, overrides: ir.MapValue) -> Prepared:
        if self.step.tool is None:
            return Prepared(None, None, {"type": "TemplateError", "message": "a step without a tool cannot be called"})
        return self._requests.call(self.step.tool, overrides)

    def _page(self, page: ir.Page) -> _Effect:
        """RET-5; at the cap the call is dropped, and the rule handles no error."""
        if len(self._calls) >= self._number(page.max_attempts, "max_attempts"):
            self._emit("call.dropped", {"calls": len(self._calls)})
            return _Effect()
        wait = 0.0 if page.initial_delay is None else self._number(page.initial_delay, "initial_delay")
        self._emit("call", {"call": len(self._calls) + 1, "wait": wait})
        return _Effect(handled=True, again=self._again(page.overrides), wait=wait)

    def _retry(self, rule: ir.Rule, retry: ir.Retry) -> _Effect:
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
            raise _Failed({"type": "LimitExceeded", "message": f"a retry would wait more than {MAX_WAIT:.0f} seconds"})
        self._emit("retry", {"wait": delay, "attempt": self._calls[-1].attempts + 1})
        return _Effect(handled=True, retry=delay)

    def _failing(self, fail: ir.Fail) -> _Failed:
        message = None if fail.message is None else render_json(fail.message, self._scope)
        text = (
            message
            if isinstance(message, str)
            else f'step "{self.step.name}" failed'
            if message is None
            else str(message)
        )
        fatal = truth(render_json(fail.fail_workflow, self._scope))
        return _Failed({"type": "Fail", "message": text}, dead_path=not fatal)

    def _number(self, value: ir.Value, name: str) -> float:
        number = render_json(value, self._scope)
        try:
            if isinstance(number, bool) or not isinstance(number, int | float | str):
                raise ValueError
            found = float(number)
        except (ValueError, OverflowError):
            raise RenderFailed("TemplateError", f"{name} is a number, not {number!r}") from None
        if found < 0 or found != found:
            raise RenderFailed("TemplateError", f"{name} is a number of at least 0, not {number!r}")
        return found

    # -- data actions ------------------------------------------------------------------------------------------------

    def _act(self, action: ir.DataAction) -> _Steps:
        match action:
            case ir.Set():
                for name, value in action.entries.entries:
                    self._write(name, Write("set", render_json(value, self._scope)))
            case ir.Collect() | ir.CollectPath():
                self._collect(action)
            case ir.SetResult():
                self._result = self._scope.result = result_of(action.value, self._scope)
                if self._scope.own:
                    self._scope.own = (self.step.name, self._result)
            case ir.Sink():
                yield from self._sink(action)
            case ir.Log():
                text = render_json(action.text, self._scope)
                self._emit("log", {"text": text})
            case _:
                assert_never(action)

    def _collect(self, action: ir.Collect | ir.CollectPath) -> None:
        if isinstance(action, ir.Collect):
            write = collect(action, self._scope)
        else:
            if action.into not in self._emptied:
                self._emptied.add(action.into)
                self._write(action.into, Write("set", []))
            self._pages = action.into
            write = collect_path(action, self._response or Result(None, "plain"), self._scope)
        if write is None:
            self._emit("collect.missing", {"into": action.into})
        else:
            self._write(action.into, write)
        if isinstance(action, ir.CollectPath) and self._scope.response is not None:
            self._scope.result = self._told()

    def _sink(self, sink: ir.Sink, args: dict[str, Json] | None = None) -> _Steps:
        """SNK-1: wait for it; a failing sink fails the run."""
        told = self._scope.result
        request = self._requests.sink(sink.tool, None if told is None else told.value, args)
        event = str((self._scope.event or {}).get("name"))
        request = replace(request, place=self._place(sink=f"{event}:{sink.place}"))
        outcome = yield from self._invoke(Invoke(request, sink=True))
        if outcome.error is not None:
            cause = outcome.error if isinstance(outcome.error, dict) else {}
            message = f"the {request.kind} sink failed: {cause.get('message', 'no message')}"
            raise _Failed({"type": "SinkError", "message": message, "cause": outcome.error})
        if request.kind == "event_log":
            self._emit("event_log", {name: mask(value) for name, value in {**request.fields, **request.args}.items()})
        self._emit("sink.done", {"kind": request.kind})

    # -- small parts -------------------------------------------------------------------------------------------------

    def _told(self) -> Result:
        """RES-1, COL-3: the run's result so far."""
        if self._result is not None:
            return self._result
        if self._pages is not None:
            return Result(self._scope.store[self._pages], "plain")
        return self._response or Result(None, "plain")

    def _write(self, name: str, write: Write) -> None:
        self._writes.append((name, write))
        self._scope.store[name] = apply_write(self._scope.store.get(name, ABSENT), write)

    def _invoke(self, command: Invoke) -> Generator[Command, Reply, Outcome]:
        reply = yield command
        self._scope.time = reply.time
        outcome = reply.outcome or Outcome(error={"type": "InternalError", "message": "a call without an outcome"})
        if outcome.stdout:
            self._emit("stdout", {"text": outcome.stdout})
        return outcome

    def _wait(self, seconds: float) -> _Steps:
        reply = yield Wait(seconds)
        self._scope.time = reply.time

    def _place(self, attempt: int = 0, sink: str = "") -> CallPlace:
        return CallPlace(self.key.identity(), 0, len(self._calls), attempt, sink)

    def _emit(self, name: str, data: dict[str, Json]) -> None:
        self._listener(Event(name, self._scope.time, self.step.name, self.key, data))
