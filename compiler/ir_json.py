"""The IR as JSON, for programs that read it: `schema/ir` is its shape.

A node is an object whose `node` says its class; spans have none. What only points back into the text is left out.
"""

from __future__ import annotations

from dataclasses import Field, fields, is_dataclass

from noetl.diagnostics import Span

from . import ir

NODE = "node"
"""The key of the class of a node."""


def as_json(workflow: ir.Workflow) -> dict[str, ir.Json]:
    """A workflow as a JSON object."""
    return _object(workflow)


def shown(node: type) -> tuple[Field[object], ...]:
    """The fields of a class of the IR that its JSON has."""
    return tuple(field for field in fields(node) if field.repr)


def _object(node: object) -> dict[str, ir.Json]:
    made: dict[str, ir.Json] = {} if isinstance(node, Span) else {NODE: type(node).__name__}
    for field in shown(type(node)):
        made[field.name] = _value(getattr(node, field.name))
    return made


def _value(value: object) -> ir.Json:
    if is_dataclass(value):
        return _object(value)
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    if isinstance(value, frozenset):
        return [_value(item) for item in sorted(value)]
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _value(item) for name, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} is no part of the IR")
