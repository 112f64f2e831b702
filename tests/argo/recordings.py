"""Recordings of the workflow controller of Argo v4.1.2: a manifest, what its pods did, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from noetl.compiler.ir import Json
from noetl.conformance.adapters.argo_model.controller import PodEnd, Workflow
from noetl.conformance.adapters.argo_model.manifest import Template, read
from noetl.conformance.adapters.argo_model.nodes import Node

FOLDER: Final = Path(__file__).parent / "recordings"
NAMES: Final = sorted(path.stem for path in FOLDER.glob("*.json"))
_MESSAGE: Final = 30
"""So many characters of a message are compared: behind them stand the words of Go's libraries."""
_WITHOUT_INPUTS: Final = frozenset(("TaskGroup", "Skipped", "StepGroup"))


@dataclass(slots=True)
class RecordedPods:
    """Pods that end at once, as the recorded ones did."""

    ends: Mapping[str, dict[str, Json]]
    argv: dict[str, list[str]] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def start(self, name: str, template: Template, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Note what the container got."""
        assert template.kind == "pod"
        assert env.keys() == dict(template.env).keys()
        self._open.append(name)
        self.argv[name] = list(argv)

    def ended(self) -> dict[str, PodEnd]:
        """Everything that was started."""
        names, self._open = self._open, []
        return {name: _end(self.ends[name]) for name in names}


def _end(pod: dict[str, Json]) -> PodEnd:
    outputs = cast("dict[str, str | None]", pod.get("outputs") or {})
    written = {name: value for name, value in outputs.items() if value is not None}
    lost = pod.get("waitError")
    return PodEnd(cast(int, pod.get("exit", 0)), written, f"wait: Error (exit code 64): {lost}" if lost else None)


def differences(name: str) -> list[str]:
    """What the model does otherwise than the controller did, a line each."""
    recording = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    observed = recording["observed"]
    pods = RecordedPods(recording["pods"])
    workflow = Workflow(read(recording["manifests"]), pods)
    workflow.run()
    found = _compared("phase", observed["phase"], workflow.phase)
    left = dict(workflow.nodes)
    for node in observed["nodes"]:
        mine = left.pop(node["node"], None)
        found += [f"{node['node']} did not come to be"] if mine is None else _node(node, mine, workflow)
    found += [f"{extra} came to be" for extra in left]
    for pod in observed.get("pods", ()):
        if pod["node"] in pods.argv and all(isinstance(part, str) for part in pod["argv"]):
            found += _compared(f"{pod['node']} argv", pod["argv"], pods.argv[pod["node"]])
    return found


def _node(node: dict[str, Json], mine: Node, workflow: Workflow) -> list[str]:
    name = mine.name
    outputs = cast("dict[str, str | None]", node.get("outputs") or {})
    found = _compared(f"{name} phase", node["phase"], mine.phase)
    found += _compared(f"{name} type", node["type"], mine.type)
    found += _compared(f"{name} boundary", node.get("boundary", ""), mine.boundary)
    found += _compared(f"{name} children", node.get("children", []), sorted(mine.children))
    found += _compared(f"{name} outputs", {k: v for k, v in outputs.items() if v is not None}, mine.outputs or {})
    if name != "@":
        found += _compared(f"{name} display", node["display"], mine.display)
    if mine.type not in _WITHOUT_INPUTS:
        found += _compared(f"{name} inputs", node.get("inputs") or {}, mine.inputs)
    said = str(node.get("message", ""))
    if bool(said) is not bool(mine.message) or not said.startswith(mine.message[:_MESSAGE]):
        found += _compared(f"{name} message", said, mine.message)
    for before in cast("list[str]", node.get("after", [])):
        other = workflow.nodes.get(before)
        if other is not None and name in other.after and before not in mine.after:
            found.append(f"{name} had ended before {before} came to be")
    return found


def _compared(what: str, right: object, found: object) -> list[str]:
    return [] if right == found else [f"{what}: {found!r}, recorded {right!r}"]
