"""Runs cases on real Airflow in process: a probe for each case, a batch of DAG files for each process of Airflow."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic
from noetl.errors import InternalError, UnsupportedByTarget
from noetl.runtime.replay import VARIABLE
from noetl.targets.airflow import TARGET
from noetl.targets.base import Capability

from ..case import Case
from ..deviations import Deviation, kept_for
from ..lowering_mutants import compiling, emitted
from ..observation import Observation
from ..probe import Probe
from .airflow import AirflowCase, AirflowRun, Pool
from .base import Broken, Observed
from .case_inputs import environment, kept_outcomes, source_of

SECONDS: Final = 180.0
"""For a case at most, on a machine that is busy with others."""
PROCESSES: Final = 2
"""So many processes of Airflow share the cases, where there are as many processors."""


class Airflow:
    """The target `airflow` on the tier `inproc`."""

    name = "airflow"
    tier: str | None = "inproc"
    batch = 60
    sequential = True
    """Whether tasks run one at a time."""
    renames = False
    """Whether every DAG has an id of its own; else another batch has the same ones."""

    def __init__(self, seed: int = 0) -> None:
        """The order in which ready tasks are run is drawn from the seed."""
        self._seed = seed
        self._count = 0
        self._pool = Pool(min(PROCESSES, len(os.sched_getaffinity(0))))

    def versions(self) -> Mapping[str, str]:
        """Of what has a part in it and is installed."""
        found: dict[str, str] = {}
        for package in ("noetl", "apache-airflow", "apache-airflow-providers-standard"):
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found

    def table(self) -> Sequence[Capability]:
        """The table of docs/airflow.md."""
        return TARGET.capabilities()

    def deviations(self) -> Sequence[Deviation]:
        """Those that are kept with the suite."""
        return kept_for(self.name)

    def observe(self, cases: Sequence[Case]) -> Iterator[Observed]:
        """Compile all of them, run what compiles."""
        return self.observe_faulty([(case, None) for case in cases])

    def observe_faulty(self, cases: Sequence[tuple[Case, str | None]]) -> Iterator[Observed]:
        """Each case on a lowering with the fault of this name, of `lowering_mutants`; with None on the right one."""
        first = self._count
        self._count += len(cases) if self.renames else 0
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="noetl-conform-")))
            servers = [stack.enter_context(Probe(case.probe)) for case, _ in cases]
            triples = enumerate(zip(cases, servers, strict=True), first)
            made = [self.made(n, case, fault, server.url, folder) for n, ((case, fault), server) in triples]
            runs = self.runs([one for one in made if isinstance(one, AirflowCase)])
            for one, server in zip(made, servers, strict=True):
                if isinstance(one, AirflowCase):
                    yield observation_of(next(runs), server, sequential=self.sequential)
                else:
                    yield one

    def made(self, number: int, case: Case, fault: str | None, probe: str, folder: Path) -> AirflowCase | Observed:
        """The DAG of a case, with a fault if there is one; else what was observed instead."""
        try:
            with compiling(fault):
                found = dag_of(number, case, probe, folder)
        except InternalError as refuted:
            return Observation(None, problem=f"the lowering is refuted: {refuted}")
        except Exception as error:
            if fault is None:
                raise
            return Observation(None, problem=f"the lowering is refuted: {error}")  # a fault may show in any way
        if isinstance(found, AirflowCase):
            seed = f"{self._seed} {case.id}"
            return replace(found, content=emitted(fault, found.content), fault=fault, seed=seed)
        return found if isinstance(found, Broken) else Observation(None, found)

    def runs(self, cases: Sequence[AirflowCase]) -> Iterator[AirflowRun]:
        """The runs of the cases, in their order."""
        return self._pool.run(cases, SECONDS)

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *_: object) -> None:
        """End Airflow."""
        self._pool.close()


def dag_of(number: int, case: Case, probe: str, folder: Path) -> AirflowCase | Sequence[Diagnostic] | Broken:
    """The DAG of a case under an id of its own, or why there is none."""
    compilation = compile_source(case.text(), case.path)
    if not compilation.ok or compilation.workflow is None:
        return compilation.diagnostics
    try:
        made = TARGET.compile(source_of(case, compilation.workflow, compilation.text, folder / str(number), probe))
    except UnsupportedByTarget as refused:
        return refused.diagnostics
    identity = f"case_{number}"
    content = made.content.replace(f'dag_id="{made.identity}"', f'dag_id="{identity}"')
    if identity not in content:
        return Broken(f'the DAG file does not say dag_id="{made.identity}"')
    env = environment(case, probe)
    if case.outcomes is not None:
        env[VARIABLE] = str(kept_outcomes(case, folder / f"{number}.json"))
    conf: dict[str, Json] = {"noetl_payload": json.dumps({**case.payload, "probe": probe})}
    return AirflowCase(identity, content, conf, env, case.beside(probe) if case.files else {})


def observation_of(run: AirflowRun, server: Probe, *, sequential: bool) -> Observation:
    """What was seen of a DAG run; `sequential` where tasks run one at a time."""
    if run.problem is not None or run.verdict is None:
        told = (run.problem or "the DAG run left no verdict").strip().splitlines()[-1]
        return Observation(None, (), server.requests, sequential=sequential, problem=told)
    if run.state != ("success" if run.verdict["status"] == "completed" else "failed"):
        told = f"the verdict is {run.verdict['status']}, though the DAG run is {run.state}"
        return Observation(None, (), server.requests, sequential=sequential, problem=told)
    return Observation(run.verdict, (), server.requests, sequential=sequential)
