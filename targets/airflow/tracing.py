"""Back from the tasks of a DAG file to the playbook, without Airflow."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from noetl.compiler.frontend import compile_source
from noetl.targets.plan import plan
from noetl.targets.trace import Kind, Mention, Part, Place, Places, parts_of

from .flow import FlowTask, read
from .layout import StepTask, lay_out, lines
from .names import VERDICT, edge_task_id, step_of

_ID: Final = r"[\w.-]+"
_MENTIONS: Final = tuple(
    re.compile(text, re.ASCII)
    for text in (
        rf"<TaskInstance: (?P<dag>{_ID})\.(?P<task>[\w.-]+?) (?=\S+ \[)",
        rf"dag_id=(?P<dag>{_ID})/run_id=[^/]+/task_id=(?P<task>{_ID})",
        rf"/dags/(?P<dag>{_ID})/runs/[^/]+/tasks/(?P<task>{_ID})",
        rf"""\bdag_id["']?[=:] ?["']?(?P<dag>{_ID})["']?,? .*?\btask_id["']?[=:] ?["']?(?P<task>{_ID})""",
        rf"""\btask_id["']?[=:] ?["']?(?P<task>{_ID})""",
    )
)
"""Where logs of Airflow, their paths and its pages name a task; what stands first counts."""


def mentions(text: str) -> Iterator[Mention]:
    """The task that a line speaks of."""
    for pattern in _MENTIONS:
        if (found := pattern.search(text)) is not None:
            named = found.groupdict()
            yield Mention(named["task"], named.get("dag"))
            return


def places(content: str) -> Places | None:
    """What a DAG file says about its tasks; None if it is none of ours."""
    try:
        found = _constants(content)
        flow = read(found["FLOW"])
        identity, playbook, text = found["dag_id"], found["file"], found["PLAYBOOK"]
    except (SyntaxError, ValueError, KeyError):
        return None
    units = _units(text, playbook, flow)
    tasks: dict[str, Place] = {}
    for id_, task in flow.items():
        unit = units.get(id_)
        parts: tuple[Part, ...] = (Part(task.step, task.first, task.last),)
        if unit is not None:
            parts = parts_of(unit.unit, {step.name: lines(step) for step in unit.unit.steps})
        kind: Kind = "region" if unit is not None and unit.unit.kind == "region" else "step"
        tasks[id_] = Place(id_, kind, parts, leads_to=tuple(dict.fromkeys(edge.target for edge in task.edges)))
        tasks |= _edges(id_, task) if unit is None or unit.unit.chooses else {}
    return Places(identity, playbook, tasks | {VERDICT: Place(VERDICT, "outcome", ())})


def _edges(id_: str, task: FlowTask) -> dict[str, Place]:
    """The tasks of the edges of one that chooses among them."""
    found = {}
    for edge in task.edges:
        inner = re.sub(r"\.?(rule[0-9]+|next)\.[0-9]+$", "", edge.label)
        source = task.step if not inner else step_of(inner) or task.step
        own = edge_task_id(id_, edge.label)
        found[own] = Place(own, "edge", (Part(source, edge.first, edge.last),), edge.label, (edge.target,))
    return found


def _units(text: str, name: str, flow: dict[str, FlowTask]) -> dict[str, StepTask]:
    """How this noetl lays the playbook out; nothing where it would do so otherwise than the file."""
    workflow = compile_source(text, name, check=False).workflow
    if workflow is None:
        return {}
    tasks = {task.task_id: task for task in lay_out(workflow, plan(workflow)).steps}
    same = {id_: task.lines for id_, task in tasks.items()} == {id_: (t.first, t.last) for id_, t in flow.items()}
    return tasks if same else {}


def _constants(content: str) -> dict[str, str]:
    """The texts that the file gives names to, and those that it gives to `Playbook` and `DAG`."""
    found: dict[str, str] = {}
    for node in ast.parse(content).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="PLAYBOOK" | "FLOW" as name)], value=ast.Constant(value=str(text))):
                found[name] = text
            case ast.Assign(value=ast.Call(func=ast.Name(id="Playbook"), keywords=keywords)):
                found |= _texts(keywords, "file")
            case ast.With(items=[ast.withitem(context_expr=ast.Call(func=ast.Name(id="DAG"), keywords=keywords))]):
                found |= _texts(keywords, "dag_id")
    return found


def _texts(keywords: list[ast.keyword], name: str) -> dict[str, str]:
    for keyword in keywords:
        match keyword:
            case ast.keyword(arg=str(arg), value=ast.Constant(value=str(text))) if arg == name:
                return {name: text}
    return {}
