"""NTL408: paging that leaves out its last page (COL-1, CALL-1, RET-5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from noetl.compiler import ir
from noetl.compiler.checked import Checked, of_step
from noetl.compiler.expr import analysis
from noetl.compiler.findings import quoted
from noetl.compiler.passes.facts import Moment, Site
from noetl.diagnostics import Diagnostic, Severity, Span, kind

KIND = kind("NTL408", "last-page-not-collected", Severity.WARNING, "paging that does not collect its last page")
_WORKED: Final[Moment] = ("call.done", "worked")
_OUTCOME: Final = frozenset(("response", "result", "this"))


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the `collect` beside a further call, where nothing else of the step writes the same name."""
    if not playbook.sound:
        return
    readers: dict[str, list[Site]] = {}
    for outcome in playbook.facts.outcomes:
        if outcome.read.name in _OUTCOME:
            readers.setdefault(outcome.step.name, []).append(outcome.site)
    for step in playbook.workflow.steps:
        writing = Counter(name for rule in step.rules for name in _written(rule))
        if step.vars is not None:
            writing.update(name for name, _ in step.vars.entries)
        for firing in playbook.facts.firings[step.span]:
            paging = isinstance(firing.rule.control, ir.Call | ir.Page)
            if not paging or _WORKED not in firing.may or _WORKED in firing.sure or firing.behind:
                continue
            for name, span in _collected(firing.rule):
                others = (site for site in readers.get(step.name, ()) if site.rule is not firing.rule)
                if writing[name] == 1 and not any(_reads(site, name) for site in others):
                    message = (
                        f"the last page of {of_step(step)} is not collected into {quoted(name)}: "
                        "this rule does not fire for it, and no other one collects it"
                    )
                    hint = 'add a rule for the last page, with the same "collect"'
                    yield playbook.found(KIND, message, span, hint=hint)


def _collected(rule: ir.Rule) -> Iterator[tuple[str, Span]]:
    """The names into which a rule collects something of the response."""
    for action in rule.data:
        match action:
            case ir.CollectPath():
                yield action.into, action.span
            case ir.Collect() if _reads_outcome(action.source):
                yield action.into, action.span


def _reads_outcome(source: ir.Expression) -> bool:
    return not _OUTCOME.isdisjoint(analysis.names(source.source, False))


def _written(rule: ir.Rule) -> set[str]:
    """The names that a rule writes."""
    return {name for action in rule.data for name in _names(action)}


def _reads(site: Site, name: str) -> bool:
    """Whether a template that reads the response reads the name as well."""
    return any(
        read.name == name or (read.name in ("ctx", "vars") and read.path[:1] in ((), (name,))) for read in site.reads
    )


def _names(action: ir.DataAction) -> set[str]:
    if isinstance(action, ir.Collect | ir.CollectPath):
        return {action.into}
    return {name for name, _ in action.entries.entries} if isinstance(action, ir.Set) else set()
