"""NTL216: names that `assert` declares, against what is passed and read (DOC-10)."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import document, ir
from noetl.compiler.calling import callers
from noetl.compiler.checked import Checked, of_step
from noetl.compiler.findings import close_to, listed, quoted
from noetl.compiler.nodes import Scalar
from noetl.compiler.passes.facts import OutcomeRead
from noetl.diagnostics import Diagnostic, Related, Severity, kind

KIND = kind("NTL216", "assert-mismatch", Severity.WARNING, 'a name that "assert" declares otherwise')
_FORGIVING = frozenset(("data", "result", "status"))
"""What TPL-9 reads of any result, or a result may hold around its data."""


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name of the workbook task, or the one that is declared, where no arg has it; at the read of a part that
    is not declared to be returned."""
    if not playbook.sound:
        return
    yield from _expected(playbook)
    seen: set[object] = set()
    tasks = {task.name: task for task in reversed(playbook.workflow.tasks)}
    for outcome in playbook.facts.outcomes:
        found = _unreturned(playbook, outcome, _returns(tasks, outcome))
        if found is not None and found.span not in seen:
            seen.add(found.span)
            yield found


def _expected(playbook: Checked) -> Iterator[Diagnostic]:
    tools = {spec.step.text: spec.tool for spec in playbook.document.workflow}
    tasks = {task.name.text: task for task in reversed(playbook.document.workbook)}
    for caller in callers(playbook.workflow, playbook.facts):
        if caller.given is None:
            continue
        given = caller.given.args | {caller.given.iterator or ""}
        own = tools.get(caller.step.name)
        for name in _declared(own.asserted if own is not None else None):
            if name.text not in given:
                message = f"{of_step(caller.step)} declares that it expects {quoted(name.text)}, which nothing passes"
                yield playbook.found(KIND, message, name.span, hint=close_to(name.text, given))
        task = tasks.get(caller.task.name) if caller.task is not None else None
        names = caller.step.tool.fields.get("name") if caller.step.tool is not None else None
        if task is None or names is None:
            continue
        for name in (*_declared(task.asserted), *_declared(task.tool.asserted)):
            if name.text not in given:
                message = f"{of_step(caller.step)} does not pass {quoted(name.text)}, which the task expects"
                related = (Related("it is declared here", name.span),)
                yield playbook.found(KIND, message, names.span, hint=close_to(name.text, given), related=related)


def _declared(asserted: document.Assert | None) -> tuple[Scalar, ...]:
    return asserted.expects if asserted is not None else ()


def _unreturned(playbook: Checked, outcome: OutcomeRead, returns: tuple[str, ...]) -> Diagnostic | None:
    path = list(outcome.path)
    while path and path[0] in _FORGIVING and path[0] not in returns:
        path.pop(0)
    read, site = outcome.read, outcome.site
    if not returns or not path or not isinstance(path[0], str) or path[0] in returns or read.guard is not None:
        return None
    message = f"{of_step(outcome.step)} does not declare that it returns {quoted(path[0])}; declared: {listed(returns)}"
    dotted = ".".join(map(str, (read.name, *read.path)))
    length = len(dotted) if site.value.source.startswith(dotted, read.offset) else len(read.name)
    place = site.value.place(read.offset, read.offset + length)
    return playbook.found(KIND, message, place, hint=close_to(path[0], returns))


def _returns(tasks: dict[str, ir.Task], outcome: OutcomeRead) -> tuple[str, ...]:
    """What the step's tool, or the workbook task that it names, declares."""
    tool = outcome.step.tool
    if outcome.shape != "tool" or tool is None:
        return ()
    name = tool.fields.get("name")
    if tool.kind == "workbook" and isinstance(name, ir.Const) and isinstance(name.value, str):
        task = tasks.get(name.value)
        return tool.returns or (task.returns if task is not None else ())
    return tool.returns
