"""Runs cases on compiled manifests for Argo, on the tier `model`: a model of the controller, and pods as processes.

What is real: the manifests, the program in the pods with its arguments, environment, files and exit codes, and the
tools. What is not: the controller, which is a model that reproduces recordings of the real one (tests/argo), and
containers. On a cluster the same manifests run on the tier `live`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final, cast
from uuid import NAMESPACE_URL, uuid5

from ruamel.yaml import YAML

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic
from noetl.errors import InternalError, NoetlError, UnsupportedByTarget
from noetl.runtime.replay import VARIABLE
from noetl.targets.argo import TARGET, contract
from noetl.targets.argo.contract import Units
from noetl.targets.argo.store import store_at
from noetl.targets.base import Capability

from ..argo_mutants import compiling, emitted
from ..case import Case
from ..deviations import Deviation, kept_for
from ..observation import Observation
from ..probe import Probe
from .argo_model.controller import Workflow
from .argo_model.manifest import read
from .argo_node import Node
from .argo_outcome import UnitNode, outcome_of
from .argo_pods import Pods, PodsLate
from .base import Observed
from .case_inputs import environment, kept_outcomes, source_of

SECONDS: Final = 180.0
"""For a case at most."""
TOGETHER: Final = 4
"""Cases that are run beside each other."""
FILES: Final = "files"
"""Below the folder of a case: what lies beside its playbook."""
MOUNTED: Final = "mounted"
"""What its ConfigMap holds."""
VALUES: Final = "values"
"""The store of large values."""


@dataclass(frozen=True, slots=True)
class ArgoRun:
    """What became of a Workflow."""

    phase: str
    nodes: Mapping[str, UnitNode]
    """By display name."""
    logs: Mapping[str, str]
    """What each pod wrote, by node."""


class Argo:
    """The target `argo` on the tier `model`."""

    name = "argo"
    tier: str | None = "model"
    batch = 32

    def __init__(self) -> None:
        """Starts nothing yet."""
        self._node = Node()

    def versions(self) -> Mapping[str, str]:
        """That of noetl; the controller is a model, and no cluster has seen the cases."""
        return {"noetl": version("noetl"), "controller": "a model of 4.1.2", "live tier": "NOT_RUN"}

    def table(self) -> Sequence[Capability]:
        """The table of docs/argo.md."""
        return TARGET.capabilities()

    def deviations(self) -> Sequence[Deviation]:
        """Those that are kept with the suite."""
        return kept_for(self.name)

    def observe(self, cases: Sequence[Case]) -> Iterator[Observed]:
        """Compile all of them; run what compiles, some at a time, and alone what judges who was in flight together."""
        return self.observe_faulty([(case, None) for case in cases])

    def observe_faulty(self, cases: Sequence[tuple[Case, str | None]]) -> Iterator[Observed]:
        """Each case on a lowering with the fault of this name, of `argo_mutants`; with None on the right one."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="noetl-conform-")))
            servers = [stack.enter_context(Probe(case.probe)) for case, _ in cases]
            pool = stack.enter_context(ThreadPoolExecutor(TOGETHER))
            triples = enumerate(zip(cases, servers, strict=True))
            made = [_made(case, fault, server.url, folder / str(n)) for n, ((case, fault), server) in triples]
            tasks = [
                pool.submit(one.run, self._node) if isinstance(one, ArgoCase) and not case.expect.overlap else None
                for one, (case, _) in zip(made, cases, strict=True)
            ]
            for one, task, server in zip(made, tasks, servers, strict=True):
                if not isinstance(one, ArgoCase):
                    yield one
                else:
                    yield observation_of(one, one.run(self._node) if task is None else task.result(), server)

    def __enter__(self) -> Argo:
        self._node.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """No process of a pod is left."""
        self._node.__exit__()


@dataclass(frozen=True, slots=True)
class ArgoCase:
    """One Workflow: the compiled documents, the payload, and what its pods find."""

    documents: Sequence[Mapping[str, Json]]
    workflow: ir.Workflow
    payload: Mapping[str, Json]
    env: Mapping[str, str]
    folder: Path
    uid: str
    secrets: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The entries of the cluster's Secrets, by name and key."""
    fault: str | None = None
    """The fault that the program of the pods has, for tests of the suite: a name of `argo_mutants`."""

    def run(self, node: Node, watch: Callable[[Pods], None] | None = None) -> ArgoRun | str:
        """What became of it; or why nothing did. `watch` is given the pods before any runs."""
        mounted = self.folder / MOUNTED
        mounted.mkdir(parents=True, exist_ok=True)
        for name, text in self.files().items():
            (mounted / name).write_bytes(text.encode())
        manifest = read([workflow_of(self.documents, contract.crossing(dict(self.payload)), self.uid)])
        home = self.folder / FILES
        home.mkdir(exist_ok=True)
        pods = Pods(
            node,
            self.folder / "pods",
            mounted=mounted,
            home=home,
            env=self.env,
            seconds=SECONDS,
            secrets=self.secrets,
            fault=self.fault,
        )
        if watch is not None:
            watch(pods)
        workflow = Workflow(manifest, pods)
        try:
            workflow.run()
        except PodsLate:
            return f"the pods have not ended within {SECONDS:g} s"
        nodes = {n.display: UnitNode(n.phase, n.message, n.outputs or {}) for n in workflow.nodes.values()}
        return ArgoRun(workflow.phase, nodes, {name: log.read_text("utf-8") for name, log in pods.logs.items()})

    def files(self) -> dict[str, str]:
        """What the ConfigMap holds."""
        found: dict[str, str] = {}
        for document in self.documents:
            if document["kind"] == "ConfigMap":
                found |= cast("dict[str, str]", document["data"])
        return found

    def units(self) -> Units:
        """The table of units."""
        return Units.from_json(json.loads(self.files()[contract.UNITS]))


def workflow_of(documents: Sequence[Mapping[str, Json]], payload: str, uid: str) -> dict[str, Json]:
    """The Workflow that `argo submit --from` makes of a WorkflowTemplate, with the payload as its parameter."""
    template = next(document for document in documents if document["kind"] == "WorkflowTemplate")
    spec = cast("dict[str, Json]", template["spec"])
    arguments = cast("dict[str, list[dict[str, Json]]]", spec["arguments"])["parameters"]
    given: list[Json] = [{**one, "value": payload} if one["name"] == contract.PAYLOAD else one for one in arguments]
    return {
        "kind": "Workflow",
        "metadata": {"name": cast("dict[str, Json]", template["metadata"])["name"], "uid": uid},
        "spec": {**spec, "arguments": {"parameters": given}},
    }


def documents_of(content: str) -> list[Mapping[str, Json]]:
    """The documents of an emitted file."""
    return [json.loads(json.dumps(document)) for document in YAML(typ="safe").load_all(content)]


def _made(case: Case, fault: str | None, probe: str, folder: Path) -> ArgoCase | Observed:
    """The Workflow of a case, with a fault if there is one; else what was observed instead."""
    try:
        with compiling(fault):
            found = case_of(case, probe, folder, fault)
    except InternalError as refuted:
        return Observation(None, problem=f"the lowering is refuted: {refuted}")
    except Exception as error:
        if fault is None:
            raise
        return Observation(None, problem=f"the lowering is refuted: {error}")  # a fault may show in any way
    return found if isinstance(found, ArgoCase) else Observation(None, found)


def case_of(case: Case, probe: str, folder: Path, fault: str | None = None) -> ArgoCase | Sequence[Diagnostic]:
    """The Workflow of a case, or why there is none."""
    compilation = compile_source(case.text(), case.path)
    if not compilation.ok or compilation.workflow is None:
        return compilation.diagnostics
    try:
        made = TARGET.compile(source_of(case, compilation.workflow, compilation.text, folder / FILES, probe))
    except UnsupportedByTarget as refused:
        return refused.diagnostics
    env = environment(case, probe) | {contract.VALUES_ENV: str(folder / VALUES)}
    if case.outcomes is not None:
        env[VARIABLE] = str(kept_outcomes(case, folder / "outcomes.json"))
    payload: dict[str, Json] = {**case.payload, "probe": probe}
    uid = str(uuid5(NAMESPACE_URL, str(folder)))
    documents = documents_of(emitted(fault, made.content))
    return ArgoCase(documents, compilation.workflow, payload, env, folder, uid, fault=fault)


def observation_of(one: ArgoCase, run: ArgoRun | str, server: Probe) -> Observation:
    """What was seen of a Workflow."""
    if isinstance(run, str):
        return Observation(None, (), server.requests, problem=run)
    if run.phase == "Running":
        return Observation(None, (), server.requests, problem="the Workflow hangs")
    try:
        store = store_at(one.env[contract.VALUES_ENV])
        summary = outcome_of(one.units(), one.workflow, one.uid, run.nodes, store)
    except NoetlError as wrong:
        return Observation(None, (), server.requests, problem=str(wrong))
    if (run.phase == "Succeeded") != (summary["status"] == "completed"):
        told = f"the outcome is {summary['status']}, though the Workflow is {run.phase}"
        return Observation(None, (), server.requests, problem=told)
    return Observation(summary, (), server.requests)
