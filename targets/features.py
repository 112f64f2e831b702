"""What a playbook asks of a target: the features that tables of capabilities speak of, and where it uses them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from noetl.compiler import ir
from noetl.compiler.findings import quoted
from noetl.compiler.parts import tools_of_step, tools_of_task
from noetl.compiler.passes.facts import Facts
from noetl.compiler.tools import KINDS, plugged
from noetl.diagnostics import Diagnostic, Span
from noetl.errors import InternalError

from .base import Capability
from .children import overrides
from .regions import control_graph, fans_out

FEATURES: Final[Mapping[str, str]] = {
    "choice": "rules that lead to different steps; the first that fires decides (RUL-1, STP-7)",
    "fork": "a `next` with several entries (NXT-1)",
    "join-all": "`join: all`: one run for the tokens of all edges (STP-1)",
    "join-each": "`join: each`: one run per token (STP-1)",
    "many-copies": "more tokens at a `join: each` step than a plan makes copies",
    "cycle": "steps that lead back to themselves",
    "loop": "`loop` on a step (section 7)",
    "mapped-loop": "a parallel loop whose iterations are tasks, where `--map` asks for it (LOP-2, LOP-5)",
    "fan-out": "a `next` in the iterations of a loop: as many tokens as there are items (LOP-4)",
    "resume": "after a crash no call is made again whose outcome was kept (TOO-10)",
    "rules": "events, rules and data actions (sections 5 and 6)",
    "call-retry": "`call`, `retry` and paging (CALL, RET)",
    "handled-error": "an error that a rule handles (RUL-7)",
    "failure": "a failed run: no token, and joins below it never fire (RUN-6)",
    "dead-path": "`fail_workflow: false`, or no rule that matches (FAI-1, RUN-5)",
    "skip": "`skip` (SKP-1)",
    "store": "`set`, `collect`, `vars` and results of earlier steps (CAU-1, CAU-2)",
    "workload": "the workload and the request's payload (RUN-1)",
    "credentials": "credentials by name (TOO-6)",
    "script": "`script`: code or SQL from elsewhere (TOO-5)",
    **{f"tool-{name}": f"the tool or sink `{name}` (section 9)" for name in KINDS},
    "templated-playbook": "a sub-playbook whose path is a template (TOO-4)",
    "plug-in": "a tool or sink of a kind that an installed plug-in runs (TOO-8)",
}
"""Every feature, with what it is."""

_REFUSAL: Final = {"todo": "does not compile yet", "upstream": "cannot compile", "never": "does not compile"}


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a playbook uses a feature; `subject` is the start of a sentence about it."""

    feature: str
    subject: str
    span: Span


def used(workflow: ir.Workflow) -> Iterator[Use]:
    """The uses of features that targets may refuse, in the steps that `start` reaches and the tasks that these run."""
    facts = control_graph(workflow)
    for cycle in cycles(facts):
        trail = " -> ".join(quoted(name)[1:-1] for name in (cycle[0].source, *(edge.target for edge in cycle)))
        yield Use("cycle", f"the steps {trail} are a cycle", cycle[-1].span)
    tasks: dict[str, ir.Task] = {}
    for step in workflow.steps:
        if step.name not in facts.reach.from_start:
            continue
        subject = f"step {quoted(step.name)}"
        if step.loop:
            yield Use("fan-out" if fans_out(step) else "loop", f"{subject} has a loop", step.loop.span)
        for path in overrides(step):
            yield from _path_uses(subject, path)
        for tool in tools_of_step(step):
            yield from _tool_uses(subject, tool)
            tasks.update({task.name: task for task in _named_tasks(workflow, tool)})
    done: set[str] = set()
    while missing := [task for name, task in tasks.items() if name not in done]:
        for task in missing:
            done.add(task.name)
            for tool in tools_of_task(task):
                yield from _tool_uses(f"workbook task {quoted(task.name)}", tool)
                tasks.update({inner.name: inner for inner in _named_tasks(workflow, tool)})


def cycles(facts: Facts) -> Iterator[tuple[ir.Edge, ...]]:
    """For each group of steps that `start` reaches and that reach each other, the shortest way back to the first."""
    for number, group in enumerate(facts.components.members):
        if number in facts.components.cyclic and group[0] in facts.reach.from_start:
            yield _way_back(facts, group[0])


def _way_back(facts: Facts, step: str) -> tuple[ir.Edge, ...]:
    ways: dict[str, tuple[ir.Edge, ...]] = {step: ()}
    todo = deque([step])
    while todo:
        here = todo.popleft()
        for edge in facts.graph.leaving[here]:
            if edge.target == step:
                return (*ways[here], edge)
            if edge.target not in ways:
                ways[edge.target] = (*ways[here], edge)
                todo.append(edge.target)
    raise InternalError(f'step "{step}" is in a cycle without a way back')


def refusals(uses: Iterator[Use], target: str, table: tuple[Capability, ...], path: str) -> list[Diagnostic]:
    """A diagnostic for each use of a feature that the table refuses."""
    rows = {row.feature: row for row in table}
    return [made for use in uses if (made := refusal(use, target, rows[use.feature], path)) is not None]


def refusal(use: Use, target: str, row: Capability, path: str) -> Diagnostic | None:
    """The diagnostic of one use, or None if the row carries the feature."""
    if row.code is None or row.refusal is None:
        return None
    message = f'{use.subject}, which target "{target}" {_REFUSAL[row.refusal]}: {row.how}'
    return Diagnostic(row.code, message, use.span, path, hint=row.hint)


def _tool_uses(subject: str, tool: ir.Tool) -> Iterator[Use]:
    known = KINDS.get(tool.kind)
    plug_in = (known is None or not known.runner) and tool.kind in plugged()
    yield Use("plug-in" if plug_in else f"tool-{tool.kind}", f'{subject} has a tool of kind "{tool.kind}"', tool.span)
    if tool.kind == "playbook":
        yield from _path_uses(subject, tool.fields.get("path"))
    script = tool.fields.get("script")
    if script is not None:
        yield Use("script", f"{subject} takes its code from a script", script.span)


def _path_uses(subject: str, path: ir.Value | None) -> Iterator[Use]:
    if path is not None and not isinstance(path, ir.Const):
        yield Use("templated-playbook", f"{subject} runs the playbook of a path that is a template", path.span)


def _named_tasks(workflow: ir.Workflow, tool: ir.Tool) -> list[ir.Task]:
    """The workbook tasks that a tool may run: the one that it names, all where the name is a template."""
    if tool.kind != "workbook":
        return []
    name = tool.fields.get("name")
    if isinstance(name, ir.Const):
        task = workflow.task(str(name.value))
        return [task] if task else []
    return list(workflow.tasks)
