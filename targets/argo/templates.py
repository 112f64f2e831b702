"""The templates of pods: one for each number of inputs and kind of outputs, and each setting that pods differ by."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import noetl
from noetl.compiler.ir import Json

from . import contract
from .layout import UnitTask
from .settings import VALUES, VALUES_FOLDER, claim, of_pod
from .text import flow

if TYPE_CHECKING:
    from noetl.targets.profile import Settings

IMAGE: Final = f"noetl:{noetl.__version__}"
"""The image of the pods, unless a profile names one."""
VOLUME: Final = "noetl"
"""The volume of the ConfigMap."""
_SINGLE: Final = (contract.EDGE, contract.CTX, contract.REC)
_MANY: Final = (contract.CTX, contract.REC, contract.FAILED)


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
        extra = {} if task is None or self.settings is None else of_pod(self.settings, task.unit.steps)
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
        mounts: list[Json] = [{"name": VOLUME, "mountPath": contract.FOLDER, "readOnly": True}]
        if claim(self.settings) is not None:
            mounts.append({"name": VALUES, "mountPath": VALUES_FOLDER})
        container: dict[str, Json] = {"image": IMAGE, **_map(extra.pop("container", {}))}
        metadata = _map(extra.pop("metadata", {}))
        metadata["annotations"] = {"noetl.io/unit": _tag(contract.UNIT), **_map(metadata.get("annotations", {}))}
        lines = [
            f"  - name: {name}",
            f"    metadata: {flow(metadata)}",
            *(f"    {key}: {flow(value)}" for key, value in extra.items()),
            f"    inputs: {{parameters: [{', '.join(f'{{name: {n}}}' for n in names)}]}}",
            "    outputs:",
            "      parameters:",
            *(f"      - {{name: {n}, valueFrom: {{path: {_path(n)}, default: {contract.NONE}}}}}" for n in outputs),
            "    container:",
            *(f"      {key}: {flow(value)}" for key, value in container.items()),
            f"      command: [python, -m, {contract.RUNNER}]",
            f"      args: [{given}]",
            f"      env: {self.env}",
            f"      volumeMounts: {flow(mounts)}",
        ]
        return "\n".join(lines) + "\n"


def _tag(name: str) -> str:
    return f"{{{{inputs.parameters.{name}}}}}"


def _path(output: str) -> str:
    return f"{contract.OUTPUTS}/{contract.FILE.format(output)}"


def _map(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
