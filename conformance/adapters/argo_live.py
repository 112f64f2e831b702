"""Runs cases on a real cluster with Argo Workflows, on the tier `live`: through the Kubernetes API and nothing else.

Each case is a Workflow and its ConfigMaps under a name of their own, which are removed when it has ended or its time is
up. The pods run an image with noetl in it; or, where `Cluster` is a controller whose pods are processes of this
machine, a command of this machine, which finds what the case holds in folders.
"""

from __future__ import annotations

import base64
import gzip
import json
import shlex
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from noetl.compiler.ir import Json
from noetl.errors import InternalError, UsageError
from noetl.runtime.replay import VARIABLE
from noetl.runtime.system import RandomIds
from noetl.targets.argo import TARGET, contract
from noetl.targets.argo.cluster import Access, Cluster, ClusterError
from noetl.targets.argo.cluster.client import Kind
from noetl.targets.base import Capability

from ..case import Case
from ..deviations import Deviation, kept_for
from ..observation import Observation
from ..probe import Probe
from .argo import FILES, MOUNTED, ArgoCase, ArgoRun, case_of, observation_of, workflow_of
from .argo_outcome import UnitNode
from .base import Broken, Observed

SECONDS: Final = 120.0
"""For a case at most: what is not over then hangs, which is possible on Argo, and fails the case."""
TOGETHER: Final = 4
"""Cases that are run beside each other."""
LABEL: Final = "noetl.io/conform"
"""What all objects of a suite have."""
BESIDE: Final = "/etc/noetl-case"
"""Where a container finds what lies beside the playbook of its case."""
_OUTCOMES: Final = ".noetl-outcomes.json"
_TAG: Final = "{{"
_ENDED: Final = frozenset(("Succeeded", "Failed", "Error"))


@dataclass(frozen=True, slots=True)
class Live:
    """How cases are run on a cluster."""

    access: Access
    namespace: str | None = None
    image: str | None = None
    """The image of the pods; else the one that is compiled into manifests."""
    command: str | None = None
    """What a pod's container executes on this machine instead of the image's program, as words of a shell."""
    seconds: float = SECONDS


class ArgoLive:
    """The target `argo` on the tier `live`."""

    name = "argo"
    tier: str | None = "live"
    batch = 32

    def __init__(self, live: Live) -> None:
        """Asks nothing yet."""
        self._live = live
        self._cluster = Cluster(live.access, live.namespace)
        self._host = _address(live.access.server) if live.command is None else None

    def versions(self) -> Mapping[str, str]:
        """That of noetl, and where the cases were run."""
        pods = self._live.image or "the image of the manifests" if self._live.command is None else "processes"
        return {"noetl": version("noetl"), "cluster": self._cluster.server, "pods": pods}

    def table(self) -> Sequence[Capability]:
        """The table of docs/argo.md."""
        return TARGET.capabilities()

    def deviations(self) -> Sequence[Deviation]:
        """Those that are kept with the suite."""
        return kept_for(self.name)

    def observe(self, cases: Sequence[Case]) -> Iterator[Observed]:
        """Some cases at a time; those that judge who was in flight together one by one, when all else is done."""
        with ThreadPoolExecutor(TOGETHER) as pool:
            beside = {id(case): pool.submit(self._observed, case) for case in cases if not case.expect.overlap}
        for case in cases:
            done = beside.get(id(case))
            yield self._observed(case) if done is None else done.result()

    def __enter__(self) -> ArgoLive:
        """UsageError if the cluster does not answer, or has no Argo Workflows."""
        try:
            self._cluster.read("Workflow", "noetl-none")
        except ClusterError as wrong:
            self._cluster.__exit__(None, None, None)
            raise UsageError(str(wrong)) from None
        return self

    def __exit__(self, *_: object) -> None:
        """Every case has removed what it made."""
        self._cluster.__exit__(None, None, None)

    def _observed(self, case: Case) -> Observed:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="noetl-conform-")))
            server = stack.enter_context(Probe(case.probe, host=self._host or "127.0.0.1"))
            try:
                made = case_of(case, server.url, folder)
            except InternalError as refuted:
                return Observation(None, problem=f"the lowering is refuted: {refuted}")
            if not isinstance(made, ArgoCase):
                return Observation(None, made)
            try:
                run, uid = self._run(made)
            except ClusterError as wrong:
                return Broken(str(wrong))
            return observation_of(replace(made, uid=uid), run, server)

    def _run(self, one: ArgoCase) -> tuple[ArgoRun | str, str]:
        """What became of the Workflow of a case, and its uid, which is the id of the execution."""
        name = f"noetl-{RandomIds().execution_id()[:18]}"
        home = one.folder / FILES
        home.mkdir(exist_ok=True)
        made = self._objects(one, name)
        try:
            for document in made:
                created = self._cluster.create(document)
            uid = str(cast("Mapping[str, Json]", created["metadata"])["uid"])
            return self._followed(name), uid
        finally:
            with suppress(ClusterError):  # what cannot be removed has the label of the suite
                for document in reversed(made):
                    metadata = cast("Mapping[str, str]", document["metadata"])
                    self._cluster.delete(
                        "Workflow" if document["kind"] == "Workflow" else "ConfigMap", metadata["name"]
                    )

    def _followed(self, name: str) -> ArgoRun | str:
        until = time.monotonic() + self._live.seconds
        while (left := until - time.monotonic()) > 0:
            for found in self._cluster.states("Workflow", name, left):
                status = cast("Mapping[str, Json]", found.get("status") or {})
                if status.get("phase") in _ENDED:
                    return ArgoRun(str(status["phase"]), _nodes(status), {})
                if time.monotonic() > until:
                    break
            time.sleep(min(0.2, max(0.0, until - time.monotonic())))
        return f"the Workflow has not ended within {self._live.seconds:g} s: it hangs"

    # -- objects -----------------------------------------------------------------------------------------------------

    def _objects(self, one: ArgoCase, name: str) -> list[dict[str, Json]]:
        """What the pods of a case mount and read, then its Workflow."""
        metadata: dict[str, Json] = {"labels": {LABEL: "true"}}
        files = _config(name, metadata, one.files())
        workflow = workflow_of(one.documents, json.dumps(dict(one.payload)), one.uid)
        spec = cast("dict[str, Json]", json.loads(json.dumps(workflow["spec"])))
        for volume in cast("list[dict[str, Json]]", spec["volumes"]):
            if "configMap" in volume:
                volume["configMap"] = {"name": name}
        made = [files]
        env, place = dict(one.env), str(one.folder / FILES)
        if self._live.command is None:
            env.pop(contract.VALUES_ENV, None)
            beside, items = _beside(one, env)
            made.append(_config(f"{name}-case", metadata, beside))
            config: Json = {"name": f"{name}-case", "items": [*items]}
            cast("list[Json]", spec["volumes"]).append({"name": "case", "configMap": config})
            place = BESIDE
        else:
            env[contract.FOLDER_ENV] = str(_mounted(one))
        hidden = {key: value for key, value in env.items() if _TAG in value}
        if hidden:  # Argo would replace tags in a value that stands in the manifest
            made.append({**_head("Secret", f"{name}-env", metadata), "stringData": {**hidden}})
        given: list[Json] = [
            {"name": key, "valueFrom": {"secretKeyRef": {"name": f"{name}-env", "key": key}}}
            if key in hidden
            else {"name": key, "value": value.replace("$", "$$")}
            for key, value in env.items()
        ]
        for template in cast("list[dict[str, Json]]", spec["templates"]):
            if "container" in template:
                self._container(cast("dict[str, Json]", template["container"]), given, place)
        spec["workflowMetadata"] = metadata
        return [*made, {**_head("Workflow", name, metadata), "spec": spec}]

    def _container(self, container: dict[str, Json], env: Sequence[Json], place: str) -> None:
        cast("list[Json]", container.setdefault("env", [])).extend(env)
        container["workingDir"] = place
        if self._live.command is not None:
            container["command"] = [*shlex.split(self._live.command)]
            return
        if self._live.image is not None:
            container["image"] = self._live.image
        mounts = cast("list[Json]", container.setdefault("volumeMounts", []))
        mounts.append({"name": "case", "mountPath": BESIDE, "readOnly": True})


def _config(name: str, metadata: Mapping[str, Json], files: Mapping[str, str]) -> dict[str, Json]:
    return {**_head("ConfigMap", name, metadata), "data": {**files}}


def _head(kind: Kind, name: str, metadata: Mapping[str, Json]) -> dict[str, Json]:
    version = "argoproj.io/v1alpha1" if kind == "Workflow" else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}}


def _mounted(one: ArgoCase) -> Path:
    """The folder that stands for what a container has mounted."""
    folder = one.folder / MOUNTED
    folder.mkdir(exist_ok=True)
    for name, text in one.files().items():
        (folder / name).write_bytes(text.encode())
    return folder


def _beside(one: ArgoCase, env: dict[str, str]) -> tuple[dict[str, str], list[dict[str, Json]]]:
    """The files beside a playbook by key, and where each is mounted; the recorded outcomes are one of them."""
    home = one.folder / FILES
    found = {str(file.relative_to(home)): file.read_text("utf-8") for file in sorted(home.rglob("*")) if file.is_file()}
    if VARIABLE in env:
        found[_OUTCOMES] = Path(env[VARIABLE]).read_text("utf-8")
        env[VARIABLE] = f"{BESIDE}/{_OUTCOMES}"
    keys = {f"f{number}": (path, text) for number, (path, text) in enumerate(found.items())}
    items: list[dict[str, Json]] = [{"key": key, "path": path} for key, (path, _) in keys.items()]
    return {key: text for key, (_, text) in keys.items()}, items


def _nodes(status: Mapping[str, Json]) -> dict[str, UnitNode]:
    """The nodes of a Workflow by display name; Argo compresses many of them."""
    nodes = status.get("nodes")
    packed = status.get("compressedNodes")
    if isinstance(packed, str) and packed:
        nodes = json.loads(gzip.decompress(base64.b64decode(packed)))
    found: dict[str, UnitNode] = {}
    for node in cast("Mapping[str, Mapping[str, Json]]", nodes or {}).values():
        outputs = cast("Mapping[str, Json]", node.get("outputs") or {})
        parameters = cast("Sequence[Mapping[str, Json]]", outputs.get("parameters") or [])
        values = {str(one["name"]): str(one["value"]) for one in parameters if "value" in one}
        found[str(node["displayName"])] = UnitNode(str(node["phase"]), str(node.get("message") or ""), values)
    return found


def _address(server: str) -> str:
    """The address of this machine that the cluster can reach: the one that reaches the cluster."""
    parts = urlsplit(server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:  # sends nothing
        try:
            asked.connect((parts.hostname or "127.0.0.1", parts.port or 443))
        except OSError as wrong:
            raise UsageError(f"the cluster {server} cannot be reached: {wrong}") from None
        return str(asked.getsockname()[0])
