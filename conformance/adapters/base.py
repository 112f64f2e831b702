"""What a place where cases run looks like to the suite, and where such places are found."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol, TypeAlias, runtime_checkable

from noetl.errors import UsageError
from noetl.targets.base import Capability
from noetl.targets.registry import load, names

from ..case import Case
from ..deviations import Deviation, kept_for
from ..observation import Observation

EXEC: Final = "exec:"
"""A target that is a command: it reads cases on standard input and answers on standard output."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A case of which nothing was observed, for a reason that lies outside of the target."""

    said: str


Observed: TypeAlias = Observation | Broken


class Adapter(Protocol):
    """Runs cases on one target. A context manager: what it started is gone when it is left."""

    name: str
    tier: str | None
    """The tier that it is, for targets that have several."""
    batch: int
    """So many cases are handed over together."""

    def versions(self) -> Mapping[str, str]:
        """What runs there, by name."""
        ...

    def table(self) -> Sequence[Capability]:
        """What the target says it carries and refuses; empty where it has no table."""
        ...

    def deviations(self) -> Sequence[Deviation]:
        """In what it is known to differ."""
        ...

    def observe(self, cases: Sequence[Case]) -> Iterator[Observed]:
        """Run the cases; what was observed of each, in their order."""
        ...

    def __enter__(self) -> Adapter: ...

    def __exit__(self, *_: object) -> None: ...


@runtime_checkable
class Observable(Protocol):
    """A target of the entry points `noetl.targets` that brings its own adapter."""

    def adapter(self) -> Adapter:
        """What runs cases there."""
        ...


class InProcess:
    """A place of our own in this process: a module with `observe(case)`."""

    tier: str | None = None
    batch = 1

    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self._module = module

    def versions(self) -> Mapping[str, str]:
        """That of noetl."""
        return {"noetl": version("noetl")}

    def table(self) -> Sequence[Capability]:
        """It carries the language."""
        return ()

    def deviations(self) -> Sequence[Deviation]:
        """Those that are kept with the suite."""
        return kept_for(self.name)

    def observe(self, cases: Sequence[Case]) -> Iterator[Observed]:
        """One case after the other."""
        module = import_module(self._module)
        for case in cases:
            seen: Observation = module.observe(case)
            yield seen

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        """Every case has closed what it opened."""


TIERS: Final[Mapping[str, Sequence[str]]] = {
    "airflow": ("inproc", "scheduler"),
    "argo": ("model", "live"),
    "server": ("one", "eight"),
}
"""The tiers of targets: `dag.test()` or all parts of Airflow; a model of Argo's controller or a cluster; one worker or
eight."""


@dataclass(frozen=True, slots=True)
class OnCluster:
    """The options of the tier `live` of argo."""

    kubeconfig: Path | None
    namespace: str | None = None
    image: str | None = None
    command: str | None = None
    """What a pod's container executes on this machine instead of an image's program."""


def adapter(
    target: str,
    *,
    time_limit: float = 60.0,
    tier: str | None = None,
    seed: int = 0,
    cluster: OnCluster | None = None,
) -> Adapter:
    """What runs cases on a target, or on a tier of it; `time_limit` is in seconds for each case.

    What a place leaves to chance, such as the order of ready tasks, is drawn from `seed` where that can be.
    UsageError if there is none.
    """
    if tier is not None and tier not in TIERS.get(target, ()):
        told = "; ".join(f'tiers of "{name}": {", ".join(tiers)}' for name, tiers in TIERS.items())
        raise UsageError(f'target "{target}" has no tier "{tier}"; {told}')
    if cluster is not None or tier == "live":
        return _live(target, tier, cluster)
    if target.startswith(EXEC):
        from .stdio import Program

        return Program(target, time_limit)
    if target in ("runtime", "spec"):
        return InProcess(target, f"noetl.conformance.adapters.{target}")
    if target == "airflow":
        from .airflow_cases import Airflow
        from .airflow_scheduler import AirflowScheduler

        return AirflowScheduler() if tier == "scheduler" else Airflow(seed)
    if target == "argo":
        from .argo import Argo

        return Argo()
    if target == "server":
        from .server import Server

        return Server(tier or "one")
    if target in names():
        found = load(target)
        if isinstance(found, Observable):
            return found.adapter()
        raise UsageError(f'target "{target}" has no adapter: nothing runs its cases')
    known = ", ".join(f'"{name}"' for name in sorted({"airflow", "argo", "runtime", "server", "spec", *names()}))
    raise UsageError(f'no adapter is called "{target}"; targets: {known}, or exec:COMMAND')


def _live(target: str, tier: str | None, cluster: OnCluster | None) -> Adapter:
    if target != "argo" or tier == "model":
        raise UsageError("--kubeconfig, --namespace, --image and --runner-command are for argo on the tier live")
    if cluster is None or cluster.kubeconfig is None:
        raise UsageError("the tier live of argo needs --kubeconfig, which says where a cluster is")
    from noetl.targets.argo.cluster import access

    from .argo_live import ArgoLive, Live

    where = access(cluster.kubeconfig, os.environ)
    return ArgoLive(Live(where, cluster.namespace, cluster.image, cluster.command))
