"""What the executions of cases reached: which rules fired, at which events, with which values, in which shapes.

All of it is dynamic: what stands in a playbook counts when it happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from noetl.compiler import ir
from noetl.compiler.ir import EVENTS
from noetl.runtime.events import Event

_MOMENTS: Final = frozenset({*EVENTS})
SHAPES: Final = ("chain", "choice", "fork", "join-all", "join-each", "self-loop", "cycle", "loop", "sub-playbook")
TYPES: Final = ("null", "bool", "int", "float", "string", "list", "map")
ENDINGS: Final = ("success", "handled error", "unhandled error")
_CONTROL: Final[dict[str, tuple[str, ...]]] = {
    "step.enter": ("next", "call", "skip", "fail"),
    "call.done": ("next", "call", "retry", "page", "skip", "fail"),
    "call.error": ("next", "call", "retry", "skip", "fail"),
    "step.exit": ("next", "skip", "fail"),
    "loop.done": ("next", "fail"),
}
"""The control actions of each event (RUL-9); there is no page after a failure."""
_DATA: Final = ("set", "collect", "result", "sink", "log")
ACTIONS: Final = (*_DATA, "next", "call", "retry", "page", "skip", "fail")
_RENAMED: Final = {"collectpath": "collect", "setresult": "result"}
_NAMES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    list: "list",
    dict: "map",
}


@dataclass(slots=True)
class Coverage:
    """What was reached so far."""

    tuples: set[tuple[str, str, str, str, str]] = field(default_factory=set)
    """(event, action, shape, error or not, type of the value)."""
    endings: set[tuple[str, str]] = field(default_factory=set)
    """(shape, how a run of such a step ended)."""

    def watch(self, workflow: ir.Workflow) -> Watcher:
        """A listener of one execution of a playbook, which adds to this."""
        return Watcher(self, workflow)

    def lines(self) -> list[str]:
        """How much of each pair of dimensions was reached, with what is missing."""
        events = [(event, action) for event in EVENTS for action in (*_DATA, *_CONTROL[event])]
        actions = {(event, action) for event, action, *_ in self.tuples}
        errors = {(event, error) for event, _, _, error, _ in self.tuples}
        types = {(action, kind) for _, action, _, _, kind in self.tuples}
        told = [f"{len(self.tuples)} combinations of event, action, shape, error or not, and type of the value"]
        told.append(_gaps("event and action", events, actions))
        told.append(_gaps("event, error or not", [(e, x) for e in EVENTS for x in _errors(e)], errors))
        told.append(_gaps("action and type", [(a, t) for a in ACTIONS for t in TYPES], types))
        told.append(_gaps("shape and ending", [(s, e) for s in SHAPES for e in ENDINGS], self.endings))
        return told


class Watcher:
    """Hears one execution."""

    def __init__(self, coverage: Coverage, workflow: ir.Workflow) -> None:
        self._coverage = coverage
        self._steps = {step.name: step for step in workflow.steps}
        self._shapes = shapes(workflow)
        self._moments: dict[tuple[str, str, int | None], tuple[str, str, str]] = {}
        """By run and iteration: the event that is being handled, error or not, the type of its value."""
        self._failed: set[tuple[str, str]] = set()
        self.fired: set[tuple[str, int]] = set()
        """(step, rule) of every rule that fired."""
        self.taken: set[tuple[str, str]] = set()
        """(step, target) of every transition."""

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        if event.step is None or event.key is None or event.step not in self._steps:
            return
        run = (event.step, str(event.key))
        if event.name in _MOMENTS:
            self._moment(run, event)
        elif event.name == "rule.fired":
            self._fired(run, event)
        elif event.name == "transition":
            self.taken.add((event.step, str(event.data.get("target"))))
        elif event.name in ("run.success", "run.failed"):
            ending = "unhandled error" if event.name == "run.failed" else "success"
            if ending == "success" and run in self._failed:
                ending = "handled error"
            self._coverage.endings |= {(shape, ending) for shape in self._shapes[event.step]}

    def _moment(self, run: tuple[str, str], event: Event) -> None:
        error = event.data.get("error")
        if event.name == "call.error":
            self._failed.add(run)
        value = event.data.get("response", event.data.get("result", event.data.get("args")))
        failing = "error" if error is not None or event.name == "call.error" else "no error"
        self._moments[(*run, event.iteration)] = (event.name, failing, _NAMES[type(value)])

    def _fired(self, run: tuple[str, str], event: Event) -> None:
        step, index = self._steps[run[0]], event.data["rule"]
        assert isinstance(index, int)
        self.fired.add((step.name, index))
        moment = self._moments.get((*run, event.iteration))
        if moment is None:
            return
        name, failing, kind = moment
        rule = step.rules[index]
        for action in (*rule.data, *((rule.control,) if rule.control is not None else ())):
            for shape in self._shapes[step.name]:
                self._coverage.tuples.add((name, _action(action), shape, failing, kind))


@dataclass(frozen=True, slots=True)
class Branches:
    """The rules of a playbook, and those of them that fired."""

    rules: tuple[tuple[str, int, int], ...]
    """(step, index, line)."""
    fired: frozenset[tuple[str, int]]

    @classmethod
    def of(cls, workflow: ir.Workflow, fired: set[tuple[str, int]]) -> Branches:
        """Of what watchers heard."""
        rules = [(step.name, rule.index, rule.span.line) for step in workflow.steps for rule in step.rules]
        return cls(tuple(rules), frozenset(fired))

    def missed(self) -> list[str]:
        """A line for each rule that never fired."""
        return [
            f"line {line}: rule {index + 1} of step {step} never fired"
            for step, index, line in self.rules
            if (step, index) not in self.fired
        ]

    def __str__(self) -> str:
        fired = sum((step, index) in self.fired for step, index, _ in self.rules)
        return f"{fired} of {len(self.rules)} rules fired"


def shapes(workflow: ir.Workflow) -> dict[str, tuple[str, ...]]:
    """The shapes of the control graph that each step is part of."""
    targets: dict[str, set[str]] = {step.name: set() for step in workflow.steps}
    entries: dict[str, int] = dict.fromkeys(targets, 0)
    forks: set[str] = set()
    choices: set[str] = set()
    for step in workflow.steps:
        nexts = [rule.control for rule in step.rules if isinstance(rule.control, ir.Next)]
        every = [*nexts, *((step.next,) if step.next is not None else ())]
        if len(every) > 1:
            choices.add(step.name)
        for one in every:
            if len(one.edges) > 1:
                forks.add(step.name)
            for edge in one.edges:
                targets[step.name].add(edge.target)
                entries[edge.target] = entries.get(edge.target, 0) + 1
    reached = {name: _below(name, targets) for name in targets}
    found: dict[str, tuple[str, ...]] = {}
    for step in workflow.steps:
        has = {
            "choice": step.name in choices,
            "fork": step.name in forks,
            "join-all": entries[step.name] > 1 and step.join == "all",
            "join-each": entries[step.name] > 1 and step.join == "each",
            "self-loop": step.name in targets[step.name],
            "cycle": step.name in reached[step.name],
            "loop": step.loop is not None,
            "sub-playbook": step.tool is not None and step.tool.kind == "playbook",
        }
        found[step.name] = tuple(name for name in SHAPES if has.get(name)) or ("chain",)
    return found


def _below(name: str, targets: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for target in targets.get(waiting.pop(), ()):
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


def _action(action: object) -> str:
    name = type(action).__name__.lower()
    return _RENAMED.get(name, name)


def _errors(event: str) -> Iterator[str]:
    if event != "call.error":
        yield "no error"
    if event in ("call.done", "call.error", "step.exit"):
        yield "error"


def _gaps(what: str, wanted: Sequence[tuple[str, str]], found: set[tuple[str, str]]) -> str:
    missing = [f"{one} {other}" for one, other in wanted if (one, other) not in found]
    told = f"{what}: {len(wanted) - len(missing)} of {len(wanted)}"
    return f"{told}; missing: {', '.join(missing)}" if missing else told
