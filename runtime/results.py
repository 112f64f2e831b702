"""Values that become a run's result or a store entry: evaluated once, their kind kept (RES-1, VAL-2)."""

from __future__ import annotations

from noetl.compiler.expr import TemplateFailed, evaluate, render_value
from noetl.compiler.ir import Expression, Json, Value
from noetl.compiler.values import NotSerializable, View, plain

from .packet import Result
from .rendering import RenderFailed
from .scope import Scope


def evaluated(value: Expression | Value, scope: Scope) -> object:
    """The native value of an expression or template; RenderFailed if it raises."""
    try:
        return evaluate(value.source, scope) if isinstance(value, Expression) else render_value(value, scope)
    except TemplateFailed as failure:
        raise RenderFailed("TemplateError", str(failure)) from failure


def as_json(value: object) -> Json:
    """The JSON of a native value; RenderFailed if it has none (VAL-1)."""
    try:
        return plain(value)
    except NotSerializable as failure:
        raise RenderFailed("NotSerializable", str(failure)) from failure


def result_of(value: Expression | Value, scope: Scope) -> Result:
    """The value as a result; a view keeps its kind."""
    native = evaluated(value, scope)
    return Result(as_json(native), native.kind if isinstance(native, View) else "plain")


def named(value: Json) -> str:
    """What a value is, for a message."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "a map"}
    return names.get(type(value), "null")
