"""From the nodes of a file to the nodes of a canonical playbook: one form for everything that has several.

Shorthands of the language become their long form without a word (`next: x`, `- step: x`, `then` as a mapping), other
accepted spellings leave a note (DOC-11), leftovers of v1 are refused (DOC-6). What has the wrong shape is handed on as
it is: the models of `document` say what is wrong with it.
"""

from __future__ import annotations

from typing import Final

from noetl.compiler.findings import MARKER, TOLERATED_KEY, Findings, is_null, quoted, string_of
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.tools import ALL_FIELDS, ToolKind, tool_kind
from noetl.diagnostics import Span

from . import Action, edits, v1
from .edits import Text
from .spellings import Entry, Spellings, named

TOLERATED: Final = ("executor", "tracing", "spec")
"""DOC-3."""
TASK_KEYS: Final = frozenset({"name", "tool", "sink", "desc", "assert"})
"""DOC-10."""
_MAY_BE_EMPTY: Final = {
    "playbook": frozenset({"workload", "keychain", "workbook"}),
    "step": frozenset({"desc", "args", "case", "next", "vars"}),
    "task": frozenset({"desc"}),
    "skip": frozenset({"reason"}),
    "fail": frozenset({"message", "fail_workflow"}),
}
"""Optional keys that may stand without a value: as if they were absent."""


def normalise(root: Node, text: str, findings: Findings) -> Map | None:
    """The canonical form of the playbook `root`; None if the document is refused as a whole."""
    if v1.refused_whole(root, findings) or not isinstance(root, Map):
        return None
    return _Normaliser(text, findings).playbook(root)


class _Normaliser:
    def __init__(self, text: str, findings: Findings) -> None:
        self._text = Text(text)
        self._findings = findings
        self._spell = Spellings(self._text, findings)

    def playbook(self, root: Map) -> Map:
        entries: list[Entry] = []
        for key, value in _present(root, "playbook"):
            name = key.text
            if name in TOLERATED:
                effect = "has no effect, but that templates can read it" if name == "spec" else "has no effect"
                self._findings.add(TOLERATED_KEY, f"the key {quoted(name)} {effect}", key.span)
            elif name == "metadata" and isinstance(value, Map):
                value = Map([(k, v) for k, v in value.entries if k.text == "name" or not is_null(v)], value.span)
            elif name == "workflow" and isinstance(value, Seq):
                value = Seq([self._step(step) if isinstance(step, Map) else step for step in value.items], value.span)
            elif name == "workbook" and isinstance(value, Seq):
                value = Seq([self._task(task) if isinstance(task, Map) else task for task in value.items], value.span)
            entries.append((key, value))
        return Map(entries, root.span)

    # -- steps and tasks ---------------------------------------------------------------------------------------------

    def _step(self, step: Map) -> Map:
        label = f"step {quoted(string_of(step.get('step')) or '?')}"
        step = v1.v2_owner(step, label, v1.STEP_KEYS, self._findings, step=True)
        tool = step.get("tool")
        entries: list[Entry] = []
        kind = tool_kind("")
        if isinstance(tool, Map):
            tool = self._tool(tool, label)
            kind = tool_kind(string_of(tool.get("kind")) or "")
        for key, value in _present(step, "step"):
            match key.text, value:
                case "tool", Map() if tool is not None:
                    value = tool
                case "loop", Map():
                    value = v1.v2_loop(value, label, self._findings)
                case "sink", Map():
                    value = self._sink(value, label)
                case "next", _:
                    value = self._next(value, label)
                case "case", Seq():
                    rules = [self._rule(r, kind, label) if isinstance(r, Map) else r for r in value.items]
                    value = Seq(rules, value.span)
            entries.append((key, value))
        return self._marker(Map(entries, step.span), label)

    def _marker(self, step: Map, label: str) -> Map:
        """DOC-5: a step with none of `tool`, `case` and `next` has neither a loop nor a sink (NTL134)."""
        if any(step.key(name) for name in ("tool", "case", "next")):
            return step
        for name in ("loop", "sink"):
            key = step.key(name)
            if key:
                message = f'"{name}" in {label} has no effect: the step has no "tool", no "case" and no "next"'
                self._findings.add(MARKER, message, key.span)
        return Map([(k, v) for k, v in step.entries if k.text not in ("loop", "sink")], step.span)

    def _task(self, task: Map) -> Map:
        label = f"workbook task {quoted(string_of(task.get('name')) or '?')}"
        task = v1.v2_owner(task, label, TASK_KEYS, self._findings, step=False)
        tool, key = task.get("tool"), task.key("tool")
        if key and isinstance(tool, Scalar) and string_of(tool) is not None:
            task = self._nested(task, key, tool, TASK_KEYS, label)
        entries: list[Entry] = []
        for key, value in _present(task, "task"):
            match key.text, value:
                case "tool", Map():
                    value = self._tool(value, label)
                case "sink", Map():
                    value = self._sink(value, label)
            entries.append((key, value))
        return Map(entries, task.span)

    def _tool(self, tool: Map, label: str) -> Map:
        return self._spell.tool(v1.v2_tool(tool, label, self._findings), f'"tool" of {label}')

    def _nested(self, owner: Map, key: Scalar, tool: Scalar, own: frozenset[str], label: str) -> Map:
        """`tool: <kind>` with the fields beside it, as a tool that holds them.

        Where these come last they are indented as one block. An `assert` among them moves along, as it means the same
        at both levels.
        """
        keys = [k for k, _ in owner.entries]
        before, after = keys[: keys.index(key)], keys[keys.index(key) + 1 :]
        last = all(k.text not in own or k.text == "assert" for k in after) and all(k.text in own for k in before)
        moved = after if last else [k for k in keys if k.text not in own]
        fields = [(k, v) for k, v in owner.entries if any(k is one for one in moved)]
        fix = edits.nested_tool(self._text, owner, key, tool, last=last)
        self._spell.note(quoted(f"tool: {tool.text}"), quoted(f"tool: {{kind: {tool.text}}}"), label, tool.span, fix)
        nested = Map([(named("kind", tool), tool), *fields], tool.span)
        kept = [(k, nested if k is key else v) for k, v in owner.entries if not any(k is one for one in moved)]
        return Map(kept, owner.span)

    def _sink(self, sink: Map, label: str) -> Map:
        """SNK-1: `{tool: {kind, ...}}`, what stands beside `tool` merged into it."""
        place = f'"sink" of {label}'
        key, tool = sink.key("tool"), sink.get("tool")
        if key and isinstance(tool, Scalar) and string_of(tool) is not None:
            sink = self._nested(sink, key, tool, frozenset({"tool"}), place)
        elif key is None and (kind := sink.key("kind") or sink.key("backend")):
            rename = [] if kind.text == "kind" else [edits.renamed(self._text, kind, "kind")]
            more = [edit for edit in rename if edit]
            fix = edits.wrapped(self._text, sink, "tool", more) if len(more) == len(rename) else None
            self._spell.note(f'{quoted(kind.text)} without "tool"', '"tool: {kind: ...}"', place, kind.span, fix)
            inner = [(named("kind", k) if k is kind else k, v) for k, v in sink.entries]
            sink, key = Map([(named("tool", kind), Map(inner, sink.span))], sink.span), named("tool", kind)
        tool = sink.get("tool")
        if key is None:
            return Map([(k, v) for k, v in sink.entries if k.text not in ALL_FIELDS], sink.span)
        if not isinstance(tool, Map):
            return Map([(key, tool)] if tool else [], sink.span)
        beside = [(k, v) for k, v in sink.entries if k.text != "tool"]
        tool = v1.v2_tool(Map(_merged(tool.entries, beside), tool.span), place, self._findings)
        return Map([(key, self._spell.sink_tool(tool, place))], sink.span)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _rule(self, rule: Map, kind: ToolKind, label: str) -> Map:
        entries: list[Entry] = []
        for key, value in rule.entries:
            if key.text == "then" and isinstance(value, Map | Seq):
                blocks: list[Node] = value.items if isinstance(value, Seq) else [value]
                value = Seq(self._actions(blocks, kind, label), value.span)
            entries.append((key, value))
        return Map(entries, rule.span)

    def _actions(self, blocks: list[Node], kind: ToolKind, label: str) -> list[Node]:
        """DOC-8: one mapping per action, in order; adjacent `step` and `next` items are one `next`.

        What the models refuse stands between no two of them: it is one error, not two.
        """
        actions: list[Node] = []
        last: Map | None = None
        for block in blocks:
            if not isinstance(block, Map):
                actions.append(block)
                continue
            for action in self._single(block, kind, label):
                if last is not None and _join(last, action):
                    continue
                actions.append(action)
                if action.entries[0][0].text in Action.model_fields:
                    last = action
        return actions

    def _single(self, block: Map, kind: ToolKind, label: str) -> list[Map]:
        found: list[Map] = []
        step = block.key("step")
        for key, value in block.entries:
            if key is step:
                beside = [(k, v) for k, v in block.entries if k.text == "args" and not is_null(v)]
                entry = Map([(key, value), *beside], _from_to(key.span, (beside or [(key, value)])[-1][1]))
                found.append(Map([(named("next", key), Seq([entry], entry.span))], entry.span))
            elif not (step and key.text == "args"):
                found.append(Map([(key, self._action(key, value, kind, label))], _from_to(key.span, value)))
        return found

    def _action(self, key: Scalar, value: Node, kind: ToolKind, label: str) -> Node:
        empty = Map([], value.span) if is_null(value) else value
        match key.text, empty:
            case "next", _:
                return value if is_null(value) else self._next(value, label)
            case "set", _:
                return self._spell.store(value, f'"set" of {label}')
            case "collect", _:
                self._spell.collect(key, value, label)
            case "sink", Map():
                return self._sink(value, label) if isinstance(value, Map) else value
            case "call", Map() as given:
                return self._spell.call(given, kind, label)
            case "retry", Map() as given:
                return self._spell.retry(key, given, kind, label)
            case "skip" | "fail", Map() as given:
                return Map(_present(given, key.text), given.span)
        return value

    def _next(self, value: Node, label: str) -> Node:
        """DOC-7: every form of `next` as a list of `{step, args?}`."""
        value = v1.v2_next(value, label, self._findings)
        if isinstance(value, Map) and value.key("step"):
            fix = edits.listed_mapping(self._text, value)
            self._spell.note('"next" as a mapping', "a list of {step, args}", label, value.span, fix)
        elif isinstance(value, Map) or (isinstance(value, Scalar) and string_of(value) is None):
            return value
        items = value.items if isinstance(value, Seq) else [value]
        entries: list[Node] = []
        for item in items:
            if isinstance(item, Map):
                kept = [(k, v) for k, v in item.entries if not (k.text == "args" and is_null(v))]
                entries.append(Map(kept, item.span))
            elif string_of(item) is not None and isinstance(item, Scalar):
                entries.append(Map([(named("step", item), item)], item.span))
            else:
                entries.append(item)
        return Seq(entries, value.span)


def _present(owner: Map, place: str) -> list[Entry]:
    return [(k, v) for k, v in owner.entries if not (is_null(v) and k.text in _MAY_BE_EMPTY[place])]


def _join(before: Map, action: Map) -> bool:
    """Add a `next` to the one before it, if both are one."""
    (key, first), (other, second) = before.entries[0], action.entries[0]
    if key.text != "next" or other.text != "next" or not isinstance(first, Seq) or not isinstance(second, Seq):
        return False
    first.items += second.items  # both lists were made here
    return True


def _merged(fields: list[Entry], beside: list[Entry]) -> list[Entry]:
    """The fields of a sink's tool and those beside it; of two mappings `args` the tool's own entries win (STP-4)."""
    own = next((v for k, v in fields if k.text == "args"), None)
    more = next((v for k, v in beside if k.text == "args"), None)
    if not isinstance(own, Map) or not isinstance(more, Map):
        return [*fields, *beside]
    given = {k.text for k, _ in more.entries}
    kept = [(k, v) for k, v in own.entries if not is_null(v) or k.text not in given]
    names = {k.text for k, _ in kept}
    args = Map([*kept, *((k, v) for k, v in more.entries if k.text not in names)], own.span)
    merged = [(k, args if k.text == "args" else v) for k, v in fields]
    return [*merged, *((k, v) for k, v in beside if k.text != "args")]


def _from_to(start: Span, end: Node) -> Span:
    return Span(start.line, start.column, end.span.end_line, end.span.end_column)
