"""Steps and workbook tasks of v1 in their v2 form."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from noetl.compiler.document.v1 import STEP_KEYS
from noetl.compiler.findings import quoted
from noetl.compiler.formatting.tree import Branch, Entry, Leaf, leaves

from .notes import LOOP_RESULT, NO_FORM
from .parts import Notebook, comments_of, is_null, item, items, listing, mapping, name_of, pair, string, word
from .routing import ARGS, Router, condition_of, rule
from .tools import Tools

TASK_KEYS: Final = frozenset({"name", "desc", "assert", "sink", "tool"})
_ITERATOR: Final = "iterator"
_MARKERS: Final = frozenset({"start", "end", "router", "route"})
"""Types of steps that do nothing themselves."""
_LOOP: Final = {
    "collection": "in",
    "in": "in",
    "element": "iterator",
    "iterator": "iterator",
    "mode": "mode",
    "concurrency": "max_in_flight",
    "max_in_flight": "max_in_flight",
}
_RETRY: Final = ("max_attempts", "initial_delay", "backoff_multiplier", "max_delay")
_ROUTING: Final = frozenset({"next", "when", "then", "else", "case"})


@dataclass(slots=True)
class _Parts:
    """What a step or task is made of."""

    own: list[Entry] = field(default_factory=list)
    fields: list[Entry] = field(default_factory=list)
    sinks: list[Entry] = field(default_factory=list)
    total_sinks: list[Entry] = field(default_factory=list)
    """Sinks of an iterator itself: they take what all iterations gave."""
    routing: list[Entry] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)


class Steps:
    """Rewrites steps and tasks; one that is v2 already comes out as it was."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._tools = Tools(notebook)
        self.loops: list[str] = []
        """The steps that were iterators."""

    # -- tasks -------------------------------------------------------------------------------------------------------

    def task(self, task: Branch) -> None:
        """A workbook task, changed in place."""
        named = task.entry("name") or task.entry("task")
        label = f"workbook task {quoted((string(named.value) if named else None) or '?')}"
        parts = _Parts()
        kind: Entry | None = None
        for entry in task.entries:
            name = name_of(entry)
            if name == "task" and entry is named:
                parts.own.append(pair("name", entry.value, entry))
            elif name in ("type", "tool") and isinstance(entry.value, Leaf) and not is_null(entry.value):
                if kind is not None:
                    parts.loose += self._notebook.as_comment(entry, label, "the kind of its tool is given twice")
                kind = kind or entry
            elif name in ("save", "sink"):
                parts.sinks.append(entry)
            elif name in TASK_KEYS:
                parts.own.append(entry)
            else:
                parts.fields.append(entry)
        self._make_tool(parts, kind, label, step=False)
        self._finish(task, parts, label)

    # -- steps -------------------------------------------------------------------------------------------------------

    def step(self, step: Branch) -> None:
        """A step, changed in place."""
        name = string(step.get("step")) or "?"
        label = f"step {quoted(name)}"
        parts, kind = self._sorted(step, label)
        iterator: str | None = None
        loop = next((e for e in parts.own if name_of(e) == "loop"), None)
        if kind is not None and string(kind.value) == _ITERATOR:
            kind, loop = self._iterate(kind, parts, label)
            self.loops.append(name)
        elif loop is not None and isinstance(loop.value, Branch):
            loop.value = self._loop(loop.value.entries, loop, label)
        if loop is not None and isinstance(loop.value, Branch):
            iterator = string(loop.value.get("iterator")) or "item"
        self._make_tool(parts, kind, label, step=True)
        self._route(step, parts, label, iterator)
        self._finish(step, parts, label)

    def _sorted(self, step: Branch, label: str) -> tuple[_Parts, Entry | None]:
        """The entries of a step by what they are, and the one that names the kind of its tool."""
        parts = _Parts()
        kind: Entry | None = None
        v1 = any(name_of(e) in ("type", "tool") and isinstance(e.value, Leaf) for e in step.entries)
        for entry in step.entries:
            name = name_of(entry)
            if name in ("type", "tool") and isinstance(entry.value, Leaf) and not is_null(entry.value):
                if entry.value.text in _MARKERS:
                    parts.loose += comments_of(entry)
                elif kind is not None:
                    parts.loose += self._notebook.as_comment(entry, label, "the kind of its tool is given twice")
                else:
                    kind = entry
            elif name in ("save", "sink"):
                parts.sinks.append(entry)
            elif name in _ROUTING:
                parts.routing.append(entry)
            elif name in STEP_KEYS and not (v1 and name == "args"):
                parts.own.append(entry)
            else:
                parts.fields.append(entry)
        return parts, kind

    def _make_tool(self, parts: _Parts, kind: Entry | None, label: str, *, step: bool) -> None:
        """The tool of v1's fields, its sink and retry taken out of them."""
        inner = next((e for e in parts.own if name_of(e) == "tool"), None)
        if inner is not None and kind is not None:
            parts.loose += self._notebook.as_comment(kind, label, "the kind of its tool is given twice")
        if inner is not None and isinstance(inner.value, Branch):
            self._beside(parts, inner, inner.value, label, step=step)
        elif kind is not None and inner is None and isinstance(kind.value, Leaf):
            retry = next((e for e in parts.fields if name_of(e) == "retry"), None)
            if retry is not None and step:
                parts.fields.remove(retry)
                parts.routing.insert(0, retry)
            made, own, loose = self._tools.tool(kind.value, kind, parts.fields, label, step=step)
            parts.own += [made, *own]
            parts.loose += loose
            parts.fields = []
        for entry in parts.fields:  # what has found no tool
            if step and name_of(entry) in ARGS and not any(name_of(e) == "args" for e in parts.own):
                parts.own.append(pair("args", entry.value, entry))
            else:
                parts.loose += self._notebook.as_comment(entry, label, "there is no tool that it could belong to")
        parts.fields = []

    def _beside(self, parts: _Parts, inner: Entry, tool: Branch, label: str, *, step: bool) -> None:
        """A tool that is a mapping already: what stands beside it goes into it, its own sink out of it."""
        self._spell_kind(tool)
        for name in ("save", "sink"):
            sink = tool.entry(name)
            if sink is not None:
                tool.entries.remove(sink)
                parts.sinks.append(sink)
        found = tool.get("kind")
        if not parts.fields or not isinstance(found, Leaf) or not tool.is_map:
            return
        made, own, loose = self._tools.tool(found, Entry(found), parts.fields, label, step=step)
        given = {name_of(e) for e in tool.entries}
        for entry in made.value.entries if isinstance(made.value, Branch) else ():
            if name_of(entry) not in given:
                tool.entries.append(entry)
            elif name_of(entry) != "kind":
                parts.loose += self._notebook.as_comment(entry, label, '"tool" has it already')
        tool.flow = False
        inner.value = tool
        taken = {name_of(e) for e in parts.own}
        for entry in own:
            if name_of(entry) in taken:
                parts.loose += self._notebook.as_comment(entry, label, "the step has them already")
            else:
                parts.own.append(entry)
        parts.loose += loose
        parts.fields = []

    def _spell_kind(self, tool: Branch) -> None:
        found = tool.entry("type")
        if found is not None and tool.entry("kind") is None and found.key is not None:
            found.key = Leaf("kind", "kind", "plain", found.key.span)

    # -- loops -------------------------------------------------------------------------------------------------------

    def _iterate(self, kind: Entry, parts: _Parts, label: str) -> tuple[Entry | None, Entry]:
        """The loop of an iterator, and the entry that names the kind of its nested task."""
        task = next((e for e in parts.fields if name_of(e) == "task" and isinstance(e.value, Branch)), None)
        own = [e for e in parts.fields if e is not task]
        names = {name_of(e) for e in own}
        if "collection" not in names:
            own = [pair("collection", e.value, e) if name_of(e) == "data" else e for e in own]
        loop = Entry(Branch(), Leaf("loop", "loop", "plain", kind.value.span), list(kind.above), kind.beside)
        loop.value = self._loop(own, loop, label)
        parts.own.append(loop)
        parts.total_sinks, parts.sinks, parts.fields = parts.sinks, [], []
        if task is None or not isinstance(task.value, Branch):
            message = f"the iterator in {label} has no task: the loop calls nothing"
            self._notebook.note(NO_FORM, message, kind.value.span, hint='the "tool" to call for each item is missing')
            return None, loop
        loop.above += [line for line in comments_of(task) if line]
        return self._nested(task.value, parts, label), loop

    def _nested(self, task: Branch, parts: _Parts, label: str) -> Entry | None:
        """The task of an iterator: its kind; its fields and sink become those of the step."""
        kind = next((e for n in ("tool", "type") if (e := task.entry(n)) and isinstance(e.value, Leaf)), None)
        workbook = kind is not None and string(kind.value) == "workbook"
        described = any(name_of(e) == "desc" for e in parts.own)
        for entry in task.entries:
            name = name_of(entry)
            if entry is kind:
                continue
            if name == "tool":
                parts.own.append(entry)
            elif name in ("save", "sink"):
                parts.sinks.append(entry)
            elif name in ("name", "task", "desc") and not (name == "name" and workbook):
                if described:
                    parts.loose += self._notebook.as_comment(entry, label, "the step has a description")
                else:
                    parts.own.append(pair("desc", entry.value, entry))
                described = True
            elif name in ("next", "when"):
                parts.loose += self._notebook.as_comment(entry, label, "an iteration has no transitions of its own")
            else:
                parts.fields.append(entry)
        return kind

    def _loop(self, entries: list[Entry], holder: Entry, label: str) -> Branch:
        made: list[Entry] = []
        taken: set[str] = set()
        for entry in entries:
            name = _LOOP.get(name_of(entry))
            if name is None or name in taken:
                holder.above += self._notebook.as_comment(entry, f'"loop" of {label}')
                continue
            taken.add(name)
            made.append(pair(name, entry.value, entry))
        if "iterator" not in taken:
            made.append(pair("iterator", word("item", holder.value.span)))
        return mapping(made, holder.value.span)

    # -- the whole step ----------------------------------------------------------------------------------------------

    def _route(self, step: Branch, parts: _Parts, label: str, iterator: str | None) -> None:
        """`case` and `next` of the step."""
        given = {name_of(e): e for e in parts.routing}
        total = bool(parts.total_sinks)
        router = Router(self._notebook, label, step.span, iterator=iterator, total_sink=total)
        if "retry" in given:
            router.routes.rules += self._retry(given["retry"], router, label)
        if "when" in given:
            router.guard(given["when"], given.get("then"), given.get("else"))
        else:
            for name in ("then", "else"):
                if name in given:
                    router.routes.loose += self._notebook.as_comment(given[name], label, 'there is no "when"')
        if "next" in given:
            router.next(given["next"])
        self._total(parts, router, label)
        routes = router.routes
        parts.loose += routes.loose
        case = given.get("case")
        if routes.rules:
            written = items(case.value) if case else []
            parts.own.append(pair("case", listing([*written, *routes.rules], step.span), case or given.get("next")))
        elif case is not None:
            parts.own.append(case)
        commented = bool(routes.rules) and case is None
        self._default(given.get("next"), routes.default, commented, parts)

    def _default(self, entry: Entry | None, default: list[Entry], choice: bool, parts: _Parts) -> None:
        """The structural `next`, as it was written where it was a name; in a choice `case` has taken its comments."""
        if not default:
            if entry is not None and not choice:
                parts.loose += comments_of(entry)
            return
        span = default[0].value.span
        like = entry if entry is not None and not choice else None
        if like is not None and isinstance(like.value, Leaf):
            parts.own.append(pair("next", like.value, like))
            return
        flow = like is not None and isinstance(like.value, Branch) and like.value.flow
        value = Branch(default, is_map=False, flow=flow, span=span)
        parts.own.append(pair("next", value, like))

    def _total(self, parts: _Parts, router: Router, label: str) -> None:
        """Sinks of an iterator run when the loop is done, in each rule that leaves it then and in one of their own."""
        if not parts.total_sinks:
            return
        made = [self._tools.sink(entry, label) for entry in parts.total_sinks]
        span = made[0].value.span
        for entry in router.routes.rules:
            then = entry.value.get("then") if isinstance(entry.value, Branch) else None
            when = string(entry.value.get("when")) if isinstance(entry.value, Branch) else None
            if isinstance(then, Branch) and when and "loop.done" in when:
                then.entries[:0] = [item(mapping([Entry(e.value, e.key)], span)) for e in made]
        router.routes.rules.append(rule("loop.done", "", made, span))

    def _retry(self, entry: Entry, router: Router, label: str) -> list[Entry]:
        """`retry` of a v1 tool as a rule on call.error."""
        value = entry.value
        span = value.span
        condition = ""
        kept: list[Entry] = []
        above = comments_of(entry)
        if isinstance(value, Branch) and value.is_map:
            for one in value.entries:
                if name_of(one) in _RETRY:
                    kept.append(one)
                elif name_of(one) == "retry_when" and string(one.value):
                    condition = condition_of(one.value)
                    above += comments_of(one)
                else:
                    above += self._notebook.as_comment(one, f'"retry" of {label}')
        elif isinstance(value, Leaf) and value.text.isdigit():
            kept = [pair("max_attempts", value)]
        elif not (isinstance(value, Leaf) and value.text.lower() == "true"):
            router.routes.loose += self._notebook.as_comment(entry, label)
            return []
        made = rule("call.error", condition, [pair("retry", Branch(kept, flow=not kept, span=span))], span)
        made.above = above
        return [made]

    def _finish(self, owner: Branch, parts: _Parts, label: str) -> None:
        """Put the parts into the step or task; of several sinks the first is its sink."""
        for number, entry in enumerate(parts.sinks):
            if number:
                parts.loose += self._notebook.as_comment(entry, label, "there is a sink already")
            else:
                parts.own.append(self._tools.sink(entry, label))
        owner.entries = parts.own
        owner.flow = owner.flow and not parts.loose
        owner.tail = [*parts.loose, *owner.tail]

    def note_results(self, root: Branch) -> None:
        """Note each template that reads the result of a former iterator."""
        for name in self.loops:
            reads = re.compile(rf"(?<![\w.'\"]){re.escape(name)}(?![\w'\"]|\.(?:results|stats)\b)")
            for leaf in leaves(root):
                if "{{" in leaf.text and reads.search(leaf.text):
                    message = f"{quoted(name)} was an iterator: its result is {{results, stats}} now"
                    hint = f'what v1 gave as "{name}" is "{name}.results"'
                    self._notebook.note(LOOP_RESULT, message, leaf.span, hint)
