"""When a rule can fire and what its edges mean, found by folding its `when` (RUL-2, RUL-3, RUL-9, LOP-3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Final, Literal, TypeAlias, assert_never

from noetl.compiler import ir
from noetl.compiler.expr import analysis
from noetl.compiler.tools import reads_result

TakenOn: TypeAlias = Literal["success", "failure", "both"]
_OUTCOME: Final = frozenset(("response", "result", "this"))
_ITERATION: Final = _OUTCOME | {"error", "loop", "loop_index"}


@dataclass(frozen=True, slots=True)
class Trigger:
    """What is known of one rule before its actions are looked at."""

    when: ir.Expression | bool
    events: tuple[ir.EventName, ...]
    error_aware: bool
    taken_on: TakenOn


def trigger(when: ir.Expression | bool, *, tool: bool, loop: bool, calls: bool) -> Trigger:
    """The trigger of a rule on a step with or without a tool and a loop; `calls`: the rule has a `call`."""
    aware = not isinstance(when, bool) and analysis.asks_about_failure(when.source)
    events = _events(when, tool=tool, loop=loop, calls=calls)
    return Trigger(when, events, aware, _taken_on(when, events, aware=aware, tool=tool))


def _events(when: ir.Expression | bool, *, tool: bool, loop: bool, calls: bool) -> tuple[ir.EventName, ...]:
    """RUL-2: the events for which `when` can be true, among those that the step has."""
    if isinstance(when, bool):
        named = False
    elif analysis.problems(when.source, False):
        return ()
    else:
        named = analysis.mentions_event_name(when.source)
    candidates: Iterable[ir.EventName] = _possible(tool=tool, loop=loop)
    if not named:
        # RUL-9: a `call` on a step without a tool is an error, whatever its event.
        alone: ir.EventName = "call.done" if tool or calls else "step.exit"
        candidates = (alone,)
    return tuple(event for event in candidates if _fold(when, event, None, None) is not False)


def _possible(*, tool: bool, loop: bool) -> Iterator[ir.EventName]:
    for event in ir.EVENTS:
        if (tool or not event.startswith("call.")) and (loop or event != "loop.done"):
            yield event


def _fold(when: ir.Expression | bool, event: ir.EventName, response: bool | None, error: bool | None) -> bool | None:
    return when if isinstance(when, bool) else analysis.fold(when.source, event, response, error)


def _taken_on(when: ir.Expression | bool, events: tuple[ir.EventName, ...], *, aware: bool, tool: bool) -> TakenOn:
    """RUL-3: the outcomes of the run's call for which the rule can fire, and so an edge of it be taken."""
    after = [event for event in events if event in _FAILED] if tool and aware else []
    failure = any(_fold(when, event, *_FAILED[event]) is not False for event in after)
    worked = _WORKED if tool else _NO_CALL
    success = any(_fold(when, event, *worked[event]) is not False for event in events if event in worked)
    if failure:
        return "both" if success else "failure"
    return "success"


_Defined: TypeAlias = dict[ir.EventName, tuple[bool | None, bool | None]]
_NO_CALL: Final[_Defined] = {"step.enter": (False, None), "step.exit": (True, None), "loop.done": (True, False)}
"""Whether `response` and `error` are defined at the events of a run without a call (RUL-4).

An error that an edge carried here stays bound until the first outcome; None: it depends."""
_WORKED: Final[_Defined] = _NO_CALL | {"call.done": (True, False), "step.exit": (True, False)}
"""The same where the call worked."""
_FAILED: Final[_Defined] = {"call.error": (None, True), "call.done": (False, True), "step.exit": (False, True)}
"""The same where it failed. At its `call.error` an http call that was answered has a response."""


# -- loops -----------------------------------------------------------------------------------------------------------


def about_iteration(rule: Trigger, parts: Iterable[ir.DataAction | ir.ControlAction], iterator: str) -> bool:
    """LOP-3: whether a template of the rule reads something of the iteration, or a sink of it takes the result."""
    names = _ITERATION | {iterator}
    if not isinstance(rule.when, bool):
        for read in analysis.paths(rule.when.source, False):
            asked = read.name in _OUTCOME and read.guard == "defined" and not read.path
            if read.name in names and not asked:
                return True
    return any(_reads(part, names) for part in parts)


def item_entries(args: ir.MapValue, iterator: str) -> frozenset[str]:
    """STP-2: the entries of a loop step's args that are rendered for each iteration only."""
    names = frozenset((iterator, "loop", "loop_index"))
    return frozenset(
        name
        for name, value in args.entries
        if any(names & analysis.names(source, template) for source, template in _templates(value))
    )


def _reads(part: ir.DataAction | ir.ControlAction, names: frozenset[str]) -> bool:
    if isinstance(part, ir.CollectPath):
        return True  # its path starts at the response
    if isinstance(part, ir.Sink) and reads_result(part.tool):
        return True
    return any(names & analysis.names(source, template) for source, template in _sources(part))


def _sources(
    part: ir.Set | ir.Collect | ir.SetResult | ir.Sink | ir.Log | ir.ControlAction,
) -> Iterator[tuple[str, bool]]:
    """Every template (True) and expression (False) of an action."""
    match part:
        case ir.Set():
            yield from _templates(part.entries)
        case ir.Collect():
            yield part.source.source, False
        case ir.SetResult():
            if isinstance(part.value, ir.Expression):
                yield part.value.source, False
            else:
                yield from _templates(part.value)
        case ir.Sink():
            yield from _templates(part.tool.fields)
        case ir.Log():
            yield from _templates(part.text)
        case ir.Next():
            for edge in part.edges:
                yield from _templates(edge.args)
        case ir.Call():
            yield from _templates(part.overrides)
        case ir.Retry() | ir.Page() | ir.Skip() | ir.Fail():
            yield from _settings(part)
        case _:
            assert_never(part)


def _settings(part: ir.Retry | ir.Page | ir.Skip | ir.Fail) -> Iterator[tuple[str, bool]]:
    values = [getattr(part, field.name) for field in fields(part)]
    for value in values:
        if isinstance(value, ir.Const | ir.Template | ir.ListValue | ir.MapValue):
            yield from _templates(value)


def _templates(value: ir.Value) -> Iterator[tuple[str, bool]]:
    match value:
        case ir.Template():
            yield value.source, True
        case ir.ListValue():
            for item in value.items:
                yield from _templates(item)
        case ir.MapValue():
            for _, inner in value.entries:
                yield from _templates(inner)
        case ir.Const():
            return
        case _:
            assert_never(value)
