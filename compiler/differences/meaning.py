"""From the IR of a playbook to its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from jinja2 import TemplateSyntaxError

from noetl.compiler import ir
from noetl.compiler.expr.sandbox import SANDBOX
from noetl.compiler.nodes import Map, Node, Seq
from noetl.diagnostics import Span

from .parts import Part, items, leaf, named, ordered

_LEFT_OUT: Final = frozenset({"whitespace", "comment_begin", "comment", "comment_end"})


def meaning(workflow: ir.Workflow, renamed: Mapping[str, str] | None = None) -> Part:
    """What a playbook means. Steps are called, and transitions lead, as `renamed` has it."""
    names = renamed or {}
    steps = {names.get(step.name, step.name): step_meaning(step, names) for step in workflow.steps}
    tasks = {task.name: _task(task) for task in workflow.tasks}
    parts = {
        "workload": _entries(workflow.workload),
        "keychain": _unordered(workflow.keychain) if workflow.keychain else None,
        "spec": _data(workflow.spec, None, None) if workflow.spec else None,
        "workbook": named(tasks, None) if tasks else None,
        "workflow": named(steps, None),
    }
    return named(parts, None)


def step_meaning(step: ir.Step, names: Mapping[str, str]) -> Part:
    """What a step means, but for its name."""
    rules = [_rule(rule, names) for rule in step.rules]
    parts = {
        "join": leaf(step.join, step.join, step.span),
        "args": _some(step.args),
        "loop": _loop(step.loop) if step.loop else None,
        "tool": _tool(step.tool) if step.tool else None,
        "vars": _some(step.vars) if step.vars else None,
        "sink": _tool(step.sink.tool) if step.sink else None,
        "case": items(rules, step.rules[0].span) if rules else None,
        "next": _next(step.next, names) if step.next else None,
    }
    return named(parts, step.span)


def _task(task: ir.Task) -> Part:
    return named({"tool": _tool(task.tool), "sink": _tool(task.sink.tool) if task.sink else None}, task.span)


def _loop(loop: ir.Loop) -> Part:
    mode = "parallel" if loop.parallel else "sequential"
    parts = {
        "in": _either(loop.items),
        "iterator": leaf(loop.iterator, loop.iterator, loop.span),
        "mode": leaf(mode, mode, loop.span),
        "max_in_flight": _optional(loop.max_in_flight),
    }
    return named(parts, loop.span)


def _tool(tool: ir.Tool) -> Part:
    return named({"kind": leaf(tool.kind, tool.kind, tool.span), "fields": _some(tool.fields)}, tool.span)


# -- rules -----------------------------------------------------------------------------------------------------------


def _rule(rule: ir.Rule, names: Mapping[str, str]) -> Part:
    when = leaf(rule.when, rule.when, rule.span) if isinstance(rule.when, bool) else _expression(rule.when)
    actions = [_action(action) for action in rule.data]
    if rule.control is not None:
        actions.append(_control(rule.control, names))
    return named({"when": when, "then": items(actions, rule.span)}, rule.span, label=when.digest)


def _action(action: ir.DataAction) -> Part:
    match action:
        case ir.Set():
            return _called("set", _entries(action.entries), action.span)
        case ir.Collect():
            parts = {
                "from": _expression(action.source),
                "into": leaf(action.into, action.into, action.span),
                "mode": leaf(action.mode, action.mode, action.span),
            }
            return _called("collect", named(parts, action.span), action.span)
        case ir.CollectPath():
            path, into = (leaf(text, text, action.span) for text in (action.path, action.into))
            return _called("collect", named({"path": path, "into": into}, action.span), action.span)
        case ir.SetResult():
            return _called("result", _either(action.value), action.span)
        case ir.Sink():
            return _called("sink", _tool(action.tool), action.span)
        case ir.Log():
            return _called("log", _value(action.text), action.span)
        case _:
            assert_never(action)


def _control(action: ir.ControlAction, names: Mapping[str, str]) -> Part:
    match action:
        case ir.Next():
            return _called("next", _next(action, names), action.span)
        case ir.Call():
            return _called("call", _entries(action.overrides), action.span)
        case ir.Retry():
            parts = {
                "max_attempts": _value(action.max_attempts),
                "initial_delay": _value(action.initial_delay),
                "backoff_multiplier": _value(action.backoff_multiplier),
                "max_delay": _optional(action.max_delay),
            }
            return _called("retry", named(parts, action.span), action.span)
        case ir.Page():
            parts = {
                "overrides": _entries(action.overrides),
                "max_attempts": _value(action.max_attempts),
                "initial_delay": _optional(action.initial_delay),
            }
            return _called("retry", named(parts, action.span), action.span)
        case ir.Skip():
            return _called("skip", named({"reason": _optional(action.reason)}, action.span), action.span)
        case ir.Fail():
            parts = {"message": _optional(action.message), "fail_workflow": _value(action.fail_workflow)}
            return _called("fail", named(parts, action.span), action.span)
        case _:
            assert_never(action)


def _called(name: str, part: Part, span: Span) -> Part:
    """An action by its name."""
    return named({name: part}, span, label=name)


def _next(action: ir.Next, names: Mapping[str, str]) -> Part:
    return items([_edge(edge, names.get(edge.target, edge.target)) for edge in action.edges], action.span)


def _edge(edge: ir.Edge, target: str) -> Part:
    return named({"step": leaf(target, target, edge.span), "args": _some(edge.args)}, edge.span, label=target)


# -- values ----------------------------------------------------------------------------------------------------------


def _optional(value: ir.Value | None) -> Part | None:
    return None if value is None else _value(value)


def _some(value: ir.MapValue) -> Part | None:
    """The entries of a map; an empty one is as good as none."""
    return _entries(value) if value.entries else None


def _either(value: ir.Expression | ir.Value) -> Part:
    return _expression(value) if isinstance(value, ir.Expression) else _value(value)


def _expression(expression: ir.Expression) -> Part:
    tokens = _tokens(f"{{{{ {expression.source} }}}}", expression.source)
    return leaf({"expression": tokens}, f"{{{{ {expression.source.strip()} }}}}", expression.span)


def _value(value: ir.Value) -> Part:
    match value:
        case ir.Const():
            return _data(value.value, value.origin, value.span)
        case ir.Template():
            return leaf({"template": _tokens(value.source, value.source)}, value.source, value.span)
        case ir.ListValue():
            return items([_value(item) for item in value.items], value.span)
        case ir.MapValue():
            return _entries(value)
        case _:
            assert_never(value)


def _entries(value: ir.MapValue) -> Part:
    return ordered({name: _value(inner) for name, inner in value.entries}, value.span)


def _data(value: ir.Json, origin: Node | None, span: Span | None) -> Part:
    """A JSON value with the places of its YAML."""
    if isinstance(value, dict):
        nodes = {key.text: node for key, node in origin.entries} if isinstance(origin, Map) else {}
        found = {name: _data(inner, nodes.get(name), _at(nodes.get(name), span)) for name, inner in value.items()}
        return ordered(found, span)
    if isinstance(value, list):
        nodes_ = origin.items if isinstance(origin, Seq) else [None] * len(value)
        return items([_data(inner, node, _at(node, span)) for inner, node in zip(value, nodes_, strict=True)], span)
    return leaf({type(value).__name__: value}, value, span)


def _at(node: Node | None, span: Span | None) -> Span | None:
    return span if node is None else node.span


def _unordered(value: ir.Json) -> Part:
    """A value whose keys have no order: that of a secret, which is never data."""
    if isinstance(value, dict):
        return named({name: _unordered(inner) for name, inner in value.items()}, None)
    if isinstance(value, list):
        return items([_unordered(inner) for inner in value], None)
    return leaf({type(value).__name__: value}, value, None)


def _tokens(source: str, written: str) -> ir.Json:
    """A template as what Jinja reads: its text, and the tokens of its expressions; one that it cannot read as it is
    written."""
    try:
        found: list[ir.Json] = [
            [kind, _string(text) if kind == "string" else text.strip() if kind.endswith(("_begin", "_end")) else text]
            for _, kind, text in SANDBOX.lexer.tokeniter(source, None)
            if kind not in _LEFT_OUT
        ]
    except TemplateSyntaxError:
        return written
    kinds = [pair[0] for pair in found if isinstance(pair, list)]
    if kinds[-2:] == ["variable_end", "data"] and kinds.index("variable_end") == len(kinds) - 2 and kinds[0] != "data":
        last = found[-1]
        found = found[:-1] if last == ["data", "\n"] else found  # TPL-1: a native value, as without the line break
    return found


def _string(text: str) -> ir.Json:
    """The text of a literal in single or double quotes."""
    inner = text[1:-1]
    return text if "\\" in inner or "'" in inner or '"' in inner else inner
