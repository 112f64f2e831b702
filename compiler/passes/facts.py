"""What the passes find out about a workflow. Steps are named as in the playbook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from noetl.compiler import ir
from noetl.compiler.expr.scan import ExpressionError, Path, Read
from noetl.diagnostics import Span

from .threads import Fork, Thread

Part: TypeAlias = Literal["workload", "task", "args", "tool", "loop", "when", "action", "edge", "vars", "sink"]
"""Where a template stands: in the workload, a workbook task, or a part of a step."""
Phase: TypeAlias = Literal["enter", "iteration", "end"]
"""When a `next` fires: at step.enter, in an iteration of a loop, or after that. Without a loop all is one."""
EdgeId: TypeAlias = tuple[str, int | None, int]
"""An edge by its source, the index of its rule (None: the structural `next`) and its entry."""
Tokens: TypeAlias = Literal["none", "one", "several", "unbounded"]
Shape: TypeAlias = Literal["tool", "error", "loop", "none", "unknown"]
Moment: TypeAlias = "tuple[ir.EventName, Literal['none', 'worked', 'failed']]"
"""An event with the outcome of the call before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The control graph (STP-1): one edge per entry of a `next`, whatever its condition. Unknown targets have none."""

    entry: str | None = None
    """`start`, or where it is missing the first step; None without steps."""
    steps: Mapping[str, ir.Step] = field(default_factory=dict)
    """By name in the order of the document, the first of each name."""
    leaving: Mapping[str, tuple[ir.Edge, ...]] = field(default_factory=dict)
    arriving: Mapping[str, tuple[ir.Edge, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Which steps lead where. Only what `start` reaches is computed beforehand; a question costs one search at most."""

    arriving: Mapping[str, tuple[ir.Edge, ...]] = field(default_factory=dict)
    from_start: frozenset[str] = frozenset()
    """The steps that the entry reaches, itself included."""
    _reaching: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def reaching(self, target: str) -> frozenset[str]:
        """The steps from which one edge or more lead to `target`: what a join there waits for (STP-1)."""
        found = self._reaching.get(target)
        if found is None:
            found = self._reaching[target] = frozenset(self._search(target, None))
        return found

    def leads(self, source: str, target: str) -> bool:
        """Whether one edge or more lead from `source` to `target`."""
        if target in self._reaching:
            return source in self._reaching[target]
        return source in self._search(target, source)

    def _search(self, target: str, wanted: str | None) -> set[str]:
        """The ancestors of `target`, up to the wanted one."""
        found: set[str] = set()
        waiting = [target]
        while waiting and wanted not in found:
            for edge in self.arriving.get(waiting.pop(), ()):
                if edge.source not in found:
                    found.add(edge.source)
                    waiting.append(edge.source)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The strongly connected components of the control graph."""

    members: tuple[tuple[str, ...], ...] = ()
    """Steps that can reach each other, sources before targets; every step is in one component."""
    index: Mapping[str, int] = field(default_factory=dict)
    """The component of each step."""
    cyclic: frozenset[int] = frozenset()
    """The components that hold a cycle."""

    def in_cycle(self, step: str) -> bool:
        """Whether the step can reach itself."""
        return self.index.get(step, -1) in self.cyclic


@dataclass(frozen=True, slots=True, eq=False)
class Exit:
    """One `next` of a step: its edges are taken together, one token each (NXT-1)."""

    rule: int | None
    """The index of the rule, None for the structural `next`."""
    edges: tuple[ir.Edge, ...]
    phases: frozenset[Phase]
    """When in a run it can be taken."""

    @property
    def repeats(self) -> bool:
        """Whether one run may take it several times (LOP-4)."""
        return "iteration" in self.phases


@dataclass(frozen=True, slots=True, eq=False)
class Exits:
    """The ways out of each step, rules first. A run without a loop takes one of them at most: its first `next` fixes
    its transitions (STP-7)."""

    of: Mapping[str, tuple[Exit, ...]] = field(default_factory=dict)

    def concurrent(self, first: ir.Edge, second: ir.Edge) -> bool:
        """Whether one run may take both of two edges that leave the same step; false: they are exclusive."""
        one, other = self._way(first), self._way(second)
        if one is other:
            return first.entry != second.entry or one.repeats
        if one.rule is None or other.rule is None:
            return False  # STP-7, LOP-4: the structural `next` is taken only where no rule fixed a transition
        return (one.repeats and other.phases != {"enter"}) or (other.repeats and one.phases != {"enter"})

    def _way(self, edge: ir.Edge) -> Exit:
        return next(way for way in self.of[edge.source] if way.rule == edge.rule)


@dataclass(frozen=True, slots=True, eq=False)
class Multiplicity:
    """How many runs of each step one execution can have at most: an upper bound, never too small."""

    runs: Mapping[str, Tokens] = field(default_factory=dict)
    """`several` is bounded by the graph, `unbounded` depends on data: a cycle, or a `next` in a loop's iterations."""
    threads: Mapping[str, Thread] = field(default_factory=dict)
    """The thread of the tokens that leave each step which `start` reaches."""
    meetings: Mapping[str, Fork] = field(default_factory=dict)
    """The steps that two tokens of one fork can reach, each of which makes a run of its own (STP-1)."""


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One template or expression of the playbook, where it stands, and what can be said of it without data."""

    value: ir.Template | ir.Expression
    part: Part
    step: ir.Step | None
    """None in the workload and in the workbook."""
    rule: ir.Rule | None
    edge: ir.Edge | None
    reads: tuple[Read, ...]
    problems: tuple[ExpressionError, ...]

    @property
    def is_template(self) -> bool:
        """Whether it is a whole template, not one expression without braces."""
        return isinstance(self.value, ir.Template)


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """A name of the store that is written, and where."""

    name: str
    span: Span
    step: str


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Which names are read and written where. What python code reads is not known: it may ask for any name (TOO-3)."""

    reads: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The root names that the templates of each step read; those of its edges are not among them."""
    edge_reads: Mapping[EdgeId, frozenset[str]] = field(default_factory=dict)
    """The root names that the args of each edge with templates read."""
    code: frozenset[str] = frozenset()
    """The steps whose tool or sinks run code."""
    writes: tuple[Write, ...] = ()
    """In the order of the document."""
    stored: frozenset[str] = frozenset()
    """The names that some step writes."""


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Where an error of an earlier run can still be bound (RUL-4)."""

    inherited: frozenset[str] = frozenset()
    """The steps whose runs can start with `error` bound."""


class Firing(NamedTuple):
    """When one rule can fire. A moment is an event with the outcome of the call before it."""

    rule: ir.Rule
    may: frozenset[Moment]
    """The moments at which its `when` can be true."""
    sure: frozenset[Moment]
    """Those at which it is true whatever the data."""
    behind: tuple[ir.Rule, ...]
    """Earlier rules of which one fires wherever this one could; none where it can come to its turn."""


class Route(NamedTuple):
    """Where the runs of one step can go, the conditions of its rules folded."""

    ways: tuple[tuple[str, ...], ...]
    """The targets of every `next` that a run may take; no targets: it ends there."""
    may_stop: bool
    """Whether a run may end without any, though no call of it failed. Of a loop this is not looked at: true."""
    settled_by_call: bool
    """Whether each call that works fixes the run's transitions, makes another call or ends the run."""


class OutcomeRead(NamedTuple):
    """A read of what a step's tool or loop gave: of `response`, `error` and the like there, or of its result
    elsewhere."""

    site: Site
    read: Read
    path: Path
    """What is read of it."""
    step: ir.Step
    """The step that gave it."""
    tool: ir.Tool | None
    """The tool that answered, that of the workbook task where one was named; None but for `tool` and `error`."""
    shape: Shape
    """What gave it: a tool, one whose call failed, a loop as a whole (LOP-5), no call at all (STP-8), or it is not
    known."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Everything that the passes know of one workflow."""

    graph: Graph = field(default_factory=Graph)
    reach: Reach = field(default_factory=Reach)
    components: Components = field(default_factory=Components)
    exits: Exits = field(default_factory=Exits)
    multiplicity: Multiplicity = field(default_factory=Multiplicity)
    sites: tuple[Site, ...] = ()
    names: Names = field(default_factory=Names)
    errors: Errors = field(default_factory=Errors)
    firings: Mapping[Span, tuple[Firing, ...]] = field(default_factory=dict)
    """The rules of each step, in order, by the span of its name, and what can be said of them without data."""
    routes: Mapping[str, Route] = field(default_factory=dict)
    """Where the runs of each step can go."""
    outcomes: tuple[OutcomeRead, ...] = ()
