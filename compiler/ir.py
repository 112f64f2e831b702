"""The typed intermediate representation of a playbook: frozen, with a span on every node that came from text.

Everything that runs, checks or lowers a playbook works on these classes. Values that may hold templates are `Value`
trees; the single expressions of `when`, `loop.in` and `from` are `Expression`. Spellings are normalised (DOC-11).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from noetl.diagnostics import Span

from .nodes import Node, Scalar

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
EventName: TypeAlias = Literal["step.enter", "call.done", "call.error", "step.exit", "loop.done"]
EVENTS: Final[tuple[EventName, ...]] = ("step.enter", "call.done", "call.error", "step.exit", "loop.done")
END: Final = "end"
START: Final = "start"

RESERVED: Final = frozenset(
    (
        *("workload", "ctx", "vars", "args", "event", "response", "result", "this", "error"),
        *("loop", "loop_index", "execution_id", "job", "keychain", "secret", "env", "spec"),
    )
)
"""Roots that no other name can hide (TPL-7). `steps` is a root too, but the weakest one."""


@dataclass(frozen=True, slots=True)
class Const:
    """A JSON value without any template in it."""

    value: Json
    span: Span
    origin: Node | None = field(default=None, compare=False, repr=False)
    """The YAML it came from, for findings inside it."""


@dataclass(frozen=True, slots=True)
class Template:
    """A string that holds Jinja; one `{{ expr }}` alone gives a native value, anything else a string (TPL-1)."""

    source: str
    span: Span
    origin: Scalar | None = field(default=None, compare=False, repr=False)
    """The scalar whose text is `source`."""

    def place(self, start: int, end: int | None = None) -> Span:
        """The span of `source[start:end]` in the file; `end` defaults to one character after `start`."""
        return self.span if self.origin is None else self.origin.place(start, end)


@dataclass(frozen=True, slots=True)
class ListValue:
    """A list with at least one template somewhere in it."""

    items: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class MapValue:
    """A map; keys are never rendered."""

    entries: tuple[tuple[str, Value], ...]
    span: Span
    keys: tuple[Span, ...] = field(default=(), compare=False, repr=False)
    """Where the key of each entry stands."""

    def get(self, name: str) -> Value | None:
        """The value of the last entry called `name`, or None."""
        return next((v for k, v in reversed(self.entries) if k == name), None)


Value: TypeAlias = Const | Template | ListValue | MapValue


@dataclass(frozen=True, slots=True)
class Expression:
    """One Jinja expression without its braces (DOC-8); `span` covers the expression itself."""

    source: str
    span: Span
    origin: Scalar | None = field(default=None, compare=False, repr=False)
    offset: int = field(default=0, compare=False, repr=False)
    """Where `source` starts in the text of `origin`."""

    def place(self, start: int, end: int | None = None) -> Span:
        """The span of `source[start:end]` in the file; `end` defaults to one character after `start`."""
        if self.origin is None:
            return self.span
        stop = start + 1 if end is None else end
        return self.origin.place(start + self.offset, stop + self.offset)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of a kind with its fields, `args` among them.

    `code`, `code_b64` and text from a script are never rendered (TPL-8, TOO-5), so `code` is always a `Const`.
    """

    kind: str
    fields: MapValue
    span: Span
    """Where the kind stands."""
    expects: tuple[str, ...] = ()
    """Names of args that `assert` declares (DOC-10); nothing at run time."""
    returns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """One entry of a `next`: a token for `target` (NXT-1)."""

    source: str
    target: str
    args: MapValue
    rule: int | None
    """Index of the rule that holds the edge in its step, None for the structural `next`."""
    entry: int
    """Index in its `next`, from 0; the second half of the token's key pair (CAU-3)."""
    taken_on: Literal["success", "failure", "both"]
    span: Span


@dataclass(frozen=True, slots=True)
class Set:
    """SET-1: store entries, written one by one."""

    entries: MapValue
    span: Span


@dataclass(frozen=True, slots=True)
class Collect:
    """COL-1: add the value of `source` to a store variable."""

    source: Expression
    into: str
    mode: Literal["append", "extend", "merge", "replace"]
    span: Span


@dataclass(frozen=True, slots=True)
class CollectPath:
    """COL-3: `{strategy: append, path, into}`; `path` is relative to the response body."""

    path: str
    into: str
    span: Span


@dataclass(frozen=True, slots=True)
class SetResult:
    """RES-1: the run's result, from one expression or a rendered value."""

    value: Expression | Value
    span: Span


@dataclass(frozen=True, slots=True)
class Sink:
    """SNK-1: a tool that runs inside the block. `place` is stable within its step: part of its idempotency key."""

    tool: Tool
    place: str
    span: Span


@dataclass(frozen=True, slots=True)
class Log:
    """LOG-1."""

    text: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Next:
    """NXT-1; no edges means that the run is fixed to no transition (STP-7)."""

    edges: tuple[Edge, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """CALL-1: the tool again, with overrides over its fields."""

    overrides: MapValue
    span: Span


@dataclass(frozen=True, slots=True)
class Retry:
    """RET-1: the last call again, as it was."""

    max_attempts: Value
    initial_delay: Value
    backoff_multiplier: Value
    max_delay: Value | None
    span: Span


@dataclass(frozen=True, slots=True)
class Page:
    """RET-5: a `retry` with overrides, which is a bounded `call`."""

    overrides: MapValue
    max_attempts: Value
    initial_delay: Value | None
    span: Span


@dataclass(frozen=True, slots=True)
class Skip:
    """SKP-1."""

    reason: Value | None
    span: Span


@dataclass(frozen=True, slots=True)
class Fail:
    """FAI-1."""

    message: Value | None
    fail_workflow: Value
    span: Span


DataAction: TypeAlias = Set | Collect | CollectPath | SetResult | Sink | Log
ControlAction: TypeAlias = Next | Call | Retry | Page | Skip | Fail


@dataclass(frozen=True, slots=True)
class Rule:
    """One `when/then`. Data actions in the order written; the control action takes effect after them (RUL-6)."""

    index: int
    when: Expression | bool
    events: tuple[EventName, ...]
    """The events for which `when` can be true (RUL-2), in the order of `EVENTS`."""
    error_aware: bool
    """Whether the rule asks about failure, so that it is eligible after a failed call (RUL-3)."""
    data: tuple[DataAction, ...]
    control: ControlAction | None
    per_iteration: bool
    """Whether a template of the rule is about the iteration (LOP-3); meaningful on loop steps only."""
    span: Span


@dataclass(frozen=True, slots=True)
class Loop:
    """LOP-1, LOP-8; `items` is one expression or a value tree (a YAML list)."""

    items: Expression | Value
    iterator: str
    parallel: bool
    max_in_flight: Value | None
    span: Span


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `next` is the structural one; None where the step has none."""

    name: str
    args: MapValue
    item_args: frozenset[str]
    """Of a loop step, the entries of `args` that read the iterator, `loop` or `loop_index` (STP-2)."""
    tool: Tool | None
    loop: Loop | None
    rules: tuple[Rule, ...]
    next: Next | None
    vars: MapValue | None
    sink: Sink | None
    join: Literal["each", "all"]
    declared: bool
    """False for an `end` that the playbook only names (DOC-7)."""
    span: Span
    """Where the step's name stands."""
    extent: Span
    """The whole step, for excerpts."""

    def edges(self) -> Iterator[Edge]:
        """Every edge of the control graph that leaves the step: of its rules in order, then the structural ones."""
        for rule in self.rules:
            if isinstance(rule.control, Next):
                yield from rule.control.edges
        if self.next:
            yield from self.next.edges


@dataclass(frozen=True, slots=True)
class Task:
    """A workbook task (DOC-10)."""

    name: str
    tool: Tool
    sink: Sink | None
    expects: tuple[str, ...]
    returns: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Workflow:
    """A whole playbook. `steps` keeps the order of the document; `start` is the entry."""

    name: str
    path: str | None
    description: str | None
    tags: tuple[str, ...]
    workload: MapValue
    keychain: Json
    spec: Json
    tasks: tuple[Task, ...]
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step:
        """The step called `name`; KeyError if there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def task(self, name: str) -> Task | None:
        """The workbook task called `name`, or None."""
        return next((t for t in self.tasks if t.name == name), None)
