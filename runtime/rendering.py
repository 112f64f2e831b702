"""From a tool of the IR to a request: the fields rendered, the args merged, secrets still names (STP-4, CALL-1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from noetl.compiler.expr import TemplateFailed, render_value
from noetl.compiler.ir import Json, MapValue, Sink, Tool, Value, Workflow
from noetl.compiler.tools import BODY_METHODS
from noetl.compiler.values import NotSerializable, is_undefined, mask, plain

from .ports import NOWHERE, ToolCall
from .scope import Scope

MERGED: Final = frozenset({"params", "headers", "args"})
"""Fields whose overrides are merged one level deep; all others are replaced (CALL-1)."""
WORKBOOK_DEPTH: Final = 32


class RenderFailed(Exception):
    """A template that raised, or a value that is no JSON value; `error` is the error of the run or call."""

    def __init__(self, kind: str, message: str) -> None:
        self.error: dict[str, Json] = {"type": kind, "message": message}
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that is ready, or the error of one that could not be rendered (a failed call of one attempt, TPL-4)."""

    request: ToolCall | None
    shown: Json
    error: Json | None = None
    sinks: tuple[tuple[Sink, dict[str, Json]], ...] = ()
    """The sinks of the workbook tasks on the way, the innermost first, with the args that they see (SNK-2)."""


def render_json(value: Value, scope: Scope) -> Json:
    """A rendered value as JSON; RenderFailed if a template raises or the value is not JSON."""
    try:
        return plain(render_value(value, scope))
    except TemplateFailed as failure:
        raise RenderFailed("TemplateError", str(failure)) from failure
    except NotSerializable as failure:
        raise RenderFailed("NotSerializable", str(failure)) from failure


def render_map(entries: MapValue, scope: Scope) -> dict[str, Json]:
    """The entries of a map, each rendered in the same scope."""
    return {name: render_json(value, scope) for name, value in entries.entries}


class Requests:
    """Builds the requests of one run."""

    def __init__(self, workflow: Workflow, step: str, scope: Scope) -> None:
        self._workflow = workflow
        self._step = step
        self._scope = scope

    def call(self, tool: Tool, overrides: MapValue | None) -> Prepared:
        """The step's tool with overrides over its fields; never raises."""
        try:
            return self._build(tool, overrides, self._scope, 0, self._scope.args)
        except RenderFailed as failure:
            return Prepared(None, None, failure.error)

    def sink(self, tool: Tool, default: Json, args: dict[str, Json] | None = None) -> ToolCall:
        """A sink's request; `data` defaults to the result at this moment (SNK-1). Raises RenderFailed.

        Its args are its own: those of the step are in its scope, but do not stand in for the sink's data.
        """
        scope = self._scope if args is None else self._scope.with_args(args)
        request = self._build(tool, None, scope, 0, {}).request
        if request is None:
            raise RenderFailed("TemplateError", f'the sink of kind "{tool.kind}" has no request')
        fields, given = dict(request.fields), dict(request.args)
        if request.kind == "python":
            given.setdefault("data", fields.pop("data", default))
        elif request.kind == "http":
            if str(fields.get("method", "GET")).upper() in BODY_METHODS:
                fields.setdefault("body", default)
        elif not given and "command" not in fields:
            fields.setdefault("data", default)
        return replace(request, fields=fields, args=given)

    def _build(
        self, tool: Tool, overrides: MapValue | None, scope: Scope, depth: int, inherited: Mapping[str, object]
    ) -> Prepared:
        fields = self._fields(tool, overrides, scope)
        given = fields.pop("args", None)
        if given is not None and not isinstance(given, Mapping):
            raise RenderFailed("TemplateError", f"the args of a tool are a map, not {type(given).__name__}")
        args = merged_args(given or {}, inherited)
        shown: dict[str, Json] = {"kind": tool.kind}
        shown.update({name: _shown(value) for name, value in fields.items()})
        if given is not None or tool.kind in ("python", "workbook", "playbook"):
            shown["args"] = _shown(args)
        if tool.kind == "workbook":
            return self._workbook(fields, args, shown, scope, depth)
        timeout = fields.pop("timeout", None)
        seen = scope.frozen()  # a retry repeats the call as it was (RET-1)
        request = ToolCall(
            kind=tool.kind,
            fields=fields,
            args=args,
            names=seen.plain,
            root_names=seen.names,
            step=self._step,
            execution_id=scope.info.execution_id,
            place=NOWHERE,
            timeout=_seconds(timeout),
        )
        return Prepared(request, shown)

    def _fields(self, tool: Tool, overrides: MapValue | None, scope: Scope) -> dict[str, object]:
        fields = {name: _render(value, scope) for name, value in tool.fields.entries}
        for name, value in overrides.entries if overrides else ():
            rendered = _render(value, scope)
            before = fields.get(name)
            if name in MERGED and isinstance(rendered, Mapping) and isinstance(before, Mapping):
                fields[name] = {**before, **rendered}
            else:
                fields[name] = rendered
        return fields

    def _workbook(
        self, fields: Mapping[str, object], args: dict[str, object], shown: dict[str, Json], scope: Scope, depth: int
    ) -> Prepared:
        """The named task's request: its args win over the caller's, its templates see the caller's scope (TOO-4)."""
        name = fields.get("name")
        task = self._workflow.task(name) if isinstance(name, str) else None
        if task is None:
            known = ", ".join(sorted(f'"{t.name}"' for t in self._workflow.tasks)) or "none"
            raise RenderFailed("TemplateError", f'no workbook task is called "{name}"; tasks: {known}')
        if depth >= WORKBOOK_DEPTH:
            raise RenderFailed("LimitExceeded", f'workbook task "{name}" calls tasks more than {WORKBOOK_DEPTH} deep')
        seen = mask_free(args)
        prepared = self._build(task.tool, None, scope.with_args(seen), depth + 1, args)
        timeout = _seconds(fields.get("timeout"))
        if prepared.request is not None and prepared.request.timeout is None:
            prepared = replace(prepared, request=replace(prepared.request, timeout=timeout))
        sinks = prepared.sinks
        if task.sink:
            sinks = (*sinks, (task.sink, mask_free(prepared.request.args if prepared.request else args)))
        return replace(prepared, shown={**shown, "task": prepared.shown}, sinks=sinks)


def merged_args(own: Mapping[str, object], inherited: Mapping[str, object]) -> dict[str, object]:
    """STP-4: a tool entry wins over the step's `args`; a null or absent one falls back to it."""
    merged = dict(inherited)
    for name, value in own.items():
        if not (value is None or is_undefined(value)) or name not in merged:
            merged[name] = value
    return merged


def mask_free(args: Mapping[str, object]) -> dict[str, Json]:
    """Args as a scope may hold them: secrets stay out of scopes, they are shown by name."""
    return {name: _shown(value) for name, value in args.items()}


def _render(value: Value, scope: Scope) -> object:
    try:
        return render_value(value, scope)
    except TemplateFailed as failure:
        raise RenderFailed("TemplateError", str(failure)) from failure


def _shown(value: object) -> Json:
    try:
        return mask(value)
    except NotSerializable as failure:
        raise RenderFailed("NotSerializable", str(failure)) from failure


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise RenderFailed("TemplateError", f"timeout is a number of seconds above 0, not {value!r}")
    return seconds
