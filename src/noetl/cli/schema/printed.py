"""The JSON Schemas of what noetl prints or keeps: diagnostics, events, and the conformance case that it reads."""

from __future__ import annotations

import re
from typing import Final, cast, get_type_hints

from pydantic import TypeAdapter

from noetl.conformance.case import Case
from noetl.conformance.protocol import Message
from noetl.diagnostics import Diagnostic, Edit, Fix, Kind, Related, Span
from noetl.runtime import events
from noetl.runtime.mock import OutcomeFile
from noetl.runtime.store.rows import LoggedEvent
from noetl.targets.profile import Profile

from .tool_fields import Schema, ref
from .typed import Definitions

_ABOUT: Final = {
    "path": "The file as it was named on the command line; <stdin> for -.",
    "code": "Stable, never reused.",
    "message": "One line.",
}
_PATTERNS: Final = {"code": "^NTL[0-9]{3}$", "name": "^[a-z0-9]+(-[a-z0-9]+)*$", "message": "^[^\\n]+$"}


def diagnostics() -> Schema:
    """What `noetl lint --format json` prints: the fields of a diagnostic and its kind side by side, spans unfolded."""
    fix = _closed(Fix)
    cast("dict[str, Schema]", fix["properties"])["edits"] = {"type": "array", "minItems": 1, "items": ref("edit")}
    shown = _closed(Diagnostic)
    own = cast("dict[str, Schema]", shown["properties"])
    kind = cast("dict[str, Schema]", _closed(Kind)["properties"])
    named = {name: kind[name] for name in ("code", "name", "severity")}
    place = {name: own[name] for name in Span.__slots__}
    properties: dict[str, Schema] = {
        "path": {"type": "string"},
        **named,
        "message": {"type": "string"},
        **place,
        "hint": {"type": "string"},
        "related": {"type": "array", "minItems": 1, "items": ref("related")},
        "fix": ref("fix"),
    }
    for name, about in _ABOUT.items():
        properties[name] = {"description": about, **properties[name]}
    for name, pattern in _PATTERNS.items():
        properties[name] = {**properties[name], "pattern": pattern}
    required = ["path", *named, "message", *place]
    item: Schema = {**shown, "properties": properties, "required": required}
    return {
        "type": "object",
        "required": ["diagnostics"],
        "additionalProperties": False,
        "properties": {
            "diagnostics": {
                "description": "Sorted by path, place and code.",
                "type": "array",
                "items": ref("diagnostic"),
            }
        },
        "$defs": {"diagnostic": item, "related": _closed(Related), "edit": _closed(Edit), "fix": fix, **_POSITION},
    }


_POSITION: Final[dict[str, Schema]] = {
    "position": {"description": "Counts characters from 1; an end is exclusive.", "type": "integer", "minimum": 1}
}


def _closed(found: type) -> Schema:
    """A class as a closed object; a span is four numbers beside its other fields."""
    definitions = Definitions()
    definitions.of(found)
    made = definitions.made[found.__name__]
    properties: Schema = {}
    for name, inner in cast("dict[str, Schema]", made["properties"]).items():
        if name == "span":
            properties |= {part: ref("position") for part in Span.__slots__}
        else:
            properties[name] = inner
    return {**made, "properties": properties, "required": list(properties)}


def case() -> Schema:
    """A conformance case: `docs/case_format.md` says what it means."""
    made: Schema = Case.model_json_schema(ref_template="#/$defs/{model}")
    return {name: part for name, part in made.items() if name != "title"}


def outcomes() -> Schema:
    """The outcomes that `noetl run --mock` reads: `docs/running.md` says what they mean."""
    made: Schema = OutcomeFile.model_json_schema(ref_template="#/$defs/{model}")
    return {name: part for name, part in made.items() if name != "title"}


def profile() -> Schema:
    """A profile of operations: `docs/airflow.md` says what it means."""
    made: Schema = Profile.model_json_schema(ref_template="#/$defs/{model}")
    return {name: part for name, part in made.items() if name != "title"}


def conform() -> Schema:
    """The messages of `noetl conform --target exec:CMD`: `docs/conformance.md` says what they mean."""
    made: Schema = TypeAdapter(Message).json_schema(ref_template="#/$defs/{model}")
    return {name: part for name, part in made.items() if name != "title"}


def event() -> Schema:
    """What `noetl events --json` prints of one event: the keys of `LoggedEvent`, the names that `events` lists."""
    hints = get_type_hints(LoggedEvent)
    properties: dict[str, Schema] = {}
    for name in _EMPTY_EVENT.to_json():
        properties[name] = Definitions().of(hints[_RENAMED.get(name, name)])
    names = event_names()
    properties["name"] = {"anyOf": [{"const": name, "description": about} for name, about in names.items()]}
    properties["time"] = {"description": "ISO 8601 in UTC.", **properties["time"], "format": "date-time"}
    properties["key"] = {"description": "The key of the run (CAU-3), as text.", **properties["key"]}
    properties["position"] = {"description": "From 1, without gaps.", **properties["position"], "minimum": 1}
    properties["data"] = {"description": "What is known of the event; see its name.", "type": "object"}
    return {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


_RENAMED: Final = {"execution": "execution_id"}
_EMPTY_EVENT: Final = LoggedEvent.of("", 1, events.Event("", "", None, None, {}))


def event_names() -> dict[str, str]:
    """The names of events with what they hold, from the table in `noetl.runtime.events`."""
    found: dict[str, str] = {}
    for names, about in re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|$", events.__doc__ or "", re.MULTILINE):
        listed = re.findall(r"`([^`]+)`", names)
        parts = about.split("; ")
        for i, name in enumerate(listed):
            found[name] = parts[i] if len(parts) == len(listed) else about
    return found
