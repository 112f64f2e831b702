"""`next`, `when`, `then` and `else` of v1 as rules of `case` and a structural `next`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from noetl.compiler.formatting.printing import quote
from noetl.compiler.formatting.tree import Branch, Entry, Leaf, Tree
from noetl.diagnostics import Span

from .notes import ALL_TAKEN, BESIDE_CHOICE, STEP_GUARD
from .parts import Notebook, comments_of, is_null, item, items, listing, mapping, name_of, pair, string

ARGS: Final = ("args", "with", "data", "payload", "input")
"""What v1 called the args of a transition."""
_BRACES: Final = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_LOOSE: Final = re.compile(r"\b(?:or|if)\b")
_ITERATION: Final = re.compile(r"\b(?:response|result|this|error|loop|loop_index)\b")


@dataclass(slots=True)
class Routes:
    """The ways out of a step."""

    rules: list[Entry] = field(default_factory=list)
    """Items of `case`."""
    default: list[Entry] = field(default_factory=list)
    """Items of the structural `next`."""
    loose: list[str] = field(default_factory=list)
    """Comments that stood at what has no place any more."""


class Router:
    """Rewrites the transitions of one step."""

    def __init__(self, notebook: Notebook, label: str, span: Span, *, iterator: str | None, total_sink: bool) -> None:
        self._notebook = notebook
        self._label = label
        self._span = span
        self._iterator = iterator
        self._total_sink = total_sink
        """Whether a sink waits for the loop's total, so that all rules have to listen to it."""
        self.routes = Routes()

    # -- next --------------------------------------------------------------------------------------------------------

    def next(self, entry: Entry) -> None:
        """All entries of a `next`."""
        conditional = 0
        plain: list[Span] = []
        for one in items(entry.value):
            value = one.value
            if isinstance(value, Branch) and value.is_map and (value.entry("when") or value.entry("else")):
                conditional += value.entry("when") is not None
                self._choice(one, value)
            else:
                plain.append(value.span)
                self.routes.default += self._targets(one, [])
        if conditional > 1:
            message = f'{self._label} has {conditional} conditions in "next": v1 took every one that held'
            hint = "v2 takes the first; join entries that should be taken together into one rule"
            self._notebook.note(ALL_TAKEN, message, entry.key.span if entry.key else self._span, hint)
        if conditional:
            for span in plain:
                message = f'"next" of {self._label} has an entry without a condition beside conditional ones'
                hint = "v1 always took it; it is now taken where no rule fires"
                self._notebook.note(BESIDE_CHOICE, message, span, hint)

    def _choice(self, one: Entry, value: Branch) -> None:
        """`{when, then, else, data}`, or `{when, step}`."""
        shared = [e for e in value.entries if name_of(e) in ARGS]
        when, then, other = value.entry("when"), value.entry("then"), value.entry("else")
        known = ("when", "then", "else", "step", *ARGS)
        for entry in value.entries:
            if name_of(entry) not in known:
                self.routes.loose += self._notebook.as_comment(entry, f'"next" of {self._label}')
        if when is not None:
            targets = [t for e in items(then.value if then else None) for t in self._targets(e, shared)]
            step = value.entry("step")
            if step is not None:
                targets += self._targets(item(mapping([step, *shared], step.value.span)), [])
            above = [line for e in (when, then) if e for line in comments_of(e)]
            self.rule(when.value, [pair("next", listing(targets, when.value.span))], one, above)
        if other is not None:
            self.routes.loose += comments_of(other)
            self.routes.default += [t for e in items(other.value) for t in self._targets(e, shared)]

    def _targets(self, one: Entry, shared: Sequence[Entry]) -> list[Entry]:
        """One entry of a `next`, its args under their name in v2, those of the whole choice added."""
        value = one.value
        if isinstance(value, Leaf):
            if not shared or string(value) is None:
                return [one]
            value = mapping([pair("step", value)], value.span)
        step, then = value.entry("step"), value.entry("then")
        leading = step or then
        if leading is None:
            lost = pair("next", value, one)
            self.routes.loose += self._notebook.as_comment(lost, self._label, "it names no step")
            return []
        given = [entry for entry in value.entries if name_of(entry) in ARGS]
        for entry in value.entries:
            if entry is not leading and entry not in given:
                self.routes.loose += self._notebook.as_comment(entry, f'"next" of {self._label}')
        if step is None:
            return [t for e in items(leading.value) for t in self._targets(e, [*given, *shared])]
        kept = [step]
        args = merged_args([*given, *(e for e in shared if name_of(e) in ARGS)], self._notebook, self._label)
        if args is not None:
            kept.append(args)
        flow = value.flow and (args is None or isinstance(args.value, Leaf) or args.value.flow)
        return [item(Branch(kept, True, flow, value.span, value.properties, value.tail), one)]

    # -- rules -------------------------------------------------------------------------------------------------------

    def rule(self, when: Tree, then: Sequence[Entry], like: Entry | None = None, above: Sequence[str] = ()) -> None:
        """A rule that leaves the step where the condition of v1 held."""
        condition = condition_of(when)
        if isinstance(when, Branch):
            self._no_condition(when)
        made = rule(self._event(condition), condition, then, when.span)
        if like is not None:
            made.above, made.beside = list(like.above), like.beside
        made.above += above
        self.routes.rules.append(made)

    def _no_condition(self, when: Branch) -> None:
        """A list or map is no condition: nothing holds then, and the rule never fires."""
        lost = pair("when", when)
        self.routes.loose += self._notebook.as_comment(lost, self._label, "it is no condition")

    def _event(self, condition: str) -> str:
        """A loop's own condition is about its total (LOP-3)."""
        names = rf"\b{re.escape(self._iterator)}\b" if self._iterator else None
        reads = _ITERATION.search(condition) or (names and re.search(names, condition))
        return "loop.done" if self._iterator is not None and (reads or self._total_sink) else "step.exit"

    # -- conditions on the step --------------------------------------------------------------------------------------

    def guard(self, when: Entry, then: Entry | None, other: Entry | None) -> None:
        """`when` of a step: with `then`, a choice on leaving it; without, whether it runs at all."""
        span = when.key.span if when.key else self._span
        if isinstance(when.value, Branch) and then is None:
            self._no_condition(when.value)
        if then is None:
            made = rule("step.enter", f"not ({condition_of(when.value)})", [pair("skip", Branch(flow=True))], span)
            made.above = comments_of(when)
            self.routes.rules.insert(0, made)
            message = f'"when" of {self._label} became a rule on step.enter that skips the step'
            self._notebook.note(STEP_GUARD, message, span, 'a skipped run takes the step\'s own "next"')
        else:
            actions = self._actions(then)
            self.rule(when.value, actions, None, [*comments_of(when), *comments_of(then)])
        if other is not None:
            self.routes.loose += comments_of(other)
            for one in items(other.value):
                self.routes.default += self._targets(one, [])

    def _actions(self, then: Entry) -> list[Entry]:
        """Step names as one `next`, anything else as the action that it is."""
        targets: list[Entry] = []
        actions: list[Entry] = []
        for one in items(then.value):
            value = one.value
            if isinstance(value, Leaf) or value.entry("step"):
                targets += self._targets(one, [])
            else:
                actions += value.entries
        return [*actions, pair("next", listing(targets, self._span))] if targets else actions


def merged_args(given: Sequence[Entry], notebook: Notebook, label: str) -> Entry | None:
    """Several maps of args as one `args`; what an earlier one has already is noted and kept as a comment."""
    present = [entry for entry in given if not is_null(entry.value)]
    if not present:
        return None
    first = pair("args", present[0].value, present[0])
    for more in present[1:]:
        one, other = first.value, more.value
        if isinstance(one, Branch) and isinstance(other, Branch) and one.is_map and other.is_map:
            names = {name_of(e) for e in one.entries}
            added = [e for e in other.entries if name_of(e) not in names]
            tail = [*one.tail, *other.tail]
            first.value = Branch([*one.entries, *added], True, one.flow and other.flow, one.span, tail=tail)
            first.above = [*first.above, *comments_of(more)]
            for again in other.entries:
                if name_of(again) in names:
                    first.above += notebook.as_comment(again, label, "the same arg is given twice")
        else:
            first.above = [*first.above, *notebook.as_comment(more, label, "args are given twice")]
    return first


def condition_of(when: Tree) -> str:
    """The expression of a condition, without its braces."""
    if not isinstance(when, Leaf):
        return "false"
    text = " ".join(when.text.split("\n")).strip()
    whole = _BRACES.fullmatch(text)
    if whole and "{{" not in whole[1]:
        return whole[1].strip()
    return _BRACES.sub(lambda found: f"({found[1].strip()})", text)


def rule(event: str, condition: str, then: Sequence[Entry], span: Span) -> Entry:
    """An item of `case`: these actions at an event, where a condition (none: always) holds as well."""
    also = "" if condition.lower() in ("", "true") else f" and {condition}"
    if _LOOSE.search(condition):
        also = f" and ({condition})"
    text = f"{{{{ event.name == '{event}'{also} }}}}"
    blocks = listing([item(mapping([Entry(one.value, one.key, one.above, one.beside)], span)) for one in then], span)
    return item(mapping([pair("when", Leaf(quote(text), text, "double", span)), pair("then", blocks)], span))


def step_name(value: Tree) -> Leaf | None:
    """The step that an entry of a `next` names."""
    name = value.get("step") if isinstance(value, Branch) else value
    return name if isinstance(name, Leaf) and string(name) else None
