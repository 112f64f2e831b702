"""The playbook around its steps: its version, its metadata, and the steps that it lacks."""

from __future__ import annotations

from typing import Final

from noetl.compiler import ir
from noetl.compiler.document.v1 import API
from noetl.compiler.findings import quoted
from noetl.compiler.formatting.tree import Branch, Entry, Leaf, Sheet, Tree, copied
from noetl.diagnostics import Span

from .notes import ADDED_STEP, WRITTEN_OUT
from .parts import Notebook, item, items, keeping_comments, mapping, maps, name_of, pair, string, word
from .routing import step_name
from .steps import Steps

KEYS: Final = frozenset(
    (
        *("apiVersion", "kind", "metadata", "workload", "keychain", "workbook", "workflow"),
        *("executor", "tracing", "spec"),
    )
)
METADATA: Final = frozenset({"name", "path", "version", "description", "labels", "tags", "author"})


def rewrite(sheet: Sheet, notebook: Notebook) -> None:
    """Rewrite a playbook in place."""
    root = sheet.root
    with keeping_comments(root):
        _write_out(root, notebook)
        _top(root, notebook)
        steps = Steps(notebook)
        for task in maps(root.get("workbook")):
            with keeping_comments(task):
                steps.task(task)
        for step in maps(root.get("workflow")):
            with keeping_comments(step):
                steps.step(step)
        _complete(root, notebook)
    steps.note_results(root)


def _write_out(root: Branch, notebook: Notebook) -> None:
    """Put what an alias stands for in its place: entries move, and what an alias names has to come before it."""
    anchors: dict[str, Tree] = {}
    waiting: list[Tree] = [root]
    while waiting:
        one = waiting.pop()
        anchor = next((p[1:] for p in one.properties.split() if p[0] == "&"), None)
        if anchor is not None:
            anchors[f"*{anchor}"] = one
            one.properties = " ".join(p for p in one.properties.split() if p[0] != "&")
        for entry in reversed(one.entries) if isinstance(one, Branch) else ():
            value = entry.value
            if isinstance(value, Leaf) and value.style == "alias" and value.text in anchors:
                message = f"the alias {quoted(value.text)} is written out"
                notebook.note(WRITTEN_OUT, message, value.span)
            waiting.append(entry.value)
    _replace(root, anchors)


def _replace(root: Branch, anchors: dict[str, Tree]) -> None:
    waiting = [root]
    while waiting:
        for entry in waiting.pop().entries:
            if isinstance(entry.value, Leaf) and entry.value.style == "alias" and entry.value.text in anchors:
                entry.value = copied(anchors[entry.value.text])
            if isinstance(entry.value, Branch):
                waiting.append(entry.value)


def _top(root: Branch, notebook: Notebook) -> None:
    """`apiVersion`, `kind`, and what stood beside `metadata`."""
    version, kind, metadata = root.entry("apiVersion"), root.entry("kind"), root.entry("metadata")
    moved: list[Entry] = []
    kept: list[Entry] = []
    loose: list[str] = []
    for entry in root.entries:
        name = name_of(entry)
        if entry is version:
            kept.append(pair("apiVersion", word(API, entry.value.span), entry))
        elif name in KEYS:
            kept.append(entry)
        elif name in METADATA and metadata is None:
            moved.append(entry)
        else:
            loose += notebook.as_comment(entry, "the playbook")
    root.entries = kept
    if moved:
        root.entries.append(pair("metadata", mapping(moved, root.span)))
    if kind is None:
        root.entries.insert(0, pair("kind", word("Playbook", root.span)))
    if version is None:
        root.entries.insert(0, pair("apiVersion", word(API, root.span)))
    root.tail = [*loose, *root.tail]


def _complete(root: Branch, notebook: Notebook) -> None:
    """Rule 7: a step for each name that a transition leads to, as v1 ended a branch there; and a `start`."""
    workflow = root.get("workflow")
    if not isinstance(workflow, Branch) or workflow.is_map:
        return
    steps = maps(workflow)
    names = [name for step in steps if (name := string(step.get("step")))]
    targets = _targets(steps)
    for name, span in targets:
        if name not in (*names, ir.START) and "{" not in name:
            names.append(name)
            workflow.entries.append(_missing(name, span, workflow, notebook))
    wanted = names or [name for name, _ in targets if name == ir.START]
    if wanted and ir.START not in names:
        place = steps[0].entry("step")
        span = place.value.span if place else workflow.span
        pairs = [pair("step", word(ir.START, span))]
        message = 'there is no step "start"; one that does nothing was added'
        if names:
            message = f'there is no step "start"; one that leads to {quoted(names[0])} was added'
            pairs.append(pair("next", word(names[0], span)))
        notebook.note(ADDED_STEP, message, span)
        workflow.entries.insert(0, item(mapping(pairs, span)))


def _missing(name: str, span: Span, workflow: Branch, notebook: Notebook) -> Entry:
    """A step without a tool; of `end` nothing is said."""
    if name != ir.END:
        message = f"no step is called {quoted(name)}; one that does nothing was added"
        hint = "v1 ended the branch there; correct the name or give the step a tool"
        notebook.note(ADDED_STEP, message, span, hint)
    made = item(mapping([pair("step", word(name, span))], span))
    made.above = [""] if any("" in entry.above for entry in workflow.entries) else []
    return made


def _targets(steps: list[Branch]) -> list[tuple[str, Span]]:
    """What every `next` leads to, and where."""
    found: list[tuple[str, Span]] = []
    for step in steps:
        following = [step.get("next")]
        for rule in maps(step.get("case")):
            then = rule.get("then")
            blocks = [then] if isinstance(then, Branch) and then.is_map else [e.value for e in items(then)]
            following += [block.get("next") for block in blocks if isinstance(block, Branch)]
        for one in following:
            found += [(name.text, name.span) for entry in items(one) if (name := step_name(entry.value))]
    return found
