"""Playbooks compiled for Argo and run: manifests, the model of the controller, and real pods."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.adapters.argo import ArgoCase, ArgoRun, documents_of
from noetl.conformance.adapters.argo_node import Node
from noetl.conformance.adapters.argo_outcome import outcome_of
from noetl.conformance.adapters.argo_pods import Pods
from noetl.targets.argo import TARGET, contract
from noetl.targets.argo.store import store_at
from noetl.targets.base import Options, Source
from noetl.targets.profile import parse

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: tried}\n"
CREDENTIALS = "NOETL_CREDENTIAL_"


def argo_case(
    folder: Path,
    text: str,
    payload: Mapping[str, Json] | None = None,
    env: Mapping[str, str] | None = None,
    profile: str | None = None,
) -> ArgoCase:
    """The compiled Workflow of a playbook, with a store for large values unless `env` says otherwise."""
    compilation = compile_source(HEAD + text, "tried.yaml")
    assert compilation.workflow is not None, compilation.diagnostics
    assert compilation.ok, compilation.diagnostics
    options = Options()
    if profile is not None:
        options = Options(profile=parse(profile, "profile.yaml").profile)
        assert options.profile is not None
    made = TARGET.compile(Source("tried.yaml", compilation.text, compilation.workflow), options)
    given = {contract.VALUES_ENV: str(folder / "values"), **(env or {})}
    uid = str(uuid5(NAMESPACE_URL, str(folder)))
    return ArgoCase(documents_of(made.content), compilation.workflow, payload or {}, given, folder, uid)


def ran(case: ArgoCase, node: Node, watch: Callable[[Pods], None] | None = None) -> tuple[ArgoRun, dict[str, Json]]:
    """What became of the Workflow, and the outcome."""
    run = case.run(node, watch)
    assert isinstance(run, ArgoRun), run
    store = store_at(case.env.get(contract.VALUES_ENV, ""))
    outcome = outcome_of(case.units(), case.workflow, case.uid, run.nodes, store)
    assert (run.phase == "Succeeded") == (outcome["status"] == "completed"), (run.phase, outcome)
    return run, outcome


@dataclass(slots=True)
class Container:
    """What a pod's container finds: a folder with the ConfigMap's files, and one for outputs."""

    folder: Path
    case: ArgoCase
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("mounted", "out", "home"):
            (self.folder / name).mkdir(parents=True)
        for name, text in self.case.files().items():
            (self.folder / "mounted" / name).write_bytes(text.encode())
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("NOETL_")},
            contract.FOLDER_ENV: str(self.folder / "mounted"),
            contract.OUTPUTS_ENV: str(self.folder / "out"),
            contract.EXECUTION_ENV: self.case.uid,
            **self.env,
        }

    def begin(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        """The container's command, as the manifests have it, with these arguments."""
        return subprocess.Popen(
            [sys.executable, "-m", contract.RUNNER, *arguments],
            env=self.env,
            cwd=self.folder / "home",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Its exit code, and what it said on its standard error."""
        process = self.begin(arguments)
        _, said = process.communicate()
        return process.returncode, said

    def outputs(self) -> dict[str, str]:
        """The output files."""
        stem = contract.FILE.format("")
        return {file.name.removeprefix(stem): file.read_text("ascii") for file in (self.folder / "out").iterdir()}

    def left(self, output: str) -> dict[str, Json]:
        """An output that is JSON."""
        found: dict[str, Json] = json.loads(self.outputs()[output])
        return found
