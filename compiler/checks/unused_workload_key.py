"""NTL212: a key of the workload that nothing reads (RUN-1). Off by default: the key may be there for callers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.checked import Checked
from noetl.compiler.findings import quoted
from noetl.compiler.parts import tools_of_step, tools_of_task
from noetl.compiler.passes.names import CODE
from noetl.diagnostics import Diagnostic, Severity, kind

KIND = kind(
    "NTL212", "unused-workload-key", Severity.WARNING, "a key of the workload that nothing reads", default=False
)


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the key. Without a word where the whole workload is read, or by code that is not known, which may read any."""
    read: set[str] = set()
    for site in playbook.facts.sites:
        for found in site.reads:
            if found.name == "workload":
                if not found.path:
                    return
                read.add(str(found.path[0]))
    if not playbook.sound or _unknown_code(playbook.workflow):
        return
    words = {word for _, code in playbook.python for word in re.findall(r"\w+", code.text)}
    workload = playbook.workflow.workload
    for i, (name, _) in enumerate(workload.entries):
        if name not in read and name not in words and i < len(workload.keys):
            yield playbook.found(KIND, f"nothing reads {quoted(f'workload.{name}')}", workload.keys[i])


def _unknown_code(workflow: ir.Workflow) -> bool:
    """Whether a tool runs code that is not in the playbook as text."""
    tools = [tool for task in workflow.tasks for tool in tools_of_task(task)]
    tools += [tool for step in workflow.steps for tool in tools_of_step(step)]
    return any(tool.kind in CODE and not isinstance(tool.fields.get("code"), ir.Const) for tool in tools)
