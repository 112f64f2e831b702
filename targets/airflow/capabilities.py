"""What Airflow carries of the language, and how. The table of `docs/airflow.md` and all refusals come from here."""

from __future__ import annotations

from typing import Final

from noetl.diagnostics import Severity, kind
from noetl.targets.base import Capability

VERSIONS: Final = "3.3"
"""The versions of Airflow for which the table holds."""

CYCLE: Final = kind(
    "NTL501", "cycle-on-target", Severity.ERROR, "steps that lead back to themselves, on a target without cycles"
)
LOOP: Final = kind("NTL502", "loop-on-target", Severity.ERROR, "a loop, on a target that has none")
PLAYBOOK_TOOL: Final = kind(
    "NTL503", "playbook-tool-on-target", Severity.ERROR, "a sub-playbook, on a target that runs none"
)
TOOL: Final = kind("NTL504", "tool-on-target", Severity.ERROR, "a tool of a kind that a target does not run")
COPIES: Final = kind("NTL505", "too-many-copies", Severity.ERROR, "more tokens at a step than a plan makes copies")

_IN_TASK: Final = "by the runtime inside the step's task"
_NO_RUNNER: Final = "nothing runs this kind of tool there"
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
    Capability(
        "many-copies",
        "refused",
        "it would need more than 16 tasks",
        COPIES,
        "todo",
        "give the step `join: all` if one run is enough",
        VERSIONS,
    ),
    Capability(
        "cycle",
        "refused",
        "a DAG has no way back",
        CYCLE,
        "todo",
        "page inside one step with `call` or `retry`",
        VERSIONS,
    ),
    Capability("loop", "refused", "loops are not lowered", LOOP, "todo", None, VERSIONS),
    _emulated("rules"),
    _emulated("call-retry", "by the runtime inside the step's task; waits hold the task's slot"),
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
    Capability("tool-playbook", "refused", "sub-playbooks are not lowered", PLAYBOOK_TOOL, "todo", None, VERSIONS),
    *(
        Capability(f"tool-{name}", "refused", _NO_RUNNER, TOOL, "todo", None, VERSIONS)
        for name in ("postgres", "duckdb")
    ),
    *(
        Capability(f"tool-{name}", "refused", _PLUG_IN, TOOL, "todo", None, VERSIONS)
        for name in ("snowflake", "ducklake", "transfer", "container", "script", "gcs")
    ),
    _emulated("plug-in", "by the runtime inside the step's task; the workers need the plug-in, too"),
)
"""One row per feature."""

ROWS: Final = {row.feature: row for row in TABLE}
