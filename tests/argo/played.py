"""A controller of Argo for tests: the model, which a small Kubernetes API tells of Workflows, with real pods."""

from __future__ import annotations

import base64
import gzip
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from noetl.conformance.adapters.argo_model.controller import Workflow
from noetl.conformance.adapters.argo_model.manifest import read
from noetl.conformance.adapters.argo_node import Node
from noetl.conformance.adapters.argo_pods import Pods
from noetl.targets.argo import contract

from .kube import TOKEN, Kube, Object, kubeconfig

COMMAND: Final = f"{sys.executable} -m {contract.RUNNER}"


class Controller:
    """Plays the controller for each Workflow that is made, on a thread; `packed` compresses the nodes as Argo does."""

    def __init__(self, folder: Path, node: Node | None, *, packed: bool = False) -> None:
        """Without a node no Workflow ever ends."""
        self._folder = folder
        self._packed = packed
        self._node = node
        self._threads: list[threading.Thread] = []
        self.made: list[Object] = []

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def created(self, kube: Kube, found: Object) -> None:
        """A new object."""
        self.made.append(found)
        if found["kind"] == "Workflow":
            thread = threading.Thread(target=self._run, args=(kube, found, self._folder / str(len(self.made))))
            self._threads.append(thread)
            thread.start()

    def _run(self, kube: Kube, found: Object, folder: Path) -> None:
        metadata = found["metadata"]
        place = ("workflows", metadata["namespace"], metadata["name"])
        kube.put(place, {**found, "status": {"phase": "Running"}}, "MODIFIED")
        if self._node is None:
            return
        container = next(one["container"] for one in found["spec"]["templates"] if "container" in one)
        env = {one["name"]: one.get("value", "") for one in container["env"]}
        mounted, home = Path(env[contract.FOLDER_ENV]), Path(container["workingDir"])
        pods = Pods(self._node, folder, mounted=mounted, home=home, env={}, seconds=60)
        workflow = Workflow(read([found]), pods)
        workflow.run()
        nodes = {
            f"{metadata['name']}-{number}": {
                "displayName": node.display,
                "phase": node.phase,
                "message": node.message,
                "outputs": {"parameters": [{"name": k, "value": v} for k, v in (node.outputs or {}).items()]},
            }
            for number, node in enumerate(workflow.nodes.values())
        }
        packed = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
        status = {"compressedNodes": packed} if self._packed else {"nodes": nodes}
        kube.put(place, {**found, "status": {"phase": workflow.phase, **status}}, "MODIFIED")


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as started:
        yield started


@contextmanager
def cluster(folder: Path, node: Node | None = None, *, packed: bool = False) -> Iterator[tuple[Kube, Controller, Path]]:
    home = folder / "pods"
    home.mkdir()
    with Controller(home, node, packed=packed) as controller, Kube(folder, controller.created) as kube:
        yield kube, controller, kubeconfig(kube, folder / "config", {"token": TOKEN})
