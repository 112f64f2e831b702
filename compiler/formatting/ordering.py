"""The order of keys, where it means nothing: that in which a reader, and a run, comes to them.

What has a meaning keeps its order: the entries of `args`, `set`, `vars` and `workload`, the actions of `then`, and the
fields of a tool, which are rendered as they come. Keys that the language does not have stay behind the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .tree import Branch, Entry, Leaf, Sheet, Tree, leaves

PLAYBOOK: Final = (
    *("apiVersion", "kind", "metadata", "executor", "tracing", "spec"),
    *("workload", "keychain", "workbook", "workflow"),
)
METADATA: Final = ("name", "path", "version", "description", "labels", "tags")
SECRET: Final = ("name", "kind")
STEP: Final = ("step", "desc", "join", "args", "loop", "tool", "vars", "sink", "case", "next")
"""Arrival, call, outcome, exit (section 4 of the semantics)."""
TASK: Final = ("name", "desc", "assert", "tool", "sink")
NESTING: Final = ("name", "desc", "assert", "sink", "tool")
"""Of a task whose `tool` is a string: what belongs under `tool` comes behind it."""
LOOP: Final = ("in", "iterator", "mode", "max_in_flight")
RULE: Final = ("when", "then")
TRANSITION: Final = ("step", "args")
ASSERT: Final = ("expects", "returns")
ACTIONS: Final = {
    "collect": ("from", "strategy", "path", "into", "mode"),
    "retry": ("max_attempts", "initial_delay", "backoff_multiplier", "max_delay"),
    "fail": ("message", "fail_workflow"),
}


def arrange(sheet: Sheet) -> None:
    """Put the keys of a playbook in order; one that uses an alias stays, as what it refers to has to come before."""
    if any(leaf.style == "alias" for leaf in leaves(sheet.root)):
        return
    root = sheet.root
    _sort(root, PLAYBOOK)
    _sort(root.get("metadata"), METADATA)
    for secret in _items(root.get("keychain")):
        _sort(secret, SECRET)
    for task in _items(root.get("workbook")):
        _sort(task, NESTING if isinstance(task.get("tool"), Leaf) else TASK)
        _tools(task)
    for step in _items(root.get("workflow")):
        _step(step)


def _step(step: Branch) -> None:
    _sort(step, STEP)
    _tools(step)
    _sort(step.get("loop"), LOOP)
    _next(step.get("next"))
    for rule in _items(step.get("case")):
        _sort(rule, RULE)
        then = rule.get("then")
        for block in [then] if isinstance(then, Branch) and then.is_map else _items(then):
            _actions(block)


def _actions(block: Branch) -> None:
    for entry in block.entries:
        name = entry.key.text if entry.key else ""
        if name in ACTIONS:
            _sort(entry.value, ACTIONS[name])
        elif name == "next":
            _next(entry.value)
        elif name == "sink":
            _sort(entry.value, ("tool",))
            _tool(entry.value)


def _tools(owner: Branch) -> None:
    """The tool and the sink of a step or task."""
    _tool(owner)
    sink = owner.get("sink")
    _sort(sink, ("tool",))
    _tool(sink)
    _sort(owner.get("assert"), ASSERT)


def _tool(owner: Tree | None) -> None:
    tool = owner.get("tool") if isinstance(owner, Branch) else None
    if isinstance(tool, Branch):
        _sort(tool, ("kind",))
        _sort(tool.get("assert"), ASSERT)


def _next(value: Tree | None) -> None:
    for entry in [value] if isinstance(value, Branch) and value.is_map else _items(value):
        _sort(entry, TRANSITION)


def _items(value: Tree | None) -> Iterator[Branch]:
    """The maps of a list."""
    if isinstance(value, Branch) and not value.is_map:
        yield from (e.value for e in value.entries if isinstance(e.value, Branch) and e.value.is_map)


def _sort(value: Tree | None, order: tuple[str, ...]) -> None:
    if not isinstance(value, Branch) or not value.is_map:
        return
    places = {name: place for place, name in enumerate(order)}

    def place(entry: Entry) -> int:
        return places.get(entry.key.text if entry.key else "", len(order))

    value.entries.sort(key=place)
