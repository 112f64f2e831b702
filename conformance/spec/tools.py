"""From a tool and a scope to a `ToolCall`: STP-4, CALL-1, TOO-4, SNK-1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from noetl.compiler.document import ToolSpec, WorkbookTask
from noetl.compiler.ir import Json
from noetl.compiler.nodes import Map, Node
from noetl.compiler.values import SecretRef, SecretText, mask
from noetl.runtime.ports import CallPlace, ToolCall

from .failing import Failed, templates
from .listening import BODY_METHODS, SQL_TEXT, is_unrendered
from .names import Names, as_written, entries_of, rendered

MERGED: Final = ("params", "headers", "args")
"""Overrides that merge one level (CALL-1)."""
TAKE_ARGS: Final = ("python", "workbook", "playbook")
"""Kinds whose request shows its args, given or not."""
NOT_FIELDS: Final = ("kind", "assert")


@dataclass(frozen=True, slots=True)
class Request:
    """A call as it was rendered."""

    call: ToolCall
    shown: dict[str, Json]
    """The entry `request` of a summary."""
    task: WorkbookTask | None = None
    """The workbook task that is called."""

    def at(self, place: CallPlace) -> ToolCall:
        """An attempt of it."""
        return replace(self.call, place=place)


def request(
    tool: ToolSpec, overrides: Map | None, names: Names, tasks: Mapping[str, WorkbookTask], call: ToolCall
) -> Request:
    """The tool rendered with its overrides; `call` has what does not depend on it. Failed where that fails."""
    fields = _fields(tool, overrides, names)
    outer = _request(tool, fields, names, call)
    if tool.kind.text != "workbook":
        return outer
    task = tasks.get(str(fields.get("name")))
    if task is None:
        raise Failed("TemplateError", f'there is no workbook task "{fields.get("name")}"')
    inside = names.frozen()
    inside.args = {name: mask(value) for name, value in outer.call.args.items()}
    made = _request(task.tool, _fields(task.tool, None, inside), inside, outer.call)
    if made.call.timeout is None:
        made = replace(made, call=replace(made.call, timeout=outer.call.timeout))
    return replace(made, shown={**outer.shown, "task": made.shown}, task=task)


def sink_request(sink: ToolSpec, names: Names, result: Json, call: ToolCall) -> Request:
    """A sink rendered, with the result as its data where nothing else is given (SNK-1)."""
    kind, fields = sink.kind.text, _fields(sink, None, names)
    args = _tool_args(fields.get("args"), {})
    if kind == "python":
        args["data"] = fields.pop("data", args.get("data", result))
        fields["args"] = args
    elif kind == "http":
        if "body" not in fields and str(fields.get("method")).upper() in BODY_METHODS:
            fields["body"] = result
    elif not args and not fields.keys() & {"data", *SQL_TEXT}:
        fields["data"] = result
    return _request(sink, fields, names, call, {})


def _fields(tool: ToolSpec, overrides: Map | None, names: Names) -> dict[str, object]:
    kind = tool.kind.text
    made = {name: _field(kind, name, node, names) for name, node in _entries(tool)}
    for name, node in entries_of(overrides):
        value, old = _field(kind, name, node, names), made.get(name)
        merges = name in MERGED and isinstance(old, dict) and isinstance(value, dict)
        made[name] = {**old, **value} if merges and isinstance(old, dict) and isinstance(value, dict) else value
    return made


def _entries(tool: ToolSpec) -> list[tuple[str, Node]]:
    return [(key.text, node) for key, node in tool.node.entries if key.text not in NOT_FIELDS]


def _field(kind: str, name: str, node: Node, names: Names) -> object:
    if is_unrendered(kind, name):
        return as_written(node)
    with templates():
        if name == "script" and isinstance(node, Map):
            return {key.text: _script_part(key.text, part, names) for key, part in node.entries}
        return _kept(rendered(node, names))


def _script_part(name: str, node: Node, names: Names) -> object:
    """TOO-5: the code of an inline source is text from a script, which is never rendered."""
    if name == "source" and isinstance(node, Map):
        return {
            key.text: as_written(part) if key.text == "code" else _kept(rendered(part, names))
            for key, part in node.entries
        }
    return _kept(rendered(node, names))


def _kept(value: object) -> object:
    """What a template gave as JSON in which secrets are still names."""
    mask(value)
    return _unmasked(value)


def _unmasked(value: object) -> object:
    if isinstance(value, SecretRef | SecretText):
        return value
    if isinstance(value, dict):
        return {str(name): _unmasked(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_unmasked(item) for item in value]
    return mask(value)


def _tool_args(given: object, args: Mapping[str, object]) -> dict[str, object]:
    """STP-4: a tool entry wins over `args`, a null or absent one falls back to it."""
    if given is None:
        return dict(args)
    if not isinstance(given, dict):
        raise Failed("TemplateError", f"the args of a tool are a map, not {type(given).__name__}")
    made = dict(args)
    for name, value in given.items():
        if value is not None or name not in made:
            made[name] = value
    return made


def _request(
    tool: ToolSpec, fields: Mapping[str, object], names: Names, call: ToolCall, args: Mapping[str, object] | None = None
) -> Request:
    """The tool's fields as a call; `args` is what its args fall back to, the run's if it is None."""
    merged = _tool_args(fields.get("args"), names.args if args is None else args)
    handed = {name: value for name, value in fields.items() if name not in ("args", "timeout")}
    shown = {name: mask(value) for name, value in fields.items() if name != "args"}
    if "args" in fields or tool.kind.text in TAKE_ARGS:
        shown["args"] = mask(merged)
    seen = names.frozen()
    made = replace(
        call,
        kind=tool.kind.text,
        fields=handed,
        args=merged,
        names=seen.as_json,
        root_names=seen.bound,
        timeout=_seconds(fields.get("timeout")),
    )
    return Request(made, {"kind": tool.kind.text, **shown})


def _seconds(value: object) -> float | None:
    """TOO-9."""
    if value is None:
        return None
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = math.nan
    if isinstance(value, bool) or not 0 < seconds < math.inf:
        raise Failed("TemplateError", f"timeout is a number of seconds above 0, not {value!r}")
    return seconds
