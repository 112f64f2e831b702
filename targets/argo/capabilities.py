"""What Argo carries of the language, and how. The table of `docs/argo.md` and all refusals come from here."""

from __future__ import annotations

from typing import Final

from noetl.diagnostics import Severity, kind
from noetl.targets.airflow.capabilities import PLAYBOOK, TOOL
from noetl.targets.base import Capability

VERSIONS: Final = ("4.1",)
"""The versions of Argo Workflows for which there are files, the newest last."""
TOO_LARGE: Final = kind(
    "NTL512", "too-large-on-target", Severity.ERROR, "a playbook that becomes an object above a target's limit"
)
SCHEDULE: Final = kind(
    "NTL513", "schedule-on-target", Severity.ERROR, "a schedule that asks for what a target cannot do"
)

_IN_POD: Final = "by the runtime inside the step's pod"
_REGION: Final = "a region: one pod in which the runtime runs"
_PLUG_IN: Final = "this kind of tool needs a plug-in, and none is installed"


def _native(feature: str, how: str) -> Capability:
    return Capability(feature, "native", how)


def _emulated(feature: str, how: str = _IN_POD) -> Capability:
    return Capability(feature, "emulated", how)


TABLE: Final[tuple[Capability, ...]] = (
    _native("choice", "the pod writes which `next` it took, and `when` of what is below tests that"),
    _native("fork", "several tasks below one"),
    _native("join-all", "one task whose `depends` names the tasks above whose failure poisons it"),
    _native("join-each", "one task, or one per token that can be there at the same time"),
    _emulated("many-copies", f"{_REGION} the step and what comes after it, up to the steps that join the tokens"),
    _emulated("cycle", f"{_REGION} the steps of the cycle; templates that call themselves would end after 97 rounds"),
    _emulated("loop", "by the runtime inside the step's pod; the iterations of a parallel loop side by side"),
    _emulated("fan-out", f"{_REGION} the loop and what comes after it, up to the steps that join the tokens"),
    _emulated(
        "resume",
        "a pod that was lost, or ended from outside or by its timeout, is run again where a profile says so; its calls "
        "are made again with the same idempotency keys",
    ),
    _emulated("rules"),
    _emulated("call-retry", "by the runtime inside the step's pod, waits included"),
    _native("handled-error", "a pod that succeeds and names its edge"),
    _native("failure", "a pod that fails; what it poisons is Omitted, and so is the verdict"),
    _native("dead-path", "a pod that succeeds and names no edge; what is below is Skipped or Omitted"),
    _emulated("skip", "by the runtime inside the step's pod, which succeeds and names the step's own `next`"),
    _emulated("store", "as one JSON text per pod, an output parameter; large values by reference"),
    _emulated("workload", "the parameter `payload` of the Workflow, JSON text"),
    _emulated("credentials", "from the pod's environment, which a profile fills from Secrets"),
    _emulated("script", "by the runtime inside the step's pod; a relative path starts at its working folder"),
    _emulated("tool-http"),
    _emulated("tool-python"),
    _emulated("tool-workbook"),
    _emulated("tool-secrets", "by the runtime inside the step's pod; only the name of a secret is in an output"),
    _emulated("tool-event_log", "as a line of the pod's log"),
    _emulated("tool-playbook", "by the runtime inside the step's pod; the ConfigMap holds the texts of the playbooks"),
    _emulated("templated-playbook", "with `--playbooks`: the ConfigMap holds every playbook of all the folders"),
    _emulated("tool-postgres"),
    _emulated("tool-duckdb", "by the runtime inside the step's pod; a file is one of the pod's own, unless mounted"),
    *(
        Capability(f"tool-{name}", "refused", _PLUG_IN, TOOL, "todo")
        for name in ("snowflake", "ducklake", "transfer", "container", "script", "gcs")
    ),
    _emulated("plug-in", "by the runtime inside the step's pod; the image needs the plug-in, too"),
)
"""One row per feature."""

UNKNOWN_PLAYBOOKS: Final = Capability(
    "templated-playbook",
    "refused",
    "which playbooks may be meant is not known",
    PLAYBOOK,
    "never",
    "name the folders of all playbooks that may be meant with --playbooks",
)
"""In place of the row of the table where no `--playbooks` is given."""
