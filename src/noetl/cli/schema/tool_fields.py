"""The part of the playbook schema about tools and sinks: their fields by kind, under every spelling (DOC-11, SNK-1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias, cast

from noetl.compiler.document import field_schemas
from noetl.compiler.document.spellings import RETRY_KEYS
from noetl.compiler.language import kinds
from noetl.compiler.tools import ALL_FIELDS, BOOLEANS, KINDS, SINK_KIND_SYNONYMS, SINK_SYNONYMS, unrendered

Schema: TypeAlias = "dict[str, object]"


_BASE64: Final = ("code_b64", "command_b64")
"""Text under these names is checked in every kind (TOO-5)."""


def ref(name: str) -> Schema:
    """A reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def either(*names: str) -> Schema:
    """Holds where one of the keys is there, at least."""
    return {"anyOf": [{"required": [name]} for name in names]}


def _not_both(first: str, second: str) -> Schema:
    return {"not": {"type": "object", "required": [first, second]}}


def excluded(*names: str) -> dict[str, Schema]:
    """Properties that must not be there."""
    return {name: {"not": {}} for name in names}


def _alike() -> dict[str, list[str]]:
    """Kinds with the same fields in the same spellings, by the first of them."""
    found: dict[str, list[str]] = {}
    for kind, known in KINDS.items():
        code = unrendered(kind, "code")
        like = next(
            (
                one
                for one in found
                if (KINDS[one].fields, KINDS[one].synonyms) == (known.fields, known.synonyms)
                and unrendered(one, "code") == code
            ),
            kind,
        )
        found.setdefault(like, []).append(kind)
    return found


def definitions() -> dict[str, Schema]:
    """`fields-KIND` of tools and overrides, `sink-fields-KIND` of sinks, `overrides-KIND` of the rules of a step.

    Kinds that are alike share the definitions of the first of them.
    """
    made: dict[str, Schema] = {"kind": _kind_name(sink=False), "sink-kind": _kind_name(sink=True)}
    for kind in _alike():
        made[f"fields-{kind}"] = _fields(kind, _spellings(kind, {}))
        data = {name: canonical for name, canonical in SINK_SYNONYMS.items() if canonical != "kind"}
        sink_fields = _fields(kind, _spellings(kind, data))
        for name in _args(kind):
            cast("dict[str, Schema]", sink_fields["properties"])[name] |= field_schemas.ARGS
        made[f"sink-fields-{kind}"] = sink_fields
        made[f"overrides-{kind}"] = _overrides(kind)
    made["overrides-any"] = _overrides(None)
    return made


# -- fields ----------------------------------------------------------------------------------------------------------


def _spellings(kind: str, more: Mapping[str, str]) -> dict[str, list[str]]:
    """Every spelling of each field by its canonical name, the canonical one first."""
    known = KINDS[kind]
    names = known.fields or frozenset(("args", "auth", "code", "code_b64", "command_b64", "credentials", "timeout"))
    found = {name: [name] for name in sorted(names | set(known.synonyms.values()))}
    for name in sorted({*known.synonyms, *more}):
        canonical = known.canonical(more.get(name, name))
        if name != canonical:
            found.setdefault(canonical, [canonical]).append(name)
    return found


def _fields(kind: str, spellings: Mapping[str, list[str]]) -> Schema:
    """The fields of a kind; of two spellings of one field only one may be there. Others are let through (NTL108)."""
    properties: Schema = {}
    conflicts: list[object] = []
    for canonical, names in spellings.items():
        for name in names:
            properties[name] = _field(kind, canonical, name)
        pairs = [(first, second) for i, first in enumerate(names) for second in names[i + 1 :]]
        conflicts += [_not_both(first, second) for first, second in pairs]
    for name in _BASE64:
        properties.setdefault(name, {"description": "Text in base64, which is never rendered.", **field_schemas.CODE})
    made: Schema = {"properties": properties}
    return {**made, "allOf": conflicts} if conflicts else made


def _field(kind: str, canonical: str, name: str) -> Schema:
    key = kinds.field(kind, canonical)
    made: Schema = {}
    if key is not None:
        made = {"description": key.about, "x-noetl-clauses": list(key.clause.split(", "))}
        if key.examples:
            made["examples"] = list(key.examples)
        if key.default is not None:
            made["default"] = key.default
    if name != canonical:
        made["description"] = f"Another spelling of {canonical}."
        made["x-noetl-spelling-of"] = canonical
    if name == "from":
        made["not"] = field_schemas.EXPRESSION["not"]
    if unrendered(kind, canonical):
        made |= field_schemas.CODE
    elif canonical in BOOLEANS and kind == "http":
        made["anyOf"] = [{"type": ["boolean", "null"]}, field_schemas.TEMPLATE]
    return made


def _args(kind: str) -> list[str]:
    """The spellings of `args`."""
    return ["args", *(name for name, canonical in KINDS[kind].synonyms.items() if canonical == "args")]


def kind_name(*, sink: bool) -> Schema:
    """The name of a kind."""
    return ref("sink-kind" if sink else "kind")


def _kind_name(*, sink: bool) -> Schema:
    """The names of the kinds, each with what it does."""
    named: list[tuple[str, str]] = [(name, kinds.TEXTS[name].about) for name in KINDS]
    if sink:
        named += [(name, f"Another spelling of {other}.") for name, other in SINK_KIND_SYNONYMS.items()]
    return {"anyOf": [{"const": name, "description": about} for name, about in named]}


# -- tools -----------------------------------------------------------------------------------------------------------


def tool(made: Schema) -> Schema:
    """A tool: `if` it is of a kind, `then` it has its fields."""
    properties = cast("dict[str, Schema]", made["properties"])
    properties["kind"] = {"description": properties["kind"]["description"], **kind_name(sink=False)}
    properties |= excluded("save")
    return {**made, "allOf": by_kind("kind")}


def by_kind(key: str) -> list[object]:
    """The fields of a mapping whose key `key` says the kind."""
    return [
        {
            "if": {"properties": {key: _one_of(kinds_)}, "required": [key]},
            "then": {
                **ref(f"fields-{kind}"),
                "properties": dict.fromkeys(_args(kind), field_schemas.ARGS),
            },
        }
        for kind, kinds_ in _alike().items()
    ]


def overrides_by_kind() -> list[object]:
    """What the rules of a step may override, by the kind of its tool."""
    made: list[object] = []
    for kind, alike in _alike().items():
        tool: Schema = {"properties": {"kind": _one_of(alike)}, "required": ["kind"]}
        is_kind: Schema = {"properties": {"tool": tool}, "required": ["tool"]}
        made.append({"if": is_kind, "then": _in_rules(f"overrides-{kind}")})
    made.append({"if": {"not": {"required": ["tool"]}}, "then": _in_rules("overrides-any")})
    return made


def _one_of(names: list[str]) -> Schema:
    return {"const": names[0]} if len(names) == 1 else {"enum": names}


def _in_rules(name: str) -> Schema:
    block: Schema = {**ref(name), "items": ref(name)}
    return {"properties": {"case": {"items": {"properties": {"then": block}}}}}


def _overrides(kind: str | None) -> Schema:
    """The `call` and `retry` of a block."""
    names = {name for name in ALL_FIELDS if _is_override(kind, name)}
    allowed: list[object] = [*RETRY_KEYS, *sorted({*names, "args.params"} - set(RETRY_KEYS))]
    if kind is None:
        return {"properties": {"retry": {"propertyNames": {"enum": allowed}}}}
    once: list[object] = [_not_both("params", "args.params")]
    if kind == "http":
        lifted: Schema = {"properties": {"args": {"type": "object", "required": ["params"]}}, "required": ["args"]}
        once.append({"not": {"type": "object", "allOf": [lifted, either("params", "args.params")]}})
    retry: Schema = {**ref(f"fields-{kind}"), "propertyNames": {"enum": allowed}, "allOf": once}
    return {"properties": {"call": ref(f"fields-{kind}"), "retry": retry}}


def _is_override(kind: str | None, name: str) -> bool:
    known = KINDS[kind] if kind is not None else None
    return known is None or known.fields is None or known.canonical(name) in known.fields


# -- sinks -----------------------------------------------------------------------------------------------------------


def sink(made: Schema) -> Schema:
    """SNK-1 and DOC-11: `tool` as a mapping or as a kind, fields in it or beside it, or all of it without `tool`."""
    description = cast("dict[str, Schema]", made["properties"])["tool"]["description"]
    fields = {
        "assert": ref("assert"),
        "kind": kind_name(sink=True),
        "backend": kind_name(sink=True),
        **excluded("save"),
    }
    inner: Schema = {"type": "object", "properties": fields}
    keys: Schema = {"tool": {"description": description, "anyOf": [inner, kind_name(sink=True)]}, **fields}
    by_name: Schema = {"properties": {"tool": {"type": "string"}}, "required": ["tool"]}
    by_map: Schema = {"properties": {"tool": {"type": "object"}}, "required": ["tool"]}
    in_tool: Schema = {"properties": {"tool": either("kind", "backend")}, "required": ["tool"]}
    forms: list[object] = [
        {"if": by_name, "then": {"properties": excluded("kind", "backend")}},
        {"if": {"not": {"required": ["tool"]}}, "then": either("kind", "backend")},
        {"if": by_map, "then": {"anyOf": [in_tool, either("kind", "backend")]}},
        {"if": {"allOf": [by_map, in_tool]}, "then": {"properties": excluded("kind", "backend")}},
        _not_both("kind", "backend"),
        {"properties": {"tool": _not_both("kind", "backend")}},
    ]
    made = {name: part for name, part in made.items() if name not in ("required", "additionalProperties")}
    return {**made, "properties": keys, "allOf": [*forms, *_by_sink_kind()]}


def _by_sink_kind() -> list[object]:
    made: list[object] = []
    for kind, alike in _alike().items():
        written = [*alike, *(name for name, other in SINK_KIND_SYNONYMS.items() if other in alike)]
        is_kind = _one_of(written)
        here: list[object] = [
            {"properties": {name: is_kind}, "required": [name]} for name in ("kind", "backend", "tool")
        ]
        inside: Schema = {"properties": {"tool": {"type": "object", "anyOf": here[:2]}}, "required": ["tool"]}
        fields = ref(f"sink-fields-{kind}")
        then: Schema = {**fields, "properties": {"tool": fields}, "allOf": _once(kind)}
        made.append({"if": {"anyOf": [*here, inside]}, "then": then})
    return made


def _once(kind: str) -> list[object]:
    """A field stands in `tool` or beside it; two mappings of args are merged."""
    made: list[object] = []
    for canonical, names in _spellings(kind, SINK_SYNONYMS).items():
        if canonical not in ("args", "kind"):
            inside: Schema = {"properties": {"tool": {"type": "object", **either(*names)}}, "required": ["tool"]}
            made.append({"not": {"allOf": [inside, either(*names)]}})
    return made
