"""A run without its loop, or one iteration: its rules and actions, its calls, its exit (sections 4 to 6)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from noetl.compiler.document import Action, CaseRule, CollectByPath, CollectFrom, NextEntry, ResultFrom, ToolSpec
from noetl.compiler.expr import evaluate, strip_braces
from noetl.compiler.ir import Json
from noetl.compiler.nodes import Map, Scalar
from noetl.compiler.values import (
    MISSING,
    Kind,
    TemplateFailed,
    View,
    contents,
    is_undefined,
    mask,
    plain,
    truth,
    view,
)
from noetl.runtime.ports import NOWHERE, CallPlace, Outcome, ToolCall

from .failing import Failed, LimitHit, templates
from .listening import asks_about_failure, asks_for_event, condition
from .names import Names, entries_of, rendered
from .store import EMPTY, Key, Mode, Result, Write, text_of
from .tools import Request, request, sink_request

if TYPE_CHECKING:
    from .runs import Run

LONGEST_WAIT: Final = 30 * 24 * 3600
"""Seconds (RET-2)."""
PAGES: Final = 100
"""RET-5."""
PART: Final = re.compile(r"""\.?([^.\[\]]+)|\[(\d+)\]|\[(["'])(.*?)\3\]""")
"""A part of a path (COL-3): a name, an index, or a name in quotes."""
HANDLING: Final = frozenset({"next", "skip", "call", "retry"})
"""With `result` what handles an error (RUL-7)."""
DATA: Final = frozenset({"set", "collect", "result", "sink", "log"})


@dataclass(frozen=True, slots=True)
class Transition:
    """A token before it is on its way."""

    step: str
    args: dict[str, Json]
    error: object = MISSING


@dataclass(slots=True)
class Heard:
    """What the rules did with an event."""

    control: str | None = None
    """The control action that took effect."""
    handled: bool = False
    request: Request | Failed | None = None
    """The next call."""


@dataclass(slots=True)
class Call:
    """One call of a run."""

    request: Request | Failed
    attempts: int = 0
    outcome: Json = None
    firings: dict[tuple[int, int], int] = field(default_factory=dict)
    """How often each retry action fired (RET-3)."""

    def shown(self) -> dict[str, Json]:
        """The entry of `calls`."""
        made = self.request.shown if isinstance(self.request, Request) else None
        return {"attempts": self.attempts, "request": made, "outcome": self.outcome}


class Stage:
    """See the module. What it writes belongs to `position`."""

    def __init__(self, run: Run, names: Names, position: Key, index: int, rules: Sequence[CaseRule | None]) -> None:
        self.run = run
        self.names = names
        self.position = position
        self.index = index
        """The iteration's index, as places and keys of tokens have it."""
        self.exit_rules = rules
        """The rules that hear step.exit, with None for those that do not."""
        self.calls: list[Call] = []
        self.failed = False
        """Whether the last call failed and no `result` has handled it."""
        self.handled = False
        self.response: tuple[Kind, Json] = ("plain", None)
        self.result: tuple[Kind, Json] | None = None
        """What a `result` action, or COL-3, has set."""
        self.collected: set[str] = set()
        self.said = False
        """Whether a `result` action has set the result."""
        self.transitions: list[Transition] | None = None
        self.event = ""
        self.payload: dict[str, Json] = {}

    # -- events ------------------------------------------------------------------------------------------------------

    def hear(self, event: str) -> Heard:
        """RUL-1: the first rule that listens, is eligible and is true fires."""
        self._begin(event)
        for number, rule in enumerate(self.exit_rules if event == "step.exit" else self.run.rules):
            if rule is not None and self._matches(rule, event):
                limit = self._attempts_allowed(number, rule)
                if limit is not None:
                    return self._block(number, rule, limit)
        return Heard()

    def _begin(self, event: str) -> None:
        """RUL-5."""
        self.event = event
        attempt = self.calls[-1].attempts if self.calls else 1
        self.names.roots["event"] = {
            "name": event,
            "step": self.run.name,
            "attempt": attempt,
            "call": max(1, len(self.calls)),
            "payload": self.payload,
        }
        self.names.time = self.run.execution.time.now()

    def _matches(self, rule: CaseRule, event: str) -> bool:
        asked = condition(rule)
        if not asks_for_event(asked) and event != ("call.done" if self.run.spec.tool else "step.exit"):
            return False
        if self.failed and not asks_about_failure(asked):
            return False
        try:
            value = evaluate(asked, self.names)
            return not is_undefined(value) and truth(value)
        except TemplateFailed:
            return False

    def _attempts_allowed(self, number: int, rule: CaseRule) -> int | None:
        """RET-4: the `max_attempts` of the rule's retry (0 without one); None where it is exhausted."""
        for place, action in enumerate(rule.then):
            if action.retry is not None:
                paging = action.retry.overrides is not None
                given = action.retry.max_attempts
                default = PAGES if paging else 3
                limit = default if given is None else int(self.number(given, "max_attempts", 0, whole=True))
                if not paging and self.calls[-1].firings.get((number, place), 0) + 1 >= limit:
                    return None
                return limit
        return 0

    def number(self, node: Scalar, name: str, least: float, *, whole: bool = False) -> float:
        with templates():
            value = plain(rendered(node, self.names))
        try:
            number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if not number >= least or (whole and not number.is_integer()):
            wanted = f"{'an integer' if whole else 'a number'} of at least {least:g}"
            raise Failed("TemplateError", f"{name} is {wanted}, not {value!r}")
        return number

    # -- blocks ------------------------------------------------------------------------------------------------------

    def _block(self, number: int, rule: CaseRule, limit: int) -> Heard:
        """RUL-6: the data actions in order, then the control action."""
        control: tuple[int, str, Action] | None = None
        resulted = False
        for place, action in enumerate(rule.then):
            name = next(iter(action.model_fields_set))
            if name in DATA:
                self._data(action, f"{number}.{place}")
                resulted = resulted or name == "result"
            else:
                control = (place, name, action)
        heard = Heard() if control is None else self._control(number, *control, limit)
        heard.handled = resulted or heard.control in HANDLING
        if resulted and self.failed and heard.control not in ("call", "retry", "skip"):
            self._recover()
        return heard

    def _recover(self) -> None:
        """STP-6: an error handled with a `result` makes the run a success from then on."""
        self.failed = False
        self.payload = {}
        self.names.roots.pop("error", None)
        self._bind_success()
        if self.event == "step.exit":
            self._begin(self.event)
            self._bind_own()

    def _data(self, action: Action, place: str) -> None:
        if action.set is not None:
            self.write_all(action.set)
        elif isinstance(action.collect, CollectFrom):
            self._collect(action.collect)
        elif isinstance(action.collect, CollectByPath):
            self._collect_by_path(action.collect)
        elif action.result is not None:
            self._set_result(action)
        elif action.sink is not None:
            self.sink(action.sink.tool, place)
        elif action.log is not None:
            with templates():
                mask(rendered(action.log, self.names))

    def write_all(self, entries: Map) -> None:
        """SET-1, VAR-1: entry by entry, each seeing those before it."""
        for name, node in entries_of(entries):
            with templates():
                value = plain(rendered(node, self.names))
            self._write(name, "set", value)

    def _write(self, name: str, mode: Mode, value: Json) -> None:
        write = Write(name, mode, value)
        self.run.writes.setdefault(self.position, []).append(write)
        write.to(self.names.store)

    def _collect(self, collect: CollectFrom) -> None:
        """COL-1."""
        with templates():
            value = evaluate(strip_braces(collect.source.text)[0], self.names)
            if is_undefined(value):
                return
            given = "append" if collect.mode is None else collect.mode.text
            made = plain(contents(value) if given == "extend" else value)
        mode: Mode = "set" if given == "replace" else "append" if given == "append" else _mode(given)
        wanted, name = EMPTY.get(mode), collect.into.text
        old = self.names.store.get(name)
        if wanted is not None and old is not None and not isinstance(old, wanted):
            raise Failed("CollectType", f'collect with mode {given} needs {_a(wanted)}, but "{name}" is {type_of(old)}')
        if wanted is not None and mode != "append" and not isinstance(made, wanted):
            raise Failed("CollectType", f'collect with mode {given} needs {_a(wanted)}, but "from" is {type_of(made)}')
        self._write(name, mode, made)

    def _collect_by_path(self, collect: CollectByPath) -> None:
        """COL-3."""
        name = collect.into.text
        if name not in self.collected:
            self.collected.add(name)
            self._write(name, "set", [])
        found = self._by_path(collect.path.text)
        if found is not MISSING:
            with templates():
                made = plain(found)
            self._write(name, "extend", made if isinstance(made, list) else [made])
        if not self.said:
            self.result = ("plain", self.names.store[name])
            self.names.roots["result"] = self.names.store[name]

    def _by_path(self, path: str) -> object:
        seen = self.names.roots.get("response", MISSING)
        found: object = seen.value if isinstance(seen, View) else seen
        if isinstance(seen, View) and seen.kind == "http":
            found = seen.value.get("body")
        for name, index, _, quoted in PART.findall(path.strip().removeprefix("$")):
            part = name or quoted
            if index and isinstance(found, list) and int(index) < len(found):
                found = found[int(index)]
            elif part and isinstance(found, dict) and part in found:
                found = found[part]
            else:
                return MISSING
        return found

    def _set_result(self, action: Action) -> None:
        """RES-1."""
        with templates():
            if isinstance(action.result, ResultFrom):
                value = evaluate(strip_braces(action.result.source.text)[0], self.names)
            else:
                assert action.result is not None
                value = rendered(action.result, self.names)
            kind: Kind = value.kind if isinstance(value, View) else "plain"
            self.result, self.said = (kind, plain(value)), True
        self.names.roots["result"] = view(*self.result)
        if self.names.own is not None:
            self._bind_own()

    def sink(self, sink: ToolSpec, place: str, names: Names | None = None) -> None:
        """SNK-1: run a sink and wait for it."""
        result = (self.result or self.response)[1] if "result" in self.names.roots else None
        made = sink_request(sink, names or self.names, result, self._template())
        at = CallPlace(text_of(self.run.key), self.index, len(self.calls), 0, f"{self.event}:{place}")
        outcome = self.run.execution.answer(made.at(at))
        if outcome.error is not None:
            words = outcome.error.get("message") if isinstance(outcome.error, dict) else outcome.error
            raise Failed("SinkError", f"the {sink.kind.text} sink failed: {words}", cause=outcome.error)

    # -- control actions ---------------------------------------------------------------------------------------------

    def _control(self, number: int, place: int, name: str, action: Action, limit: int) -> Heard:
        if name == "fail" and action.fail is not None:
            raise self._fail(action)
        if self.transitions is not None:
            return Heard()  # STP-7: ignored
        match name:
            case "next":
                self.transitions = self._rendered(action.next or ())
            case "skip" if action.skip is not None and action.skip.reason is not None:
                with templates():
                    mask(rendered(action.skip.reason, self.names))
            case "call":
                return Heard("call", request=self._request(action.call))
            case "retry" if action.retry is not None and action.retry.overrides is not None:
                if len(self.calls) >= limit:
                    return Heard()  # RET-5: the call is dropped
                if action.retry.initial_delay is not None:
                    self._wait(self.number(action.retry.initial_delay, "initial_delay", 0))
                return Heard("call", request=self._request(action.retry.overrides))
            case "retry":
                self._retry(number, place, action)
        return Heard(name)

    def _fail(self, action: Action) -> Failed:
        """FAI-1."""
        assert action.fail is not None
        with templates():
            message = None if action.fail.message is None else mask(rendered(action.fail.message, self.names))
            flag = True if action.fail.fail_workflow is None else rendered(action.fail.fail_workflow, self.names)
            fatal = not is_undefined(flag) and truth(flag)
        return Failed("Fail", f'step "{self.run.name}" failed' if message is None else str(message), dead=not fatal)

    def _retry(self, number: int, place: int, action: Action) -> None:
        """RET-2, RET-3."""
        retry, firings = action.retry, self.calls[-1].firings
        assert retry is not None
        n = firings[number, place] = firings.get((number, place), 0) + 1
        initial = 0.5 if retry.initial_delay is None else self.number(retry.initial_delay, "initial_delay", 0)
        factor = 2.0
        if retry.backoff_multiplier is not None:
            factor = self.number(retry.backoff_multiplier, "backoff_multiplier", 0)
        try:
            wait = initial * factor ** (n - 1)
        except OverflowError:
            wait = math.inf
        if retry.max_delay is not None:
            wait = min(wait, self.number(retry.max_delay, "max_delay", 0))
        self._wait(wait)

    def _wait(self, seconds: float) -> None:
        if not seconds <= LONGEST_WAIT:
            raise Failed("LimitExceeded", f"a retry would wait more than {LONGEST_WAIT} seconds")
        self.run.execution.time.wait(seconds)

    def _rendered(self, entries: Sequence[NextEntry]) -> list[Transition]:
        """STP-7: the transitions of a `next` that a rule fired, which carries the error (RUL-4)."""
        error = self.names.roots.get("error", MISSING)
        return [Transition(step, args, error) for step, args in self._targets(entries)]

    def _targets(self, entries: Sequence[NextEntry]) -> Iterator[tuple[str, dict[str, Json]]]:
        for entry in entries:
            with templates():
                args = {name: plain(rendered(node, self.names)) for name, node in entries_of(entry.args)}
            yield entry.step.text, args

    def structural(self) -> None:
        """The step's own `next`, where no rule fixed any transition (STP-7)."""
        if self.transitions is None:
            self.transitions = [Transition(step, args) for step, args in self._targets(self.run.spec.next or ())]

    # -- calls -------------------------------------------------------------------------------------------------------

    def _template(self) -> ToolCall:
        """A call of which only the tool is not known yet."""
        names = self.names
        return ToolCall("", {}, {}, names.as_json, names.bound, self.run.name, self.run.execution.id, NOWHERE)

    def _request(self, overrides: Map | None) -> Request | Failed:
        """CALL-1, STP-4; a call that cannot be rendered is a failed call of one attempt (TPL-4)."""
        tool = self.run.spec.tool
        assert tool is not None
        try:
            return request(tool, overrides, self.names, self.run.execution.playbook.tasks, self._template())
        except Failed as failed:
            return failed

    def perform(self, first: Request | Failed | None) -> bool:
        """Calls until an outcome stands (STP-4, STP-5); False where the run was skipped."""
        self._add(first or self._request(None))
        while True:
            self._attempt(self.calls[-1])
            heard = self.hear("call.error" if self.failed else "call.done")
            if self.failed and not heard.handled:
                self._bind_failure(None)
                heard = self.hear("call.done")
            self.handled = heard.handled
            if heard.control == "call" and heard.request is not None:
                self._add(heard.request)
            elif heard.control != "retry":
                return heard.control != "skip"

    def _add(self, made: Request | Failed) -> None:
        if len(self.calls) >= self.run.execution.limits.calls:
            raise LimitHit(f"more than {self.run.execution.limits.calls} calls in a run")
        self.calls.append(Call(made))
        self.run.calls.append((self.index, self.calls[-1]))

    def _attempt(self, call: Call) -> None:
        call.attempts += 1
        if isinstance(call.request, Failed):
            outcome = Outcome(error=call.request.error)
        else:
            place = CallPlace(text_of(self.run.key), self.index, len(self.calls), call.attempts)
            outcome = self.run.execution.answer(call.request.at(place))
        self.failed = outcome.error is not None
        if self.failed:
            call.outcome = {"error": outcome.error}
            self.payload = {"error": outcome.error}
            self._bind_failure(outcome)
        else:
            call.outcome = {"response": outcome.response}
            self.payload = {"response": outcome.response}
            self.response = (outcome.view, outcome.response)
            self.names.roots.pop("error", None)
            self._bind_success()

    def _bind_success(self) -> None:
        self.names.roots |= {"response": view(*self.response), "result": view(*(self.result or self.response))}

    def bind_loop(self, results: Json) -> None:
        """LOP-5: the results of all iterations, at loop.done and the last step.exit."""
        self.response, self.payload = ("plain", results), {"response": results}
        self._bind_success()

    def _bind_failure(self, outcome: Outcome | None) -> None:
        """RUL-4: the error alone; at call.error the answer too, if there was one."""
        roots = self.names.roots
        for name in ("response", "result"):
            roots.pop(name, None)
        if outcome is not None:
            roots["error"] = outcome.error
            if outcome.answered is not None:
                roots["response"] = view(outcome.view, outcome.answered)

    # -- exit --------------------------------------------------------------------------------------------------------

    def outcome(self) -> Result:
        """The result so far (RES-1)."""
        return Result(self.run.name, *(self.result or self.response))

    def _bind_own(self) -> None:
        if self.run.loop is None or self is self.run.stage:
            self.names.own = self.outcome()

    def exit(self, *, sinks: bool, written: bool) -> bool:
        """STP-6: the last event; False where it skipped the run. `written`: `vars` are due, `sinks`: sinks are."""
        self._begin("step.exit")
        if self.failed:
            self._bind_failure(None)
        else:
            self._bind_success()
            self._bind_own()
            self._on_success(sinks, written)
        heard = self.hear("step.exit")
        if self.failed and not (self.handled or heard.handled):
            raise Failed.of(self.payload["error"])
        return heard.control != "skip"

    def _on_success(self, sinks: bool, written: bool) -> None:
        spec = self.run.spec
        if written and spec.vars is not None:
            self.write_all(spec.vars)
        made = self.calls[-1].request if self.calls else None
        if sinks and isinstance(made, Request) and made.task is not None and made.task.sink is not None:
            inside = self.names.frozen()
            inside.args = {name: mask(value) for name, value in made.call.args.items()}
            self.sink(made.task.sink.tool, f"task.{made.task.name.text}", inside)
        if sinks and spec.sink is not None:
            self.sink(spec.sink.tool, "sink")


def _mode(given: str) -> Mode:
    return "extend" if given == "extend" else "merge"


def _a(wanted: type) -> str:
    return "a list" if wanted is list else "a map"


def type_of(value: Json) -> str:
    """What kind of value it is, in words."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a string" if isinstance(value, str) else _a(type(value))
