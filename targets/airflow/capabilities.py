"""What Airflow carries of the language, and how. The table of `docs/airflow.md` and all refusals come from here."""

from __future__ import annotations

from typing import Final

from noetl.diagnostics import Severity, kind
from noetl.targets.base import Capability

VERSIONS: Final = ("3.1", "3.2", "3.3")
"""The versions of Airflow for which there are files, the newest last."""
RESUMING: Final = ("3.3",)
"""Those with a store of task states, in which replies are kept, and with policies for retries."""
_BEFORE: Final = tuple(version for version in VERSIONS if version not in RESUMING)
RESULTS: Final = ("3.3",)
"""Those in which a task can be the result of a DAG run."""
TIMETABLES: Final = ("3.2", "3.3")
"""Those whose SDK has timetables; before, they are in Airflow's core."""

PLAYBOOK: Final = kind(
    "NTL507", "unknown-playbook-on-target", Severity.ERROR, "a sub-playbook by a template, of unknown playbooks"
)
TOOL: Final = kind("NTL504", "tool-on-target", Severity.ERROR, "a tool of a kind that a target does not run")

_IN_TASK: Final = "by the runtime inside the step's task"
_REGION: Final = "a region: one task in which the runtime runs"
_PLUG_IN: Final = "this kind of tool needs a plug-in, and none is installed"


def _native(feature: str, how: str) -> Capability:
    return Capability(feature, "native", how, versions=VERSIONS)


def _emulated(feature: str, how: str = _IN_TASK) -> Capability:
    return Capability(feature, "emulated", how, versions=VERSIONS)


TABLE: Final[tuple[Capability, ...]] = (
    _native("choice", "a branch task that follows the tasks of the edges taken"),
    _native("fork", "several tasks below one"),
    _native("join-all", "one task with trigger rule `none_failed_min_one_success`"),
    _native("join-each", "one task, or one per token that can be there at the same time"),
    _emulated("many-copies", f"{_REGION} the step and what comes after it, up to the steps that join the tokens"),
    _emulated("cycle", f"{_REGION} the steps of the cycle"),
    _emulated("loop", "by the runtime inside the step's task; the iterations of a parallel loop side by side"),
    _native(
        "mapped-loop",
        "mapped tasks (`.expand`), each for one iteration or, where there are more than `[core] max_map_length`, for "
        "several; a task before them and the step's own behind them",
    ),
    _emulated("fan-out", f"{_REGION} the loop and what comes after it, up to the steps that join the tokens"),
    Capability(
        "resume",
        "emulated",
        "from 3.3 on: replies are kept in the store of task states; a region, and a step that a profile gives retries, "
        "goes on where it was",
        versions=RESUMING,
    ),
    Capability(
        "resume",
        "emulated",
        "3.1 and 3.2: there is no such store; a killed region fails, and what a profile gives retries makes its calls "
        "again, with the same idempotency keys",
        versions=_BEFORE,
    ),
    _emulated("rules"),
    Capability(
        "call-retry",
        "emulated",
        "by the runtime inside the step's task; from 3.3 on a long wait gives the task's slot back, and by a "
        "`RetryPolicy` Airflow tries the task again when it is over, which goes on from the replies that it kept",
        versions=RESUMING,
    ),
    Capability(
        "call-retry",
        "emulated",
        "3.1: by the runtime inside the step's task; waits hold the task's slot",
        versions=_BEFORE,
    ),
    _native("handled-error", "a green task that follows its edge"),
    _native("failure", "a red task; what it poisons becomes `upstream_failed`"),
    _native("dead-path", "a green task that follows no edge; what is below becomes `skipped`"),
    _emulated("skip", "by the runtime inside the step's task, which is green and follows the step's own `next`"),
    _emulated("store", "as one JSON string per task in XCom"),
    _emulated("workload", "`params` for the form, the conf of the DAG run as payload"),
    _emulated("credentials", "from Airflow Connections, or from the worker's environment"),
    _emulated("script", "by the runtime inside the step's task; a relative path starts at the folder of the DAG file"),
    _emulated("tool-http"),
    _emulated("tool-python"),
    _emulated("tool-workbook"),
    _emulated("tool-secrets", "by the runtime inside the step's task; only the name of a secret is in an XCom"),
    _emulated("tool-event_log", "as a line of the task's log"),
    _emulated("tool-playbook", "by the runtime inside the step's task; the DAG file holds the texts of the playbooks"),
    _emulated("templated-playbook", "with `--playbooks`: the DAG file holds every playbook of all the folders"),
    _emulated("tool-postgres"),
    _emulated("tool-duckdb", "by the runtime inside the step's task; a file is relative to the folder of the DAG file"),
    *(
        Capability(f"tool-{name}", "refused", _PLUG_IN, TOOL, "todo", None, VERSIONS)
        for name in ("snowflake", "ducklake", "transfer", "container", "script", "gcs")
    ),
    _emulated("plug-in", "by the runtime inside the step's task; the workers need the plug-in, too"),
)
"""One row per feature, or one for each group of versions."""

UNKNOWN_PLAYBOOKS: Final = Capability(
    "templated-playbook",
    "refused",
    "which playbooks may be meant is not known",
    PLAYBOOK,
    "never",
    "name the folders of all playbooks that may be meant with --playbooks",
    VERSIONS,
)
"""In place of the row of the table where no `--playbooks` is given."""

ROWS: Final = {row.feature: row for row in TABLE}
