"""The parts of a Workflow manifest that the model understands, read from its JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from noetl.compiler.ir import Json

Kind: TypeAlias = Literal["dag", "steps", "pod", "suspend"]

_TEMPLATE: Final = frozenset(
    ("name", "inputs", "outputs", "dag", "steps", "container", "suspend", "parallelism", "retryStrategy", "metadata")
)
_TASK: Final = frozenset(("name", "template", "templateRef", "arguments", "depends", "when", "withSequence"))
_SPEC: Final = frozenset(
    (
        *("entrypoint", "templates", "arguments", "volumes", "serviceAccountName", "podMetadata", "ttlStrategy"),
        *("workflowMetadata", "imagePullSecrets"),
    )
)


_POLICIES: Final[Mapping[str, frozenset[str]]] = {
    "Always": frozenset(("Failed", "Error")),
    "OnFailure": frozenset(("Failed",)),
    "OnError": frozenset(("Error",)),
}


class OutsideSubset(Exception):
    """The manifest uses something that the model does not know; the message names it."""


@dataclass(frozen=True, slots=True)
class Output:
    """A declared output parameter. At most one of `path`, `expression` and `reference` is given."""

    name: str
    path: str | None
    expression: str | None
    reference: str | None
    default: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a dag, or a step of a group. `library` names the WorkflowTemplate that `template` is in, if another."""

    name: str
    template: str
    library: str | None
    arguments: tuple[tuple[str, str], ...]
    depends: str | None
    when: str | None
    count: str | None


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a template is run again, and after which phases."""

    limit: int
    phases: frozenset[str]
    expression: str | None
    """Has to be true of the last attempt, too."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template. Of a dag the tasks are in `groups[0]`."""

    name: str
    kind: Kind
    inputs: tuple[tuple[str, str | None], ...]
    """Names with defaults."""
    outputs: tuple[Output, ...]
    groups: tuple[tuple[Task, ...], ...]
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    parallelism: int | None
    retry: Retry | None
    container: Mapping[str, Json]
    """Of a pod, its container as it stands; what the model itself reads of it is above."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A Workflow with the WorkflowTemplates that it refers to, as `libraries` by name ("" for its own templates)."""

    name: str
    entrypoint: str
    parameters: Mapping[str, str]
    libraries: Mapping[str, Mapping[str, Template]]
    uid: str | None = None
    """What the API server gave it, where that is known."""

    def template(self, library: str, name: str) -> Template:
        """The template of that name; `OutsideSubset` where it does not exist: validation refuses such a manifest."""
        try:
            return self.libraries[library][name]
        except KeyError:
            raise OutsideSubset(f"no template {library}.{name}") from None


def read(documents: list[dict[str, Json]]) -> Manifest:
    """From the JSON of WorkflowTemplates and, last, the Workflow."""
    libraries: dict[str, Mapping[str, Template]] = {}
    for document in documents:
        if document["kind"] not in ("Workflow", "WorkflowTemplate"):
            raise OutsideSubset(f"kind {document['kind']}")
        name = _text(_map(document["metadata"])["name"])
        spec = _map(document["spec"])
        _closed("spec", spec, _SPEC)
        own = document["kind"] == "Workflow"
        templates = [_template(_map(entry)) for entry in _list(spec.get("templates"))]
        libraries["" if own else name] = {template.name: template for template in templates}
    arguments = _list(_map(spec.get("arguments")).get("parameters"))
    parameters = {_text(_map(one)["name"]): _text(_map(one)["value"]) for one in arguments}
    uid = _map(document["metadata"]).get("uid")
    return Manifest(name, _text(spec["entrypoint"]), parameters, libraries, None if uid is None else _text(uid))


def _template(found: dict[str, Json]) -> Template:
    _closed("template", found, _TEMPLATE)
    kind: Kind = "pod"
    groups: list[tuple[Task, ...]] = []
    container: dict[str, Json] = {}
    if "dag" in found:
        kind = "dag"
        dag = _map(found["dag"])
        _closed("dag", dag, frozenset(("tasks",)))
        groups = [tuple(_task(_map(task)) for task in _list(dag["tasks"]))]
    elif "steps" in found:
        kind = "steps"
        groups = [tuple(_task(_map(step)) for step in _list(group)) for group in _list(found["steps"])]
    elif "suspend" in found:
        kind = "suspend"
        if _map(found["suspend"]).get("duration") not in ("0s", "0", 0):
            raise OutsideSubset("a suspend that waits")
    else:
        container = _map(found["container"])
    inputs = [_map(one) for one in _list(_map(found.get("inputs")).get("parameters"))]
    env = [_map(one) for one in _list(container.get("env"))]
    parallelism = found.get("parallelism")
    return Template(
        _text(found["name"]),
        kind,
        tuple((_text(one["name"]), None if "value" not in one else _text(one["value"])) for one in inputs),
        tuple(_outputs(_map(found.get("outputs")))),
        tuple(groups),
        tuple(_text(part) for key in ("command", "args") for part in _list(container.get(key))),
        tuple((_text(one["name"]), _text(one["value"])) for one in env if "value" in one),
        None if parallelism is None else int(_text(parallelism)),
        _retry(found.get("retryStrategy")),
        container,
    )


def _retry(strategy: Json) -> Retry | None:
    if strategy is None:
        return None
    found = _map(strategy)
    _closed("retryStrategy", found, frozenset(("limit", "retryPolicy", "expression")))
    expression = None if "expression" not in found else _text(found["expression"])
    policy = _text(found.get("retryPolicy", "OnFailure" if expression is None else "Always"))
    if policy not in _POLICIES or "limit" not in found:
        raise OutsideSubset("a retryStrategy without a limit, or of another policy")
    return Retry(int(_text(found["limit"])), _POLICIES[policy], expression)


def _outputs(found: dict[str, Json]) -> Iterator[Output]:
    _closed("outputs", found, frozenset(("parameters",)))
    for one in _list(found.get("parameters")):
        if str(_map(_map(one).get("valueFrom")).get("parameter", "")).startswith("{{="):
            raise OutsideSubset("an expression as valueFrom.parameter")
        source = _map(_map(one).get("valueFrom"))
        _closed("valueFrom", source, frozenset(("path", "expression", "parameter", "default")))
        if "globalName" in _map(one):
            raise OutsideSubset("a global output")
        parts = {key: None if key not in source else _text(source[key]) for key in ("path", "expression", "parameter")}
        default = None if source.get("default") is None else _text(source["default"])
        yield Output(_text(_map(one)["name"]), parts["path"], parts["expression"], parts["parameter"], default)


def _task(found: dict[str, Json]) -> Task:
    _closed("task", found, _TASK)
    reference = _map(found.get("templateRef"))
    sequence = _map(found.get("withSequence"))
    _closed("withSequence", sequence, frozenset(("count",)))
    arguments = [_map(one) for one in _list(_map(found.get("arguments")).get("parameters"))]
    return Task(
        _text(found["name"]),
        _text(reference["template"] if reference else found["template"]),
        _text(reference["name"]) if reference else None,
        tuple((_text(one["name"]), _text(one["value"])) for one in arguments),
        None if "depends" not in found else _text(found["depends"]),
        None if "when" not in found else _text(found["when"]),
        None if not sequence else _text(sequence["count"]),
    )


def _closed(where: str, found: Mapping[str, Json], allowed: frozenset[str]) -> None:
    if unknown := sorted(found.keys() - allowed):
        raise OutsideSubset(f"{where}.{unknown[0]}")


def _map(value: Json) -> dict[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise OutsideSubset(f"{value!r} where a map stands")
    return value


def _list(value: Json) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise OutsideSubset(f"{value!r} where a list stands")
    return value


def _text(value: Json) -> str:
    """Argo takes a number or a boolean for its text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise OutsideSubset(f"{value!r} where a text stands")
