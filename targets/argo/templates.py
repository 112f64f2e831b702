"""The templates of pods: one for each number of inputs and kind of outputs, and each setting that pods differ by."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import noetl
from noetl.compiler.ir import Json

from . import contract
from .layout import UnitTask

if TYPE_CHECKING:
    from noetl.targets.profile import Settings, StepSettings

IMAGE: Final = f"noetl:{noetl.__version__}"
"""The image of the pods, unless a profile names one."""
VOLUME: Final = "noetl"
"""The volume of the ConfigMap."""
VALUES: Final = "values"
VALUES_FOLDER: Final = "/var/noetl/values"
"""The volume for large values, and where it is mounted."""
_SINGLE: Final = (contract.EDGE, contract.CTX, contract.REC)
_MANY: Final = (contract.CTX, contract.REC, contract.FAILED)
_LOST: Final = " || ".join(("lastRetry.status == 'Error'", *(f"lastRetry.exitCode == '{n}'" for n in (-1, 137, 143))))
"""When a pod is run again: it was lost, or somebody ended it. What the runner itself ends with says how it went."""


@dataclass(slots=True)
class Templates:
    """Hands out the names of templates and remembers them."""

    settings: Settings | None
    env: str
    """The environment of every pod, as JSON."""
    found: dict[str, str] = field(default_factory=dict)
    """The texts by name."""
    _variants: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, inputs: int, task: UnitTask | None) -> str:
        """The name of the template for a pod with so many inputs; of a pod that runs no step where there is no task."""
        many = task is not None and task.unit.many
        stem = f"pod-{inputs}-e{len(task.edges)}" if many and task is not None else f"pod-{inputs}"
        extra = {} if task is None or self.settings is None else _pod(self.settings, task)
        body = json.dumps(extra)
        name = self._variants.get((stem, body))
        if name is None:
            number = sum(other == stem for other, _ in self._variants)
            name = stem if number == 0 else f"{stem}-v{number + 1}"
            self._variants[stem, body] = name
            outputs = (*_MANY, *(f"e{n}" for n in range(len(task.edges)))) if many and task is not None else _SINGLE
            self.found[name] = self._text(name, inputs, outputs, extra)
        return name

    def _text(self, name: str, inputs: int, outputs: tuple[str, ...], extra: dict[str, Json]) -> str:
        names = [contract.UNIT, *(f"in{n}" for n in range(inputs))]
        given = ", ".join(f'"{_tag(n)}"' for n in names)
        mounts = [{"name": VOLUME, "mountPath": contract.FOLDER, "readOnly": True}]
        if self.settings is not None and self.settings.argo.values is not None and self.settings.argo.values.claim:
            mounts.append({"name": VALUES, "mountPath": VALUES_FOLDER})
        container: dict[str, Json] = {"image": IMAGE, **_map(extra.pop("container", {}))}
        annotations = {
            "noetl.io/unit": f"{{{{inputs.parameters.{contract.UNIT}}}}}",
            **_map(extra.pop("annotations", {})),
        }
        metadata = {"annotations": annotations, **_map(extra.pop("metadata", {}))}
        lines = [
            f"  - name: {name}",
            f"    metadata: {json.dumps(metadata)}",
            *(f"    {key}: {json.dumps(value)}" for key, value in extra.items()),
            f"    inputs: {{parameters: [{', '.join(f'{{name: {n}}}' for n in names)}]}}",
            "    outputs:",
            "      parameters:",
            *(f"      - {{name: {n}, valueFrom: {{path: {_path(n)}, default: {contract.NONE}}}}}" for n in outputs),
            "    container:",
            *(f"      {key}: {json.dumps(value)}" for key, value in container.items()),
            f"      command: [python, -m, {contract.RUNNER}]",
            f"      args: [{given}]",
            f"      env: {self.env}",
            f"      volumeMounts: {json.dumps(mounts)}",
        ]
        return "\n".join(lines) + "\n"


def _tag(name: str) -> str:
    return f"{{{{inputs.parameters.{name}}}}}"


def _path(output: str) -> str:
    return f"{contract.OUTPUTS}/{contract.FILE.format(output)}"


def _map(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _pod(settings: Settings, task: UnitTask) -> dict[str, Json]:
    """What a profile says of a pod, as keys of the template; of a region what it says of any of its steps."""
    found: dict[str, Json] = {}
    for said in [settings.defaults, *(settings.step(step.name) for step in task.unit.steps)]:
        _add(found, said)
    return found


def _add(found: dict[str, Json], said: StepSettings) -> None:
    if said.timeout is not None:
        found["activeDeadlineSeconds"] = max(1, round(said.timeout))
    if said.retries:
        found["retryStrategy"] = {"limit": str(said.retries), "retryPolicy": "Always", "expression": _LOST}
    if said.argo is None:
        return
    container = _map(found.get("container", {}))
    for name, key in (("image", "image"), ("image_pull_policy", "imagePullPolicy")):
        if (value := getattr(said.argo, name)) is not None:
            container[key] = value
    resources = _map(container.get("resources", {}))
    for name in ("requests", "limits"):
        if (amounts := getattr(said.argo, name)) is not None:
            resources[name] = {**_map(resources.get(name, {})), **amounts}
    if resources:
        container["resources"] = resources
    if container:
        found["container"] = container
    for name, key in (("node_selector", "nodeSelector"), ("annotations", "annotations")):
        if (given := getattr(said.argo, name)) is not None:
            found[key] = {**_map(found.get(key, {})), **given}
    if said.argo.labels is not None:
        metadata = _map(found.get("metadata", {}))
        found["metadata"] = {**metadata, "labels": {**_map(metadata.get("labels", {})), **said.argo.labels}}
    if said.argo.tolerations is not None:
        found["tolerations"] = [*said.argo.tolerations]
    if said.argo.priority_class is not None:
        found["priorityClassName"] = said.argo.priority_class
