"""What a playbook means, apart from where it is written: for proofs that a rewrite changed nothing."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

from noetl.compiler import ir
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.diagnostics import Span


def meaning(workflow: ir.Workflow) -> object:
    """The IR without places. Two are equal if their values are, types and the order of keys included; the keys of a
    secret have no order, as it is never data."""
    return _of(replace(workflow, keychain=None)), _unordered(workflow.keychain)


def _unordered(value: ir.Json) -> object:
    if isinstance(value, dict):
        return frozenset((key, _unordered(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(_unordered(item) for item in value)
    return (type(value).__name__, value)


def _of(value: object) -> object:
    if isinstance(value, Span):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value).__name__, *(_of(getattr(value, f.name)) for f in fields(value) if f.compare))
    if isinstance(value, tuple | list):
        return tuple(_of(item) for item in value)
    if isinstance(value, dict):
        return tuple((key, _of(item)) for key, item in value.items())
    if isinstance(value, frozenset):
        return value
    return (type(value).__name__, value)


def content(node: Node) -> object:
    """The values of a file without the order of keys, as an object that can be compared."""
    if isinstance(node, Map):
        return ("map", frozenset((key.text, content(value)) for key, value in node.entries))
    if isinstance(node, Seq):
        return ("list", tuple(content(item) for item in node.items))
    assert isinstance(node, Scalar)
    return (type(node.value).__name__, node.value)
