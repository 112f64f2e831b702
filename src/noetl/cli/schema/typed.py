"""JSON Schemas of dataclasses, from their annotations: the IR and diagnostics."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import Field, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

from noetl.compiler import ir, ir_json
from noetl.diagnostics import Span

from .tool_fields import Schema, ref

Shown = Callable[[type], tuple[Field[object], ...]]


class Definitions:
    """Collects one definition for each class that an annotation names."""

    def __init__(self, shown: Shown = fields, tag: str | None = None) -> None:
        self.made: dict[str, Schema] = {}
        self._shown = shown
        self._tag = tag

    def of(self, annotation: object) -> Schema:
        """The schema of an annotation; a class becomes a definition."""
        if annotation is ir.Json or annotation == "Json":
            return {}
        origin, parts = get_origin(annotation), get_args(annotation)
        if origin in (Union, UnionType):
            return self._union(parts)
        if origin is Literal:
            return {"enum": list(parts)}
        if origin is frozenset:
            return {"type": "array", "items": self.of(parts[0]), "uniqueItems": True}
        if origin is tuple:
            if parts[-1:] == (...,):
                return {"type": "array", "items": self.of(parts[0])}
            return {
                "type": "array",
                "prefixItems": [self.of(part) for part in parts],
                "items": False,
                "minItems": len(parts),
            }
        if isinstance(annotation, type):
            return self._class(annotation)
        raise TypeError(f"no schema for {annotation!r}")

    def _union(self, parts: tuple[object, ...]) -> Schema:
        if any(part is dict or get_origin(part) in (list, dict) for part in parts):
            return {}  # the alias `Json`, resolved: any JSON value
        return {"anyOf": [self.of(part) for part in parts]}

    def _class(self, found: type) -> Schema:
        plain = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}
        if found in plain:
            return {"type": plain[found]}
        if issubclass(found, StrEnum):
            return {"enum": [str(member) for member in found]}
        if is_dataclass(found):
            if found.__name__ not in self.made:
                self.made[found.__name__] = {}
                self.made[found.__name__] = self._dataclass(found)
            return ref(found.__name__)
        raise TypeError(f"no schema for {found!r}")

    def _dataclass(self, found: type) -> Schema:
        hints = get_type_hints(found)
        properties: Schema = {} if self._tag is None or found is Span else {self._tag: {"const": found.__name__}}
        for field in self._shown(found):
            properties[field.name] = self.of(hints[field.name])
        if found is Span:
            properties = {name: {"type": "integer", "minimum": 1} for name in properties}
        return {
            "description": " ".join((inspect.getdoc(found) or "").split()),
            "type": "object",
            "required": list(properties),
            "additionalProperties": False,
            "properties": properties,
        }


def workflow() -> Schema:
    """What `noetl.compiler.ir_json` makes of a playbook."""
    definitions = Definitions(ir_json.shown, ir_json.NODE)
    root = definitions.of(ir.Workflow)
    return {**root, "$defs": dict(sorted(definitions.made.items()))}
