"""From a document to the IR: every shorthand resolved, every rule with its events, every edge with its outcomes."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from noetl.compiler import document, ir
from noetl.compiler.document.edits import Text, appended_step
from noetl.compiler.findings import UNDECLARED_END, Findings, quoted
from noetl.compiler.nodes import Map, Scalar, Seq
from noetl.compiler.tools import tool_kind
from noetl.diagnostics import Span

from .actions import Actions, Context
from .literals import Literals
from .triggers import TakenOn, about_iteration, item_entries, trigger


def lower(playbook: document.Document, text: str, findings: Findings) -> ir.Workflow:
    """The workflow of a document; what is wrong in expressions and tools is added to the findings."""
    return _Lowering(text, findings).workflow(playbook)


class _Lowering:
    def __init__(self, text: str, findings: Findings) -> None:
        self._text = text
        self._findings = findings
        self._literals = Literals(findings)
        self._actions = Actions(self._literals, findings)

    def workflow(self, playbook: document.Document) -> ir.Workflow:
        root, metadata = playbook.node, playbook.metadata
        steps = [self._step(step) for step in playbook.workflow]
        end = self._undeclared_end(steps, root)
        keychain = root.get("keychain") if playbook.keychain else None
        return ir.Workflow(
            name=metadata.name.text,
            path=metadata.path.text if metadata.path else None,
            description=metadata.description.text if metadata.description else None,
            tags=tuple(tag.text for tag in metadata.tags),
            workload=self._entries(playbook.workload, root.span),
            keychain=self._literals.json(keychain) if keychain else None,
            spec=self._literals.json(playbook.spec) if playbook.spec else None,
            tasks=tuple(self._task(task) for task in playbook.workbook),
            steps=(*steps, end) if end else tuple(steps),
        )

    def _entries(self, node: Map | None, at: Span) -> ir.MapValue:
        return self._literals.entries(node) if node else ir.MapValue((), at)

    def _task(self, spec: document.WorkbookTask) -> ir.Task:
        label = f"workbook task {quoted(spec.name.text)}"
        tool = self._actions.tool(spec.tool, label)
        own = spec.asserted
        expects = _joined(tool.expects, own.expects if own else ())
        returns = _joined(tool.returns, own.returns if own else ())
        return ir.Task(
            name=spec.name.text,
            tool=replace(tool, expects=expects, returns=returns),
            sink=self._sink(spec, f"task.{spec.name.text}", label),
            expects=expects,
            returns=returns,
            span=spec.name.span,
        )

    def _sink(self, spec: document.WorkbookTask | document.StepSpec, place: str, label: str) -> ir.Sink | None:
        """SNK-2."""
        key = spec.node.key("sink")
        return self._actions.sink(spec.sink, place, key.span, label) if spec.sink and key else None

    # -- steps -------------------------------------------------------------------------------------------------------

    def _step(self, spec: document.StepSpec) -> ir.Step:
        name = spec.step.text
        label = f"step {quoted(name)}"
        tool = self._actions.tool(spec.tool, label) if spec.tool else None
        loop = self._loop(spec.loop, spec.node, label) if spec.loop else None
        case = [self._rule(rule, i, name, tool, loop) for i, rule in enumerate(spec.case or ())]
        key = spec.node.key("next")
        following = None
        if spec.next is not None and key:
            following = self._actions.transition(name, spec.next, None, _structural(case), key.span)
        args = self._entries(spec.args, spec.step.span)
        return ir.Step(
            name=name,
            args=args,
            item_args=item_entries(args, loop.iterator) if loop else frozenset(),
            tool=tool,
            loop=loop,
            rules=tuple(rule for rule, _ in case),
            next=following,
            vars=self._literals.entries(spec.vars) if spec.vars else None,
            sink=self._sink(spec, "sink", label),
            join=_join(spec),
            declared=True,
            span=spec.step.span,
            extent=spec.node.span,
        )

    def _loop(self, spec: document.Loop, step: Map, label: str) -> ir.Loop:
        """LOP-1, LOP-8."""
        items: ir.Expression | ir.Value | None
        if isinstance(spec.items, Scalar):
            items = self._literals.expression(spec.items, f'"in" in "loop" of {label}')
        else:
            items = self._literals.value(spec.items)
        key = step.key("loop")
        return ir.Loop(
            items=items or ir.Const([], spec.items.span),
            iterator=spec.iterator.text,
            parallel=spec.mode is not None and spec.mode.text != "sequential",
            max_in_flight=self._literals.value(spec.max_in_flight) if spec.max_in_flight else None,
            span=key.span if key else spec.node.span,
        )

    def _rule(
        self, spec: document.CaseRule, index: int, step: str, tool: ir.Tool | None, loop: ir.Loop | None
    ) -> tuple[ir.Rule, TakenOn]:
        """A rule, and the outcomes for which it can fire."""
        when: ir.Expression | bool | None
        if isinstance(spec.when.value, bool):
            when = spec.when.value
        else:
            when = self._literals.expression(spec.when, f'"when" in "case" of step {quoted(step)}')
        calls = any(action.call is not None for action in spec.then)
        known = trigger(when or False, tool=tool is not None, loop=loop is not None, calls=calls)
        at = Context(step, tool_kind(tool.kind if tool else ""), index, known.taken_on)
        data, controls = self._block(spec, at)
        # Of several, which RUL-6 refuses, the transitions matter most to what the other checks see.
        control = next((c for c in controls if isinstance(c, ir.Next)), controls[0] if controls else None)
        parts = [*data, *([control] if control else [])]
        made = ir.Rule(
            index=index,
            when=known.when,
            events=known.events,
            error_aware=known.error_aware,
            data=tuple(data),
            control=control,
            per_iteration=loop is not None and about_iteration(known, parts, loop.iterator),
            span=spec.node.span,
        )
        return made, known.taken_on

    def _block(self, spec: document.CaseRule, at: Context) -> tuple[list[ir.DataAction], list[ir.ControlAction]]:
        data: list[ir.DataAction] = []
        controls: list[ir.ControlAction] = []
        for i, action in enumerate(spec.then):
            made = self._actions.action(action, i, at)
            if isinstance(made, ir.Next | ir.Call | ir.Retry | ir.Page | ir.Skip | ir.Fail):
                controls.append(made)
            elif made is not None:
                data.append(made)
        return data, controls

    # -- the end -----------------------------------------------------------------------------------------------------

    def _undeclared_end(self, steps: list[ir.Step], root: Map) -> ir.Step | None:
        """DOC-7: a marker for the `end` that the playbook names and does not declare (NTL131)."""
        if any(step.name == ir.END for step in steps):
            return None
        edge = next((e for step in steps for e in step.edges() if e.target == ir.END), None)
        if edge is None:
            return None
        workflow = root.get("workflow")
        fix = appended_step(Text(self._text), workflow, ir.END) if isinstance(workflow, Seq) else None
        message = 'the step "end" is not declared; it is a step without a tool'
        self._findings.add(UNDECLARED_END, message, edge.span, hint='add "- step: end"', fix=fix)
        nothing = ir.MapValue((), edge.span)
        return ir.Step(
            name=ir.END,
            args=nothing,
            item_args=frozenset(),
            tool=None,
            loop=None,
            rules=(),
            next=None,
            vars=None,
            sink=None,
            join="all",
            declared=False,
            span=edge.span,
            extent=edge.span,
        )


def _join(spec: document.StepSpec) -> Literal["each", "all"]:
    """STP-1."""
    if spec.join is None:
        return "all" if spec.step.text == ir.END else "each"
    return "all" if spec.join.text == "all" else "each"


def _joined(first: tuple[str, ...], more: tuple[Scalar, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*first, *(name.text for name in more)]))


def _structural(case: list[tuple[ir.Rule, TakenOn]]) -> TakenOn:
    """The outcomes for which the structural `next` can be taken.

    RUL-8: not by a run that fails. An error that a rule handles without a transition of its own (RUL-7) leads to it.
    """
    for rule, fires_on in case:
        handles = isinstance(rule.control, ir.Skip) or any(isinstance(action, ir.SetResult) for action in rule.data)
        if fires_on != "success" and handles and not isinstance(rule.control, ir.Next | ir.Fail):
            return "both"
    return "success"
