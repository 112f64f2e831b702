"""The models of a playbook in canonical form: closed keys, required keys, types (section 1 of the semantics).

The models are made from nodes (`normalise`) and keep nodes where a value stands, so that everything knows its place:
a scalar field is a `Scalar`, a free value (args, workload, fields of tools, ...) any node. Nothing is coerced: `1`,
`"1"`, `true` and `1.0` stay what they are. `validation` turns what the models refuse into diagnostics.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError, core_schema

from noetl.compiler.findings import described
from noetl.compiler.nodes import Map, Node, Scalar, Seq

from . import field_schemas

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

WRONG_TYPE: Final = "wrong_type"
WRONG_VALUE: Final = "wrong_value"
_MARKS: Final = ("{{", "{%", "{#")


def holds_template(text: str) -> bool:
    """Whether a string holds Jinja (TPL-1); all others are themselves."""
    return "{" in text and any(mark in text for mark in _MARKS)


# -- values ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A field that holds a node: `check` gives the node or raises what is wrong, `shape` is the field's JSON Schema."""

    check: Callable[[object], Node]
    shape: dict[str, object]

    def __get_pydantic_core_schema__(self, source: object, handler: "GetCoreSchemaHandler") -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        return dict(self.shape)


def _refused(wanted: str, value: object) -> PydanticCustomError:
    """The value has another type than `wanted`, which is in words."""
    found = described(value) if isinstance(value, Scalar | Seq | Map) else type(value).__name__
    return PydanticCustomError(WRONG_TYPE, "{wanted}, not {found}", {"wanted": wanted, "found": found})


def _wrong(wanted: str) -> PydanticCustomError:
    """The type is right and the value is not."""
    return PydanticCustomError(WRONG_VALUE, "{wanted}", {"wanted": wanted})


def _scalar(value: object, wanted: str, *kinds: type) -> Scalar:
    if not isinstance(value, Scalar) or type(value.value) not in kinds:
        raise _refused(wanted, value)
    return value


def _text(value: object) -> Scalar:
    return _scalar(value, "a string", str)


def _name(value: object) -> Scalar:
    found = _scalar(value, "a string", str)
    if not found.text.strip():
        raise _wrong("must not be empty")
    return found


def _identifier(value: object) -> Scalar:
    found = _scalar(value, "a string", str)
    if not found.text.isidentifier():
        raise _wrong("must be a name of letters, digits and underscores")
    return found


def _plain(value: object) -> Scalar:
    return _scalar(value, "a string, a number or a boolean", str, int, float, bool)


def _free(value: object) -> Node:
    if not isinstance(value, Scalar | Seq | Map):
        raise _refused("a value", value)
    return value


def _mapping(value: object) -> Map:
    if not isinstance(value, Map):
        raise _refused("a mapping", value)
    return value


def _args(value: object) -> Node:
    """Args of a tool: a mapping, or a template that gives one."""
    if isinstance(value, Map) or (isinstance(value, Scalar) and value.value is None):
        return value
    if isinstance(value, Scalar) and isinstance(value.value, str) and holds_template(value.value):
        return value
    raise _refused("a mapping", value)


def _expression(value: object) -> Scalar:
    return _scalar(value, "one expression, as a string", str)


def _condition(value: object) -> Scalar:
    return _scalar(value, "one expression, as a string, or a boolean", str, bool)


def _collection(value: object) -> Node:
    return value if isinstance(value, Seq) else _scalar(value, "one expression, as a string, or a list", str)


def _result(value: object) -> Node:
    if isinstance(value, Map | Seq):
        return value
    if isinstance(value, Scalar) and isinstance(value.value, str) and holds_template(value.value):
        return value
    raise _refused('"{from: expression}" or a mapping', value)


def _number(value: object, wanted: str, least: int, *kinds: type) -> Scalar:
    found = _scalar(value, f"{wanted} or a template", str, *kinds)
    number = found.value
    if isinstance(number, str):
        if not holds_template(number):
            raise _refused(f"{wanted} or a template", found)
    elif number is None or not least <= number or not math.isfinite(number):
        raise _wrong(f"must be at least {least}")
    return found


def _count(value: object) -> Scalar:
    return _number(value, "an integer", 1, int)


def _seconds(value: object) -> Scalar:
    return _number(value, "a number", 0, int, float)


def _flag(value: object) -> Scalar:
    found = _scalar(value, "a boolean or a template", str, bool)
    if isinstance(found.value, str) and not holds_template(found.value):
        raise _refused("a boolean or a template", found)
    return found


def _choice(*allowed: str) -> Place:
    def check(value: object) -> Scalar:
        found = _scalar(value, "a string", str)
        if found.text not in allowed:
            raise PydanticCustomError(WRONG_VALUE, "{allowed}", {"allowed": allowed})
        return found

    return Place(check, {"enum": sorted(allowed)})


def _listed(wanted: str) -> BeforeValidator:
    def items(value: object) -> tuple[Node, ...]:
        if not isinstance(value, Seq):
            raise _refused(wanted, value)
        return tuple(value.items)

    return BeforeValidator(items)


Text: TypeAlias = Annotated[Scalar, Place(_text, field_schemas.STRING)]
Name: TypeAlias = Annotated[Scalar, Place(_name, field_schemas.NAME)]
Identifier: TypeAlias = Annotated[Scalar, Place(_identifier, field_schemas.IDENTIFIER)]
Plain: TypeAlias = Annotated[Scalar, Place(_plain, field_schemas.PLAIN)]
Free: TypeAlias = Annotated[Node, Place(_free, field_schemas.FREE)]
FreeMap: TypeAlias = Annotated[Map, Place(_mapping, field_schemas.MAPPING)]
ToolArgs: TypeAlias = Annotated[Node, Place(_args, field_schemas.ARGS)]
OneExpression: TypeAlias = Annotated[Scalar, Place(_expression, field_schemas.EXPRESSION)]
Condition: TypeAlias = Annotated[Scalar, Place(_condition, field_schemas.CONDITION)]
Collection: TypeAlias = Annotated[Node, Place(_collection, field_schemas.COLLECTION)]
ResultValue: TypeAlias = Annotated[Node, Place(_result, field_schemas.RESULT)]
Count: TypeAlias = Annotated[Scalar, Place(_count, field_schemas.COUNT)]
Seconds: TypeAlias = Annotated[Scalar, Place(_seconds, field_schemas.SECONDS)]
Flag: TypeAlias = Annotated[Scalar, Place(_flag, field_schemas.FLAG)]
_T = TypeVar("_T")
Items: TypeAlias = Annotated[tuple[_T, ...], _listed("a list")]


# -- models ----------------------------------------------------------------------------------------------------------


class Model(BaseModel):
    """A mapping of the playbook. `node` is the mapping itself, with the places of its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    wanted: ClassVar[str] = "a mapping"
    """What a value of another type should have been."""
    _node: Map = PrivateAttr()

    @property
    def node(self) -> Map:
        """The mapping that this was made from."""
        return self._node

    @model_validator(mode="wrap")
    @classmethod
    def _from_node(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, Map):
            raise _refused(cls.wanted, value)
        made = handler({key.text: inner for key, inner in value.entries})
        made._node = value
        return made


class Metadata(Model):
    """DOC-2."""

    model_config = ConfigDict(extra="allow")
    name: Name
    path: Text | None = None
    version: Plain | None = None
    description: Text | None = None
    labels: FreeMap | None = None
    tags: Items[Plain] = ()


class Secret(Model):
    """One entry of `keychain` (TOO-11)."""

    model_config = ConfigDict(extra="allow")
    name: Name
    kind: Annotated[Scalar, _choice("credential", "secret_manager", "oauth2", "google_id_token")]


class Assert(Model):
    """Names that a tool or workbook task declares (DOC-10)."""

    expects: Items[Name] = ()
    returns: Items[Name] = ()


class ToolSpec(Model):
    """DOC-6: a kind and its fields. Which fields a kind has is said by `tools`."""

    model_config = ConfigDict(extra="allow")
    wanted: ClassVar[str] = 'a mapping with "kind"'
    kind: Text
    args: ToolArgs | None = None
    asserted: Assert | None = Field(default=None, alias="assert")


class SinkSpec(Model):
    """SNK-1, all fields under `tool`."""

    tool: ToolSpec


class WorkbookTask(Model):
    """DOC-10."""

    name: Name
    tool: ToolSpec
    sink: SinkSpec | None = None
    desc: Plain | None = None
    asserted: Assert | None = Field(default=None, alias="assert")


class Loop(Model):
    """DOC-9, LOP-8."""

    items: Collection = Field(alias="in")
    iterator: Identifier
    mode: Annotated[Scalar, _choice("sequential", "parallel", "async")] | None = None
    max_in_flight: Count | None = None


class NextEntry(Model):
    """DOC-7, NXT-1."""

    wanted: ClassVar[str] = 'a step name or a mapping with "step" and "args"'
    step: Name
    args: FreeMap | None = None


Transitions: TypeAlias = Annotated[tuple[NextEntry, ...], _listed("a step name or a list of them")]


class CollectFrom(Model):
    """COL-1."""

    source: OneExpression = Field(alias="from")
    into: Name
    mode: Annotated[Scalar, _choice("append", "extend", "merge", "replace")] | None = None


class CollectByPath(Model):
    """COL-3."""

    strategy: Annotated[Scalar, _choice("append")]
    path: Name
    into: Name


class ResultFrom(Model):
    """RES-1."""

    source: OneExpression = Field(alias="from")


class RetrySpec(Model):
    """RET-1; with `overrides`, RET-5."""

    max_attempts: Count | None = None
    initial_delay: Seconds | None = None
    backoff_multiplier: Seconds | None = None
    max_delay: Seconds | None = None
    overrides: FreeMap | None = None


class SkipSpec(Model):
    """SKP-1."""

    reason: Free | None = None


class FailSpec(Model):
    """FAI-1."""

    message: Free | None = None
    fail_workflow: Flag | None = None


def _collect_form(value: object) -> str:
    return "<path>" if isinstance(value, Map) and (value.key("strategy") or value.key("path")) else "<from>"


def _result_form(value: object) -> str:
    return "<from>" if isinstance(value, Map) and value.key("from") else "<value>"


class Action(Model):
    """One action of a `then` block (section 6); exactly one of the keys is there."""

    set: FreeMap | None = None
    collect: (
        Annotated[
            Annotated[CollectFrom, Tag("<from>")] | Annotated[CollectByPath, Tag("<path>")],
            Discriminator(_collect_form),
        ]
        | None
    ) = None
    result: (
        Annotated[
            Annotated[ResultFrom, Tag("<from>")] | Annotated[ResultValue, Tag("<value>")],
            Discriminator(_result_form),
        ]
        | None
    ) = None
    sink: SinkSpec | None = None
    log: Plain | None = None
    next: Transitions | None = None
    call: FreeMap | None = None
    retry: RetrySpec | None = None
    skip: SkipSpec | None = None
    fail: FailSpec | None = None


class CaseRule(Model):
    """DOC-8."""

    when: Condition
    then: Annotated[tuple[Action, ...], _listed("a mapping or a list of mappings")]


class StepSpec(Model):
    """DOC-5."""

    step: Name
    desc: Plain | None = None
    args: FreeMap | None = None
    tool: ToolSpec | None = None
    loop: Loop | None = None
    case: Items[CaseRule] | None = None
    next: Transitions | None = None
    sink: SinkSpec | None = None
    vars: FreeMap | None = None
    join: Annotated[Scalar, _choice("each", "all")] | None = None


class Document(Model):
    """DOC-1, DOC-3: a whole playbook."""

    api_version: Annotated[Scalar, _choice("noetl.io/v2")] = Field(alias="apiVersion")
    kind: Annotated[Scalar, _choice("Playbook")]
    metadata: Metadata
    workload: FreeMap | None = None
    keychain: Items[Secret] | None = None
    workbook: Items[WorkbookTask] = ()
    workflow: Items[StepSpec]
    executor: Free | None = None
    tracing: Free | None = None
    spec: Free | None = None
