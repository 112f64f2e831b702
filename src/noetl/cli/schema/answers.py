"""The JSON Schemas of what commands answer with `--format json`: compile, diff, trace."""

from __future__ import annotations

from dataclasses import fields
from typing import Final, get_args

from noetl.compiler.differences.changes import What
from noetl.diagnostics import Span
from noetl.targets.requirements import Requirements
from noetl.targets.trace import Kind

from ..compiling.session import Orphan, State
from . import printed
from .tool_fields import Schema, ref

TEXT: Final[Schema] = {"type": "string"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
LINE: Final[Schema] = {"type": "integer", "minimum": 1}
LINES: Final[Schema] = {"type": "array", "prefixItems": [LINE, LINE], "items": False, "minItems": 2}


def compiled() -> Schema:
    """What `noetl compile --format json` prints."""
    diagnostics = printed.diagnostics()
    shown = diagnostics["properties"]
    assert isinstance(shown, dict)
    made = _object(
        {"playbook": TEXT, "state": {"enum": [*get_args(State)]}, "identity": TEXT},
        {"file": TEXT, "explanation": ref("explanation"), "requirements": ref("requirements")},
        "A playbook with its file; `identity` is what the engine calls it. What is printed has no file.",
    )
    refused = _object({"playbook": TEXT, "state": {"const": "refused"}}, {}, "A playbook that gets no file.")
    step = _object(
        {"step": TEXT, "lines": LINES, "unit": TEXT, "native": {"type": "boolean"}, "tasks": TEXTS, "with": TEXTS},
        {"profile": TEXTS, "reason": TEXT, "why": TEXT, "remedy": TEXT},
        "What became of a step; `with` share its tasks, `profile` is what a profile says of them.",
    )
    count: Schema = {"type": "integer", "minimum": 0}
    budget = _object(
        {"what": TEXT, "used": count, "limit": {"anyOf": [count, {"type": "null"}]}}, {}, "What a target limits."
    )
    explanation = _object({"steps": _many(step), "budgets": _many(budget)}, {}, "What --explain tells.")
    needs: Schema = {part.name: TEXTS for part in fields(Requirements)}
    orphan = _object({"file": TEXT, "state": {"enum": [*get_args(Orphan)]}}, {}, "A file that no playbook makes.")
    top = _object(
        {
            "playbooks": _many({"anyOf": [made, refused]}),
            "orphans": _many(orphan),
            "diagnostics": shown["diagnostics"],
        },
        {},
        "A pass over all playbooks.",
    )
    own: Schema = {"explanation": explanation, "requirements": _object(needs, {}, "What --requirements tells.")}
    kept = diagnostics["$defs"]
    assert isinstance(kept, dict)
    return {**top, "$defs": {**own, **kept}}


def differences() -> Schema:
    """What `noetl diff --format json` prints."""
    place = _object(dict.fromkeys(Span.__slots__, LINE), {}, "Counts characters from 1; the end is exclusive.")
    side = _object({"path": TEXT, "hash": TEXT}, {}, "A playbook with its behavioural hash.")
    one = _object(
        {"what": {"enum": [*get_args(What)]}, "where": TEXTS, "before": {}, "after": {}},
        {"before_place": place, "after_place": place},
        "A difference of meaning; `where` leads from the section down.",
    )
    step = _object({"step": TEXT, "before": TEXT, "after": TEXT}, {}, "A step that becomes other tasks.")
    target = _object(
        {
            "name": TEXT,
            "refused": TEXTS,
            "steps": _many(step),
            "needs": _many({"type": "string", "pattern": "^[-+]"}),
            "identity": {"type": "array", "prefixItems": [TEXT, TEXT], "items": False, "minItems": 2},
            "file_changes": {"type": "boolean"},
        },
        {},
        "What changes on the target that was asked about.",
    )
    return _object(
        {"same": {"type": "boolean"}, "before": side, "after": side, "differences": _many(one)},
        {"target": target},
        "Two playbooks compared.",
    )


def traced() -> Schema:
    """An object of `noetl trace --format json`."""
    maybe: Schema = {"type": ["string", "null"]}
    part = _object(
        {"step": TEXT, "lines": LINES, "reason": maybe, "why": maybe}, {}, "A piece of the playbook, with its lines."
    )
    return _object(
        {
            "in": TEXT,
            "task": TEXT,
            "is": {"enum": [*get_args(Kind)]},
            "playbook": TEXT,
            "parts": _many(part),
            "edge": maybe,
            "leads_to": TEXTS,
        },
        {},
        "What a task of another engine stands for; `in` is what the engine calls the playbook.",
    )


def _many(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _object(required: Schema, more: Schema, about: str) -> Schema:
    return {
        "description": about,
        "type": "object",
        "required": [*required],
        "additionalProperties": False,
        "properties": {**required, **more},
    }
