"""The JSON Schema of playbooks as people write them: the models of `noetl.compiler.document` with every spelling.

The models know the canonical form. Shorthands (DOC-7, DOC-8) and other spellings (DOC-11) are added here, place by
place; what a key means comes from `noetl.compiler.language`. Valid is what lint reads without a structural error
(families 0 and 1), as far as a schema can tell: it counts braces of expressions up to a depth, and takes any letter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from noetl.compiler import language
from noetl.compiler.document import Document, field_schemas
from noetl.compiler.document.normalise import TASK_KEYS
from noetl.compiler.language import Key, Place

from . import tool_fields
from .tool_fields import Schema, either, excluded, ref

EXTENSION: Final = "x-noetl-extension"
"""Marks what is no part of the published language (semantics, section 10)."""
CLAUSES: Final = "x-noetl-clauses"
"""The clauses of the semantics that say what something means."""
SPELLING: Final = "x-noetl-spelling-of"
"""On another spelling of a key: its canonical name (DOC-11)."""
_NULLABLE: Final = {
    "playbook": ("workload", "keychain", "workbook"),
    "metadata": ("path", "version", "description", "labels", "tags"),
    "task": ("desc",),
    "step": ("desc", "args", "case", "next", "vars"),
    "transition": ("args",),
    "fail": ("message", "fail_workflow"),
}
"""Keys that may stand without a value: as if they were absent (DOC-4)."""


def schema() -> Schema:
    """The whole schema, without `$schema`, `$id` and version."""
    models = Document.model_json_schema(ref_template="{model}")
    canonical: dict[str, Schema] = {**cast("dict[str, Schema]", models.pop("$defs")), "Document": models}
    places = {name: _place(language.PLACES[name], canonical) for name in language.PLACES}
    for name, finish in _FINISH.items():
        places[name] = finish(places[name])
    root = places.pop("playbook")
    definitions = {**places, **tool_fields.definitions(), **_SHARED}
    shared = cast("Schema", _named({**root, "$defs": definitions}))
    return {**shared, "$defs": {**cast("Schema", shared["$defs"]), **_NAMED}}


_NAMED: Final[dict[str, Schema]] = {
    "template": field_schemas.TEMPLATE,
    "expression": field_schemas.EXPRESSION,
}


def _named(value: object) -> object:
    """The value with references where the whole of a named definition stands."""
    if isinstance(value, list):
        return [_named(item) for item in value]
    if not isinstance(value, dict):
        return value
    name = next((name for name, whole in _NAMED.items() if value == whole), None)
    return {key: _named(part) for key, part in value.items()} if name is None else ref(name)


# -- from the models -------------------------------------------------------------------------------------------------


def _place(place: Place, canonical: dict[str, Schema]) -> Schema:
    """The schema of a mapping in canonical form, with what its keys mean."""
    made: Schema = {
        "title": place.title,
        "description": place.about,
        CLAUSES: list(place.clause.split(", ")),
        "type": "object",
    }
    if place.name not in language.MODELS:
        return made
    model = canonical[language.MODELS[place.name].__name__]
    fields = cast("dict[str, Schema]", model["properties"])
    known = {key.name: key for key in place.keys}
    made["properties"] = {name: _key(place, known[name], field) for name, field in fields.items() if name in known}
    if "required" in model:
        made["required"] = model["required"]
    if model.get("additionalProperties") is False:
        made["additionalProperties"] = False
    return made


def _key(place: Place, key: Key, field: Schema) -> Schema:
    made: Schema = described(key)
    value = cast("Schema", _named(_without_none(field)))
    if key.inside is not None:
        value = _inside(key)
    if key.name in _NULLABLE.get(place.name, ()):
        value = _or_null(value)
    for name, part in value.items():
        made.setdefault(name, part)
    return made


def _or_null(value: Schema) -> Schema:
    options, kind = value.get("anyOf"), value.get("type")
    if isinstance(options, list):
        return {"anyOf": [*options, {"type": "null"}]}
    if isinstance(kind, str):
        return {**value, "type": [kind, "null"]}
    if isinstance(kind, list):
        return {**value, "type": [*kind, "null"]}
    return {"anyOf": [value, {"type": "null"}]} if value else value


def described(key: Key) -> Schema:
    """What a key means, as annotations."""
    made: Schema = {"description": key.about, CLAUSES: list(key.clause.split(", "))}
    if key.examples:
        made["examples"] = list(key.examples)
    if key.default is not None:
        made["default"] = key.default
    if key.extension:
        made[EXTENSION] = True
    return made


def _without_none(field: Schema) -> Schema:
    """A field's schema without the null that stands for its absence, and without pydantic's titles."""
    options = field.get("anyOf")
    if isinstance(options, list) and options[-1:] == [{"type": "null"}] and field.get("default", "") is None:
        field = dict(options[0]) if len(options) == 2 else {"anyOf": options[:-1]}
    return {name: part for name, part in field.items() if name not in ("title", "default")}


def _inside(key: Key) -> Schema:
    if key.inside == "transition":
        return ref("next")
    if key.inside == "then":
        return ref("block")
    inner = ref(str(key.inside))
    return {"type": "array", "items": inner} if key.name in language.ITEMS else inner


# -- every other form ------------------------------------------------------------------------------------------------


def _playbook(made: Schema) -> Schema:
    local: Schema = {"type": "object", "required": ["profile"], "properties": {"profile": {"const": "local"}}}
    properties(made)["executor"]["not"] = local
    return made


def _step(made: Schema) -> Schema:
    """DOC-5: a marker has no loop and no sink; which overrides a rule may have is up to the kind of the tool."""
    marks: list[Schema] = [{"required": ["tool"]}]
    marks += [{"required": [name], "not": {"properties": {name: {"type": "null"}}}} for name in ("case", "next")]
    effects = [{"required": [name]} for name in ("loop", "sink")]
    return {**made, "allOf": [{"if": {"anyOf": effects}, "then": {"anyOf": marks}}, *tool_fields.overrides_by_kind()]}


def _task(made: Schema) -> Schema:
    """DOC-11: `tool: <kind>` with the fields beside it."""
    del made["additionalProperties"]
    tool = properties(made)["tool"]
    tool["anyOf"] = [{"$ref": tool.pop("$ref")}, tool_fields.kind_name(sink=False)]
    nested: Schema = {"properties": excluded("kind", "save", "type"), "allOf": tool_fields.by_kind("tool")}
    closed: Schema = {"propertyNames": {"enum": sorted(TASK_KEYS)}}
    by_name: Schema = {"properties": {"tool": {"type": "string"}}}
    return {**made, "if": by_name, "then": nested, "else": closed}


def _then(made: Schema) -> Schema:
    """DOC-8: `step` with `args` is a `next`; `call`, `retry`, `skip` and `fail` may stand without a value."""
    actions = properties(made)
    for name in ("call", "retry", "skip", "fail"):
        inner = actions[name].pop("$ref")
        actions[name]["anyOf"] = [{"$ref": inner}, {"type": "null"}]
    actions["set"].pop("type", None)
    actions["set"] = {**actions["set"], **ref("set")}
    actions["collect"] = {**described(_key_of("then", "collect")), **ref("collect")}
    actions["result"] = {**described(_key_of("then", "result")), **ref("result")}
    actions["step"] = {**described(_key_of("transition", "step")), **field_schemas.NAME, SPELLING: "next"}
    actions["args"] = {**described(_key_of("transition", "args")), "type": ["object", "null"], SPELLING: "next"}
    return {**made, "dependentRequired": {"args": ["step"]}}


def _collect(made: Schema) -> Schema:
    """COL-1, and COL-3 as soon as `strategy` or `path` is there."""
    keys = properties(made)
    keys["into"] = {**described(_key_of("collect", "into")), "allOf": [field_schemas.NAME, field_schemas.STORE_NAME]}
    keys["strategy"] = {**described(_key_of("collect", "strategy")), "const": "append"}
    keys["path"] = {**described(_key_of("collect", "path")), **field_schemas.NAME}
    del made["required"]
    by_path: Schema = {"required": ["strategy", "path", "into"], "properties": excluded("from", "mode")}
    return {**made, "if": either("strategy", "path"), "then": by_path, "else": {"required": ["from", "into"]}}


def _result(made: Schema) -> Schema:
    """RES-1: `from` alone, or any other mapping, list or template."""
    source = properties(made)["from"]
    alone: Schema = {"properties": {"from": source}, "maxProperties": 1}
    value: Schema = field_schemas.RESULT
    made = {name: part for name, part in made.items() if name not in ("type", "required", "additionalProperties")}
    return {**made, **value, "if": {"type": "object", "required": ["from"]}, "then": alone}


def _retry(made: Schema) -> Schema:
    """RET-5: fields of the tool are overrides; which, is said by the step (`overrides-KIND`)."""
    del made["additionalProperties"]
    return {**made, "properties": {**properties(made), **excluded("kind", "overrides")}}


def _call(made: Schema) -> Schema:
    return {**made, "properties": excluded("kind", "step")}


_FINISH: Final[dict[str, Callable[[Schema], Schema]]] = {
    "playbook": _playbook,
    "step": _step,
    "task": _task,
    "then": _then,
    "collect": _collect,
    "result": _result,
    "retry": _retry,
    "call": _call,
    "tool": tool_fields.tool,
    "sink": tool_fields.sink,
}
"""What the canonical form of a place lacks."""

_ENTRY: Final[Schema] = {"anyOf": [field_schemas.NAME, ref("transition")]}
_STORE: Final[Schema] = {
    "type": "object",
    "propertyNames": field_schemas.STORE_NAME,
}
_SHARED: Final[dict[str, Schema]] = {
    "next": {
        "title": "Next",
        "description": "A step name, or a list of names and {step, args}; a single mapping is another spelling.",
        CLAUSES: ["DOC-7", "DOC-11", "NXT-1"],
        "anyOf": [
            field_schemas.NAME,
            {"type": "array", "items": _ENTRY},
            ref("transition"),
        ],
    },
    "block": {
        "title": "Block",
        "description": "The actions of a rule: a mapping, or a list of mappings.",
        CLAUSES: ["DOC-8", "RUL-6"],
        "anyOf": [ref("then"), {"type": "array", "items": ref("then")}],
    },
    "set": {
        "title": "Set",
        "description": "Names with their values, also under ctx or vars; a list of {name, value} is another spelling.",
        CLAUSES: ["SET-1", "DOC-11"],
        "anyOf": [
            {
                **_STORE,
                "properties": {root: {"anyOf": [_STORE, {"type": "null"}]} for root in ("ctx", "vars")},
            },
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "value"],
                    "additionalProperties": False,
                    "properties": {"name": field_schemas.STORE_NAME, "value": {}},
                },
            },
        ],
    },
}


def properties(made: Schema) -> dict[str, Schema]:
    """The properties of a schema, to be changed in place."""
    return cast("dict[str, Schema]", made["properties"])


def _key_of(place: str, name: str) -> Key:
    return next(key for key in language.PLACES[place].keys if key.name == name)
