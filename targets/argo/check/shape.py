"""The fields that a manifest of noetl may have, and their types: closed, as a field that Argo does not know is lost.

Argo takes a small part of these objects' fields in a way that hangs no Workflow and loses no failure; noetl writes only
these. What Kubernetes' and Argo's own models say of them is compared with Hera's in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from noetl.compiler.nodes import Map, Node, Scalar, Seq

from .problem import Problem

Plain: TypeAlias = Literal["text", "count", "flag", "count or text", "anything"]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of what has one shape."""

    item: Shape


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping from any key to what has one shape."""

    value: Shape


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping with known keys."""

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)
    one_of: tuple[str, ...] = ()
    """Optional keys of which exactly one is there."""


@dataclass(frozen=True, slots=True)
class Word:
    """A text that is one of some."""

    words: tuple[str, ...]


Shape: TypeAlias = "Plain | ListOf | MapOf | Fields | Word"

_TEXTS: Final = MapOf("text")
_NAMED: Final = Fields({"name": "text"})
_METADATA: Final = Fields({}, {"labels": _TEXTS, "annotations": _TEXTS})
_OBJECT: Final = Fields({"name": "text"}, {"namespace": "text", "labels": _TEXTS, "annotations": _TEXTS})
_ARGUMENTS: Final = Fields({"parameters": ListOf(Fields({"name": "text", "value": "text"}, {"description": "text"}))})
_INPUTS: Final = Fields({"parameters": ListOf(Fields({"name": "text"}, {"value": "text", "default": "text"}))})
_SOURCE: Final = Fields(
    {"default": "text"},
    {"path": "text", "parameter": "text", "expression": "text"},
    ("path", "parameter", "expression"),
)
_OUTPUTS: Final = Fields({"parameters": ListOf(Fields({"name": "text", "valueFrom": _SOURCE}))})
_CALL: Final[Mapping[str, Shape]] = {"name": "text", "template": "text"}
_TASK: Final = Fields(
    _CALL,
    {"arguments": _ARGUMENTS, "depends": "text", "when": "text", "withSequence": Fields({"count": "count or text"})},
)
_STEP: Final = Fields(_CALL, {"arguments": _ARGUMENTS, "when": "text"})
_SECRET: Final = Fields({"secretKeyRef": Fields({"name": "text", "key": "text"}, {"optional": "flag"})})
_ENV: Final = Fields({"name": "text"}, {"value": "text", "valueFrom": _SECRET}, ("value", "valueFrom"))
_CONTAINER_SECURITY: Final = Fields(
    {},
    {
        "allowPrivilegeEscalation": "flag",
        "capabilities": Fields({"drop": ListOf("text")}),
        "readOnlyRootFilesystem": "flag",
        "runAsGroup": "count",
        "runAsNonRoot": "flag",
        "runAsUser": "count",
    },
)
_CONTAINER: Final = Fields(
    {"image": "text", "command": ListOf("text")},
    {
        "args": ListOf("text"),
        "env": ListOf(_ENV),
        "imagePullPolicy": Word(("Always", "IfNotPresent", "Never")),
        "resources": Fields({}, {"requests": _TEXTS, "limits": _TEXTS}),
        "securityContext": _CONTAINER_SECURITY,
        "volumeMounts": ListOf(Fields({"name": "text", "mountPath": "text"}, {"readOnly": "flag", "subPath": "text"})),
        "workingDir": "text",
    },
)
_POD_SECURITY: Final = Fields(
    {}, {"fsGroup": "count", "runAsGroup": "count", "runAsNonRoot": "flag", "runAsUser": "count"}
)
_RETRY: Final = Fields(
    {"limit": "count or text", "retryPolicy": Word(("Always", "OnError", "OnFailure"))}, {"expression": "text"}
)
_TEMPLATE: Final = Fields(
    {"name": "text"},
    {
        "activeDeadlineSeconds": "count or text",
        "container": _CONTAINER,
        "dag": Fields({"tasks": ListOf(_TASK)}),
        "inputs": _INPUTS,
        "metadata": _METADATA,
        "nodeSelector": _TEXTS,
        "outputs": _OUTPUTS,
        "parallelism": "count",
        "priorityClassName": "text",
        "retryStrategy": _RETRY,
        "securityContext": _POD_SECURITY,
        "steps": ListOf(ListOf(_STEP)),
        "suspend": Fields({"duration": Word(("0s",))}),
        "tolerations": ListOf("anything"),
    },
    ("container", "dag", "steps", "suspend"),
)
_VOLUME: Final = Fields(
    {"name": "text"},
    {
        "configMap": _NAMED,
        "emptyDir": Fields(),
        "persistentVolumeClaim": Fields({"claimName": "text"}, {"readOnly": "flag"}),
    },
    ("configMap", "emptyDir", "persistentVolumeClaim"),
)
_SEMAPHORE: Final = Fields({"configMapKeyRef": Fields({"name": "text", "key": "text"})})
_SPEC: Final[Mapping[str, Shape]] = {
    "arguments": _ARGUMENTS,
    "imagePullSecrets": ListOf(_NAMED),
    "podMetadata": _METADATA,
    "securityContext": _POD_SECURITY,
    "serviceAccountName": "text",
    "synchronization": Fields({}, {"mutexes": ListOf(_NAMED), "semaphores": ListOf(_SEMAPHORE)}),
    "ttlStrategy": Fields({"secondsAfterCompletion": "count"}),
    "volumes": ListOf(_VOLUME),
    "workflowMetadata": _METADATA,
}
_WORKFLOW: Final = Fields({"entrypoint": "text", "templates": ListOf(_TEMPLATE)}, _SPEC)
_SCHEDULED: Final = Fields(
    {"workflowTemplateRef": _NAMED}, {"arguments": _ARGUMENTS, "ttlStrategy": _SPEC["ttlStrategy"]}
)
_CRON: Final = Fields(
    {"schedules": ListOf("text"), "workflowSpec": _SCHEDULED},
    {
        "concurrencyPolicy": Word(("Allow", "Forbid", "Replace")),
        "failedJobsHistoryLimit": "count",
        "startingDeadlineSeconds": "count",
        "successfulJobsHistoryLimit": "count",
        "suspend": "flag",
        "timezone": "text",
        "when": "text",
        "workflowMetadata": _METADATA,
    },
)
ARGO: Final = "argoproj.io/v1alpha1"


def _document(version: str, rest: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Fields:
    return Fields({"apiVersion": Word((version,)), "kind": "text", "metadata": _OBJECT, **rest}, optional or {})


DOCUMENTS: Final[Mapping[str, Fields]] = {
    "ConfigMap": _document("v1", {"data": _TEXTS}, {"immutable": "flag"}),
    "CronWorkflow": _document(ARGO, {"spec": _CRON}),
    "Workflow": _document(ARGO, {"spec": _WORKFLOW}),
    "WorkflowTemplate": _document(ARGO, {"spec": _WORKFLOW}),
}
"""The shape of each kind of object."""


def misshapen(node: Node, shape: Shape, where: str) -> Iterator[Problem]:
    """What differs from a shape; `where` is the way to the node."""
    match shape, node:
        case Fields(), Map():
            yield from _fields(node, shape, where)
        case ListOf(), Seq():
            for number, item in enumerate(node.items):
                yield from misshapen(item, shape.item, f"{where}[{number}]")
        case MapOf(), Map():
            for key, value in node.entries:
                yield from misshapen(value, shape.value, f"{where}.{key.text}")
        case Word(), Scalar() if node.value in shape.words:
            pass
        case Word(), _:
            yield _wrong(node, f"{where} must be one of {', '.join(shape.words)}")
        case str(), _:
            if not _fits(node, shape):
                yield _wrong(node, f"{where} must be a {shape}")
        case _:
            yield _wrong(node, f"{where} must be a {'list' if isinstance(shape, ListOf) else 'mapping'}")


def _fields(node: Map, shape: Fields, where: str) -> Iterator[Problem]:
    keys = {key.text for key, _ in node.entries}
    for key, value in node.entries:
        inner = shape.required.get(key.text) or shape.optional.get(key.text)
        if inner is None:
            yield _wrong(key, f"{where} has the field {key.text}, which noetl does not write")
        else:
            yield from misshapen(value, inner, f"{where}.{key.text}")
    for name in shape.required:
        if name not in keys:
            yield _wrong(node, f"{where} has no field {name}")
    if shape.one_of and len(keys.intersection(shape.one_of)) != 1:
        yield _wrong(node, f"{where} must have one of {', '.join(shape.one_of)}")


def _fits(node: Node, shape: Plain) -> bool:
    if shape == "anything":
        return True
    if not isinstance(node, Scalar):
        return False
    value = node.value
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    match shape:
        case "text":
            return isinstance(value, str)
        case "count":
            return is_count
        case "flag":
            return isinstance(value, bool)
    return is_count or isinstance(value, str)


def _wrong(node: Node, said: str) -> Problem:
    return Problem("shape", node.span.line, said)
