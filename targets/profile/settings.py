"""What a profile says about one playbook and each of its steps, and what it says of none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, TypeVar

from noetl.compiler import ir
from noetl.compiler.findings import close_to, quoted
from noetl.diagnostics import Diagnostic, Severity, Span, kind

from .argo import KEYED, ArgoStep, ArgoWorkflow
from .models import AirflowDag, AirflowStep, General, Profile, Schedule, StepSettings

_M = TypeVar("_M", StepSettings, AirflowStep, AirflowDag, ArgoStep, ArgoWorkflow)
UNKNOWN: Final = kind(
    "NTL510", "unknown-step-in-profile", Severity.ERROR, "a profile that speaks of a step which no playbook has"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a profile says about one playbook."""

    tags: tuple[str, ...]
    schedule: Schedule | None
    max_active_runs: int | None
    airflow: AirflowDag
    argo: ArgoWorkflow
    defaults: StepSettings
    """For every task; the owner of the playbook among it."""
    patterns: tuple[tuple[str, StepSettings], ...]
    """What wins stands later."""

    def step(self, name: str) -> StepSettings:
        """What is said of a step beyond the defaults."""
        found = StepSettings()
        for pattern, said in self.patterns:
            if matches(name, pattern):
                found = _over(found, said)
        return found


NONE: Final = Settings((), None, None, AirflowDag(), ArgoWorkflow(), StepSettings(), ())


def settings_for(profile: Profile | None, workflow: ir.Workflow) -> Settings:
    """What a profile says about a playbook: the parts that match it, each over those before it."""
    if profile is None:
        return NONE
    parts: list[General] = [part for _, part in _parts(profile, workflow)]
    defaults, dag, argo = StepSettings(), AirflowDag(), ArgoWorkflow()
    for part in parts:
        owner = StepSettings(owner=part.owner)
        defaults = _over(_over(defaults, owner), part.defaults)
        dag, argo = _both(dag, part.airflow), _both(argo, part.argo)
    return Settings(
        tuple(dict.fromkeys(tag for part in parts for tag in part.tags)),
        next((part.schedule for part in reversed(parts) if part.schedule is not None), None),
        next((part.max_active_runs for part in reversed(parts) if part.max_active_runs is not None), None),
        dag,
        argo,
        defaults,
        tuple(entry for part in parts for entry in part.steps.items()),
    )


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern means a name: the name itself, or one with `*`, `?` or `[...]` in place of characters."""
    return name == pattern or fnmatchcase(name, pattern)


def unused(
    profile: Profile, patterns: Mapping[tuple[str, ...], Span], path: str, workflows: Sequence[ir.Workflow]
) -> list[Diagnostic]:
    """A diagnostic for each entry of `steps` that no step of the playbooks which it is about has as its name.

    Entries of `playbooks` that are about none of these playbooks may be about others.
    """
    meant: dict[tuple[str, ...], list[str]] = {}
    for workflow in workflows:
        names = [step.name for step in workflow.steps]
        for before, part in _parts(profile, workflow):
            for pattern in part.steps:
                meant.setdefault((*before, "steps", pattern), []).extend(names)
    return [_unknown(key, names, patterns[key], path) for key, names in meant.items() if not _any(names, key[-1])]


def _parts(profile: Profile, workflow: ir.Workflow) -> Iterator[tuple[tuple[str, ...], General]]:
    """The parts of a profile that are about a playbook, with the keys that lead to them."""
    yield (), profile
    for pattern, part in profile.playbooks.items():
        if matches(workflow.path or workflow.name, pattern):
            yield ("playbooks", pattern), part


def _any(names: Iterable[str], pattern: str) -> bool:
    return any(matches(name, pattern) for name in names)


def _unknown(key: tuple[str, ...], names: Sequence[str], span: Span, path: str) -> Diagnostic:
    pattern = key[-1]
    what = "matches no step" if any(sign in pattern for sign in "*?[") else "is no step"
    message = f"{quoted(pattern)} {what} of the playbooks that the profile is about"
    return Diagnostic(UNKNOWN, message, span, path, hint=close_to(pattern, set(names)))


def _over(before: StepSettings, said: StepSettings) -> StepSettings:
    """Settings, overlaid one by one, those of single targets among them."""
    airflow, argo = before.airflow, before.argo
    if said.airflow is not None:
        airflow = _both(airflow or AirflowStep(), said.airflow)
    if said.argo is not None:
        argo = _both(argo or ArgoStep(), said.argo)
    return _both(before, said).model_copy(update={"airflow": airflow, "argo": argo})


def _both(before: _M, said: _M) -> _M:
    given = {name: value for name, value in said if value is not None}
    for name in KEYED & given.keys():
        given[name] = {**(getattr(before, name) or {}), **given[name]}
    return before.model_copy(update=given)
