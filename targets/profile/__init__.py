"""What an operations team says about playbooks on a target, in a file of its own (`docs/profiles.md`).

A profile never changes what a playbook means: it says when it runs, who owns it, and where and how its tasks run. One
schema serves all targets; what only one of them knows stands under that target's name.
"""

from __future__ import annotations

from .argo import ArgoSecret, ArgoStep, ArgoValues, ArgoWorkflow
from .models import AirflowDag, AirflowStep, General, Profile, Schedule, StepSettings
from .reading import Read, load, parse
from .settings import Settings, settings_for, unused

__all__ = [
    "AirflowDag",
    "AirflowStep",
    "ArgoSecret",
    "ArgoStep",
    "ArgoValues",
    "ArgoWorkflow",
    "General",
    "Profile",
    "Read",
    "Schedule",
    "Settings",
    "StepSettings",
    "load",
    "parse",
    "settings_for",
    "unused",
]
