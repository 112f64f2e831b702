"""From the tools, actions and transitions of a playbook to the IR (sections 6 and 9 of the semantics)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from noetl.compiler import document, ir
from noetl.compiler.document.v1 import STEP_KEYS
from noetl.compiler.findings import (
    UNKNOWN_TOOL,
    UNKNOWN_TOOL_FIELD,
    WRONG_TYPE,
    Findings,
    close_to,
    described,
    listed,
    quoted,
)
from noetl.compiler.nodes import Map, Node, Scalar
from noetl.compiler.tools import (
    BOOLEANS,
    INLINE_CODE,
    KINDS,
    STRUCTURAL,
    UNKNOWN,
    ToolKind,
    plugged,
    tool_kind,
    unrendered,
)
from noetl.diagnostics import Span

from .literals import Literals
from .triggers import TakenOn

CollectMode: TypeAlias = Literal["append", "extend", "merge", "replace"]

_MAX_ATTEMPTS: Final = 3
_INITIAL_DELAY: Final = 0.5
_BACKOFF_MULTIPLIER: Final = 2.0
_MAX_PAGES: Final = 100
"""RET-1, RET-5."""
_MODES: Final[dict[str, CollectMode]] = {
    "append": "append",
    "extend": "extend",
    "merge": "merge",
    "replace": "replace",
}


@dataclass(frozen=True, slots=True)
class Context:
    """Where a block stands: its step, the kind of the step's tool, the rule and what is known of it."""

    step: str
    kind: ToolKind
    rule: int
    taken_on: TakenOn


class Actions:
    """Lowers what a playbook does; findings of one step name it by `label`."""

    def __init__(self, literals: Literals, findings: Findings) -> None:
        self._literals = literals
        self._findings = findings

    # -- tools -------------------------------------------------------------------------------------------------------

    def tool(self, spec: document.ToolSpec, label: str) -> ir.Tool:
        """A tool; an unknown kind (NTL135) or field (NTL108) is a finding."""
        name = spec.kind.text
        kind = tool_kind(name)
        written = spec.kind.positions is not None  # what stands in for a refused kind stands nowhere
        if kind is UNKNOWN and (name or written):
            allowed = {*KINDS, *plugged()}
            message = f"unknown tool kind {quoted(name)} in {label}; allowed: {listed(allowed)}"
            self._findings.add(UNKNOWN_TOOL, message, spec.kind.span, hint=close_to(name, allowed))
        fields = self.fields(spec.node, kind, f'"tool" of {label}')
        asserted = spec.asserted
        expects = tuple(n.text for n in asserted.expects) if asserted else ()
        returns = tuple(n.text for n in asserted.returns) if asserted else ()
        return ir.Tool(name, fields, spec.kind.span if name else spec.node.span, expects, returns)

    def fields(self, node: Map, kind: ToolKind, label: str) -> ir.MapValue:
        """Fields of a tool, or overrides of them, without its kind."""
        kept: list[tuple[str, ir.Value]] = []
        keys: list[Span] = []
        for key, inner in node.entries:
            if key.text in STRUCTURAL:
                continue
            if not kind.knows(key.text):
                self._unknown_field(key, kind, label)
            value = self._field(key, inner, kind, label)
            if value is not None:
                kept.append((key.text, value))
                keys.append(key.span)
        return ir.MapValue(tuple(kept), node.span, tuple(keys))

    def _unknown_field(self, key: Scalar, kind: ToolKind, label: str) -> None:
        known = kind.fields or frozenset()
        message = f"unknown field {quoted(key.text)} in {label}; fields of {kind.name}: {listed(known)}"
        if key.text in STEP_KEYS:
            hint: str | None = f'{quoted(key.text)} belongs beside "tool", not in it'
        elif key.text in kind.mistaken:
            hint = f"did you mean {quoted(kind.mistaken[key.text])}?"
        else:
            hint = None if self._findings.crowded else close_to(key.text, known)
        self._findings.add(UNKNOWN_TOOL_FIELD, message, key.span, hint=hint)

    def _field(self, key: Scalar, node: Node, kind: ToolKind, label: str) -> ir.Value | None:
        """The value of a field; None, and a finding, where it has the wrong type."""
        literal = node.value if isinstance(node, Scalar) else node
        if unrendered(kind.name, key.text):
            if isinstance(node, Scalar) and (literal is None or isinstance(literal, str)):
                return ir.Const(node.value, node.span, node)
            wanted = "a string"
        elif key.text in BOOLEANS and kind.name == "http":
            value = self._literals.value(node)
            if literal is None or isinstance(literal, bool) or isinstance(value, ir.Template):
                return value
            wanted = "a boolean or a template"
        elif key.text == "script":
            return self._literals.apart_from(node, INLINE_CODE)
        else:
            return self._literals.value(node)
        message = f"{quoted(key.text)} in {label} must be {wanted}, not {described(node)}"
        self._findings.add(WRONG_TYPE, message, node.span)
        return None

    def sink(self, spec: document.SinkSpec, place: str, span: Span, label: str) -> ir.Sink:
        """SNK-1."""
        return ir.Sink(self.tool(spec.tool, f'"sink" of {label}'), place, span)

    # -- transitions -------------------------------------------------------------------------------------------------

    def transition(
        self, source: str, entries: tuple[document.NextEntry, ...], rule: int | None, taken_on: TakenOn, span: Span
    ) -> ir.Next:
        """A `next` with its edges."""
        edges = tuple(
            ir.Edge(source, entry.step.text, self._args(entry), rule, i, taken_on, entry.step.span)
            for i, entry in enumerate(entries)
        )
        return ir.Next(edges, span)

    def _args(self, entry: document.NextEntry) -> ir.MapValue:
        return self._literals.entries(entry.args) if entry.args else ir.MapValue((), entry.step.span)

    # -- actions -----------------------------------------------------------------------------------------------------

    def action(self, spec: document.Action, index: int, at: Context) -> ir.DataAction | ir.ControlAction | None:
        """One action of a block, the `index`-th; None where nothing is left of it."""
        if not spec.node.entries:
            return None
        key, _ = spec.node.entries[0]
        label = f"{quoted(key.text)} of step {quoted(at.step)}"
        made = self._data(spec, key.span, f"{at.rule}.{index}", label)
        return self._control(spec, key.span, at) if made is None else made

    def _data(self, spec: document.Action, span: Span, place: str, label: str) -> ir.DataAction | None:
        if spec.set is not None:
            return ir.Set(self._literals.entries(spec.set), span)
        if isinstance(spec.collect, document.CollectFrom):
            return self._collect(spec.collect, span, label)
        if spec.collect is not None:
            return ir.CollectPath(spec.collect.path.text, spec.collect.into.text, span)
        if isinstance(spec.result, document.ResultFrom):
            found = self._literals.expression(spec.result.source, f'"from" in {label}')
            return None if found is None else ir.SetResult(found, span)
        if spec.result is not None:
            return ir.SetResult(self._literals.value(spec.result), span)
        if spec.sink is not None:
            return self.sink(spec.sink, place, span, label.partition(" of ")[2])
        if spec.log is not None:
            return ir.Log(self._literals.value(spec.log), span)
        return None

    def _collect(self, spec: document.CollectFrom, span: Span, label: str) -> ir.Collect | None:
        source = self._literals.expression(spec.source, f'"from" in {label}')
        mode = _MODES[spec.mode.text] if spec.mode else "append"
        return None if source is None else ir.Collect(source, spec.into.text, mode, span)

    def _control(self, spec: document.Action, span: Span, at: Context) -> ir.ControlAction | None:
        if spec.next is not None:
            return self.transition(at.step, spec.next, at.rule, at.taken_on, span)
        if spec.call is not None:
            label = f'"call" of step {quoted(at.step)}'
            return ir.Call(self.fields(spec.call, at.kind, label), span)
        if spec.retry is not None:
            return self._retry(spec.retry, span, at)
        if spec.skip is not None:
            return ir.Skip(self._optional(spec.skip.reason), span)
        if spec.fail is not None:
            fatal = self._optional(spec.fail.fail_workflow) or ir.Const(True, span)
            return ir.Fail(self._optional(spec.fail.message), fatal, span)
        return None

    def _retry(self, spec: document.RetrySpec, span: Span, at: Context) -> ir.Retry | ir.Page:
        attempts = self._optional(spec.max_attempts)
        delay = self._optional(spec.initial_delay)
        if spec.overrides is not None:
            overrides = self.fields(spec.overrides, at.kind, f'"retry" of step {quoted(at.step)}')
            return ir.Page(overrides, attempts or ir.Const(_MAX_PAGES, span), delay, span)
        return ir.Retry(
            attempts or ir.Const(_MAX_ATTEMPTS, span),
            delay or ir.Const(_INITIAL_DELAY, span),
            self._optional(spec.backoff_multiplier) or ir.Const(_BACKOFF_MULTIPLIER, span),
            self._optional(spec.max_delay),
            span,
        )

    def _optional(self, node: Node | None) -> ir.Value | None:
        return None if node is None else self._literals.value(node)
