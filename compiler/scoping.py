"""Which names can be bound where a template stands (TPL-7, RUL-4, STP-2, STP-6, LOP-3).

The answers err on one side only: a name that is told to be unbound is so in every execution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from . import ir
from .checked import Checked, both, known, of_step
from .expr.scan import Read
from .findings import closest, quoted
from .passes.facts import Site
from .rules import moments

_OUTCOME: Final = frozenset(("response", "result", "this"))
_LOOP: Final = frozenset(("loop", "loop_index"))
_STORE: Final = frozenset(("ctx", "vars"))
_ANSWERING: Final = frozenset(("http", "workbook", "playbook"))
"""Kinds whose failed call may have been answered, so that `response` is bound at call.error."""
_BEFORE_CALL: Final = frozenset(("args", "tool", "loop"))
_AFTER_EXIT: Final = frozenset(("vars", "sink", "edge"))


@dataclass(frozen=True, slots=True)
class Unbound:
    """A read of a name that nothing can bind there, and why."""

    read: Read
    length: int
    """Characters of the read that the finding is about, from its offset on."""
    why: str
    hint: str | None = None


class Scopes:
    """The scopes of one playbook."""

    def __init__(self, playbook: Checked) -> None:
        self._playbook = playbook
        self._facts = playbook.facts
        self._workflow = playbook.workflow
        self._args: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

    def unbound(self, site: Site) -> Iterator[Unbound]:
        """The reads of a site that are undefined in every execution; those that ask whether they are do not count."""
        asked = [read for read in site.reads if read.guard is not None]
        if site.rule is not None and site.part != "when":
            asked += [read for read in self._when(site.rule) if read.guard is not None]
        for read in site.reads:
            if not any(read.name == a.name and read.path[: len(a.path)] == a.path for a in asked):
                yield from self._at(site, read)

    def _when(self, rule: ir.Rule) -> tuple[Read, ...]:
        return self._reads_of_rules.get(id(rule), ())

    @cached_property
    def _reads_of_rules(self) -> dict[int, tuple[Read, ...]]:
        return {id(site.rule): site.reads for site in self._facts.sites if site.part == "when"}

    def _at(self, site: Site, read: Read) -> Iterator[Unbound]:
        if site.step is None:
            why, hint = self._outside(read) if site.part == "task" else (None, None)
        elif read.name in ir.RESERVED:
            why, hint = _Place(self._playbook, site, site.step).reserved(read), None
            if why is None and read.path and isinstance(read.path[0], str):
                yield from self._member(site, site.step, read, read.path[0])
        else:
            why, hint = self._plain(site, site.step, read)
        if why is not None:
            yield Unbound(read, len(read.name), why, hint)

    # -- names that are no roots

    def _plain(self, site: Site, step: ir.Step, read: Read) -> tuple[str | None, str | None]:
        name = read.name
        own, given = self._args_of(step)
        in_scope = given if site.part == "args" else own | given
        if name in in_scope or name in self._facts.names.stored or self._playbook.may_be_missing(name):
            return None, None
        place = _Place(self._playbook, site, step)
        if step.loop is not None and name == step.loop.iterator:
            return place.iterating(), None
        if name == "steps":
            return self._by_item(read) or self._item_earlier(read, step, place), None
        if name == step.name:
            return place.own(), None
        if name in self._facts.graph.steps:
            return self._earlier(name, step), None
        return f"it is no root, step, variable of the store or arg of {of_step(step)}", self._hint(step, site, name)

    def _earlier(self, name: str, step: ir.Step) -> str | None:
        """A step's result is bound where one of its runs that has one can come before."""
        if not self._playbook.sound:
            return None
        source = self._facts.graph.steps[name]
        if not self._facts.reach.leads(name, step.name):
            return f"no way leads from {of_step(source)} to {of_step(step)}"
        if self._playbook.flows and self._leads_by_failure(source, step):
            return f"{of_step(source)} leads here after a failure only, so that it has no result"
        return None

    def _leads_by_failure(self, source: ir.Step, step: ir.Step) -> bool:
        """Whether every run of `source` that comes before failed: a handled error has no result (RES-1)."""
        sets = any(isinstance(action, ir.SetResult) for rule in source.rules for action in rule.data)
        if sets or source.loop is not None or self._facts.components.in_cycle(source.name):
            return False
        return all(
            edge.taken_on == "failure"
            for edge in self._facts.graph.leaving[source.name]
            if edge.target == step.name or self._facts.reach.leads(edge.target, step.name)
        )

    def _item_earlier(self, read: Read, step: ir.Step, place: _Place) -> str | None:
        """The same of a step's result that is read from `steps`."""
        name = read.path[0] if read.path else None
        if name == step.name:
            return place.own()
        return self._earlier(name, step) if isinstance(name, str) and name in self._facts.graph.steps else None

    def _by_item(self, read: Read) -> str | None:
        steps = self._facts.graph.steps
        name = read.path[0] if read.path else None
        if not isinstance(name, str) or name in steps or self._playbook.may_be_missing(name):
            return None
        return f"there is no step {quoted(name)}; {known('steps', set(steps))}"

    def _hint(self, step: ir.Step, site: Site, name: str) -> str | None:
        if name in {key for key, _ in self._workflow.workload.entries}:
            return f'did you mean "workload.{name}"?'
        if name in ("nil", "null", "undefined"):
            return 'null is written "none" in an expression, and "is defined" asks whether there is a value'
        if name == "payload":
            return '"payload" is in scope of the workload only; elsewhere it is merged into "workload"'
        for other in self._workflow.steps:
            if other.loop is not None and other.loop.iterator == name:
                return f"it is the iterator of {of_step(other)}, bound in the iterations of its loop"
        if site.part == "args" and name in self._args_of(step)[0]:
            return "entries of args do not see each other"
        args = frozenset().union(*self._args_of(step))
        near = closest(name, self._playbook.names | args)
        return f"did you mean {quoted(near)}?" if near else None

    def _outside(self, read: Read) -> tuple[str | None, str | None]:
        """A workbook task sees the scope of its caller (TOO-4): only what no step has is unbound."""
        name = read.name
        if name in ir.RESERVED or name in self._names_anywhere or self._playbook.may_be_missing(name):
            return None, None
        if name == "steps":
            return self._by_item(read), None
        return "it is no root, step, variable of the store or arg of any step or task", None

    @cached_property
    def _names_anywhere(self) -> frozenset[str]:
        found = set(self._facts.names.stored) | self._facts.graph.steps.keys()
        for task in self._workflow.tasks:
            found |= {*task.expects, *_keys(task.tool.fields.get("args"))}
        for step in self._workflow.steps:
            found |= {*_keys(step.args), *(step.loop.iterator for _ in (0,) if step.loop)}
            found |= _keys(step.tool.fields.get("args")) if step.tool else set()
            for edge in step.edges():
                found |= _keys(edge.args)
        return frozenset(found)

    # -- entries of args and the store

    def _args_of(self, step: ir.Step) -> tuple[frozenset[str], frozenset[str]]:
        """The names of the step's own args, and of those that transitions give it."""
        found = self._args.get(step.name)
        if found is None:
            given = {name for edge in self._facts.graph.arriving[step.name] for name in _keys(edge.args)}
            found = self._args[step.name] = frozenset(_keys(step.args)), frozenset(given)
        return found

    def _member(self, site: Site, step: ir.Step, read: Read, name: str) -> Iterator[Unbound]:
        if self._playbook.may_be_missing(name):
            return
        dotted = site.value.source.startswith(f"{read.name}.{name}", read.offset)
        length = len(read.name) + (1 + len(name) if dotted else 0)
        if read.name in _STORE and name not in self._facts.names.stored:
            near = closest(name, self._facts.names.stored)
            hint = f"did you mean {quoted(f'{read.name}.{near}')}?" if near else None
            yield Unbound(read, length, f"no step writes {quoted(name)}", hint)
        elif read.name == "args":
            own, given = self._args_of(step)
            if name in given or (name in own and site.part != "args"):
                return
            if name in own:
                yield Unbound(read, length, "entries of args do not see each other")
                return
            near = closest(name, own | given)
            hint = f"did you mean {quoted(f'args.{near}')}?" if near else None
            why = f"neither {of_step(step)} nor a transition to it has an arg {quoted(name)}"
            yield Unbound(read, length, why, hint)


class _Place:
    """Where a site stands in the life of a run of its step."""

    def __init__(self, playbook: Checked, site: Site, step: ir.Step) -> None:
        self._playbook = playbook
        self._site = site
        self._step = step
        self._inherits = step.name in playbook.facts.errors.inherited
        rule = site.rule
        self._rule = rule
        self._lost = playbook.lost_work(step) or (
            not playbook.sound and rule is not None and isinstance(rule.when, bool)
        )
        """Whether the structure may have refused what says when the site is rendered."""
        if rule is None:
            self._moments: frozenset[tuple[str, str]] = frozenset()
        elif site.part == "when":
            self._moments = frozenset((e, o) for e in rule.events for o in ("none", "worked", "failed"))
        else:
            self._moments = frozenset(moments(step, rule, inherits=self._inherits))

    def reserved(self, read: Read) -> str | None:
        """Why a reserved name is unbound here; None where it may be bound."""
        name = read.name
        if name in _OUTCOME:
            return self._outcome()
        if name == "error":
            return self._error()
        if name in _LOOP:
            return self.iterating()
        if name == "event":
            early = self._site.part == "args" and self._step.loop is None
            return "args are rendered before the first event" if early else None
        if name == "keychain" and self._playbook.section("keychain") is None:
            return 'the playbook has no "keychain"'
        if name == "spec" and self._playbook.section("spec") is None:
            return 'the playbook has no "spec"'
        return None

    def _outcome(self) -> str | None:
        part = self._site.part
        if part in _BEFORE_CALL:
            again = part == "tool" and (not self._playbook.sound or self._calls_again())
            return None if again else "the step has no outcome yet"
        if part in _AFTER_EXIT and self._rule is None:
            return None
        bound = {("call.done", "worked"), ("step.exit", "worked"), ("loop.done", "worked")}
        if self._step.tool is not None and self._step.tool.kind in _ANSWERING:
            bound.add(("call.error", "failed"))
        return self._never(bound, "failed")

    def _error(self) -> str | None:
        if not self._playbook.sound:
            return None
        args = {key for edge in self._playbook.facts.graph.arriving[self._step.name] for key in _keys(edge.args)}
        if "error" in args | _keys(self._step.args) and self._inherits:
            return None
        part = self._site.part
        if self._inherits and (self._step.tool is None or part in _BEFORE_CALL):
            return None
        if part in _BEFORE_CALL:
            if part == "tool" and self._calls_again():
                return None
            return f"no transition brings an error to {of_step(self._step)}"
        if self._rule is None:
            handled = part == "edge" and self._site.edge is not None and self._site.edge.taken_on != "success"
            return None if handled else "this is rendered after a success only"
        bound = {("call.error", "failed"), ("call.done", "failed"), ("step.exit", "failed")}
        if self._inherits:
            bound.add(("step.enter", "none"))
        if self._step.tool is None:
            return (
                None if self._lost else f"{of_step(self._step)} makes no call, and no transition brings an error to it"
            )
        return self._never(bound, "worked")

    def _never(self, bound: set[tuple[str, str]], otherwise: str) -> str | None:
        """Why the rule fires at none of the moments at which the name is bound; None if it may."""
        if self._rule is None or self._lost or not self._moments or not self._moments.isdisjoint(bound):
            return None
        events = both(list(self._rule.events))
        if any(event == other for event in self._rule.events for other, _ in bound):
            return f"at {events} this rule fires only after a call that {otherwise}"
        return f"the rule listens to {events}; it is bound at {both(sorted({event for event, _ in bound}))}"

    def _calls_again(self) -> bool:
        return any(isinstance(rule.control, ir.Call | ir.Page) for rule in self._step.rules)

    def iterating(self) -> str | None:
        """Why the iterator, `loop` or `loop_index` is unbound here."""
        if self._step.loop is None:
            return None if self._playbook.may_be_missing("loop") else f"{of_step(self._step)} has no loop"
        part, rule = self._site.part, self._rule
        if part in ("args", "tool", "sink"):
            return None
        if part == "loop":
            return "the items of the loop are found before its first iteration"
        if rule is None:
            return "this is rendered after the last iteration"
        if not rule.events or any(event.startswith("call.") or event == "step.exit" for event in rule.events):
            return None
        return f"the rule listens to {both(list(rule.events))}, not to an iteration"

    def own(self) -> str | None:
        """Why the step's own result is unbound here (STP-6)."""
        facts, part, rule = self._playbook.facts, self._site.part, self._rule
        if facts.components.in_cycle(self._step.name) or not self._playbook.sound:
            return None
        if rule is None:
            late = part in _AFTER_EXIT and not (part == "sink" and self._step.loop is not None)
        else:
            late = not rule.events or "step.exit" in rule.events
        return None if late else "a step's own result is bound from its step.exit on"


def _keys(value: ir.Value | None) -> set[str]:
    if isinstance(value, ir.MapValue):
        return {name for name, _ in value.entries}
    return set(value.value) if isinstance(value, ir.Const) and isinstance(value.value, dict) else set()
