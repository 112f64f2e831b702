"""What a profile says, as fields of the manifests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from noetl.compiler import ir
from noetl.compiler.findings import quoted as shown
from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic
from noetl.targets.airflow.settings import DIFFER
from noetl.targets.plan import Plan

from . import contract

if TYPE_CHECKING:
    from noetl.targets.profile import Settings, StepSettings

VALUES: Final = "values"
VALUES_FOLDER: Final = "/var/noetl/values"
"""The volume for large values, and where it is mounted."""
EXECUTIONS: Final = "executions"
"""The entry of the ConfigMap that says how many executions there are at the same time."""
_LOST: Final = " || ".join(("lastRetry.status == 'Error'", *(f"lastRetry.exitCode == '{n}'" for n in (-1, 137, 143))))
"""When a pod is run again: it was lost, or somebody ended it. What the runner itself ends with says how it went."""
_KUBERNETES: Final = {
    "image": ("container", "image"),
    "image_pull_policy": ("container", "imagePullPolicy"),
    "requests": ("container", "resources", "requests"),
    "limits": ("container", "resources", "limits"),
    "node_selector": ("nodeSelector",),
    "tolerations": ("tolerations",),
    "priority_class": ("priorityClassName",),
    "labels": ("metadata", "labels"),
    "annotations": ("metadata", "annotations"),
}
"""Where in a template a setting stands."""


def conflicts(plan: Plan, settings: Settings | None, path: str) -> Iterator[Diagnostic]:
    """A diagnostic for each setting that the steps of one pod have with different values."""
    for unit in () if settings is None else plan.units:
        first: dict[tuple[str, ...], tuple[ir.Step, Json]] = {}
        for step in unit.steps:
            for place, value in _flat(settings.step(step.name)) if settings is not None else ():
                other, before = first.setdefault(place, (step, value))
                if before != value:
                    message = (
                        f"steps {shown(other.name)} and {shown(step.name)} are one pod on Argo, "
                        f'and the profile gives them different values of "{place[-1]}"'
                    )
                    yield Diagnostic(DIFFER, message, step.span, path, hint="give all steps of a region the same")


def of_pod(settings: Settings, steps: tuple[ir.Step, ...]) -> dict[str, Json]:
    """What is said of the pod of some steps, as keys of its template; of a region what any of its steps has."""
    found: dict[str, Json] = {}
    for said in [settings.defaults, *(settings.step(step.name) for step in steps)]:
        for (*way, last), value in _flat(said):
            place = found
            for key in way:
                inner = place.setdefault(key, {})
                assert isinstance(inner, dict)
                place = inner
            before = place.get(last)
            place[last] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return found


def environment(settings: Settings | None) -> list[Json]:
    """The environment of every pod."""
    found: list[Json] = [{"name": contract.EXECUTION_ENV, "value": "{{workflow.uid}}"}]
    argo = None if settings is None else settings.argo
    if argo is None:
        return found
    if argo.values is not None:
        found.append({"name": contract.VALUES_ENV, "value": argo.values.s3 or VALUES_FOLDER})
    for name, value in (argo.env or {}).items():
        found.append({"name": name, "value": value.replace("$", "$$")})
    if argo.env:
        found.append({"name": contract.ALLOW_ENV, "value": ",".join(argo.env)})
    for name, place in (argo.credentials or {}).items():
        # Without `optional` a pod whose Secret is not there waits for ever; so the call fails that needs it (TOO-6).
        reference: Json = {"secretKeyRef": {"name": place.secret, "key": place.key, "optional": True}}
        found.append({"name": contract.credential_env(name), "valueFrom": reference})
    return found


def of_workflow(settings: Settings | None, name: str, config: str) -> Iterator[tuple[str, Json]]:
    """What is said of the Workflow's spec. `name` is the WorkflowTemplate's, `config` the ConfigMap's."""
    if settings is None:
        return
    argo = settings.argo
    if argo.service_account is not None:
        yield "serviceAccountName", argo.service_account
    if argo.image_pull_secrets:
        yield "imagePullSecrets", [{"name": secret} for secret in argo.image_pull_secrets]
    if argo.ttl is not None:
        yield "ttlStrategy", {"secondsAfterCompletion": argo.ttl}
    if settings.max_active_runs == 1:
        yield "synchronization", {"mutexes": [{"name": name}]}
    elif settings.max_active_runs is not None:
        yield "synchronization", {"semaphores": [{"configMapKeyRef": {"name": config, "key": EXECUTIONS}}]}


def executions(settings: Settings | None) -> dict[str, str]:
    """What the ConfigMap says besides, so that more executions than that wait."""
    most = None if settings is None else settings.max_active_runs
    return {} if most in (None, 1) else {EXECUTIONS: str(most)}


def claim(settings: Settings | None) -> str | None:
    """The claim that holds large values."""
    values = None if settings is None else settings.argo.values
    return None if values is None else values.claim


def _flat(said: StepSettings) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Every setting that is given, with its place in a template."""
    if said.timeout is not None:
        yield ("activeDeadlineSeconds",), max(1, round(said.timeout))
    if said.retries:
        yield ("retryStrategy",), {"limit": str(said.retries), "retryPolicy": "Always", "expression": _LOST}
    for name, value in said.argo or ():
        if value is not None:
            yield _KUBERNETES[name], value
