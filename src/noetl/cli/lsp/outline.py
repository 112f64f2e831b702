"""The outline of a playbook: its sections, the steps with their rules, the tasks of the workbook."""

from __future__ import annotations

from typing import Final

from lsprotocol import types

from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.diagnostics import Span

from .playbooks import Playbook

_SHOWN: Final = 80
_NAMED: Final = {
    "workflow": ("step", types.SymbolKind.Function),
    "workbook": ("name", types.SymbolKind.Method),
    "keychain": ("name", types.SymbolKind.Key),
}
"""Lists of the top level: the key of an entry's name, and what an entry is."""


def symbols(playbook: Playbook) -> list[types.DocumentSymbol]:
    """One symbol for each key of the top level, with what is inside."""
    root = playbook.root
    if not isinstance(root, Map) or not playbook.is_playbook:
        return []
    return [_section(playbook, key, value) for key, value in root.entries]


def _section(playbook: Playbook, key: Scalar, value: Node) -> types.DocumentSymbol:
    children: list[types.DocumentSymbol] = []
    if key.text in _NAMED and isinstance(value, Seq):
        name, kind = _NAMED[key.text]
        children = [_entry(playbook, item, name, kind) for item in value.items if isinstance(item, Map)]
    elif isinstance(value, Map):
        children = [
            _symbol(playbook, inner.text, types.SymbolKind.Field, inner.span, _joined(inner.span, item.span))
            for inner, item in value.entries
        ]
    whole = _joined(key.span, value.span)
    made = _symbol(playbook, key.text, types.SymbolKind.Namespace, key.span, whole)
    made.children = children
    return made


def _entry(playbook: Playbook, entry: Map, name_key: str, kind: types.SymbolKind) -> types.DocumentSymbol:
    name, tool = entry.get(name_key), entry.get("tool")
    shown = name.text if isinstance(name, Scalar) else "?"
    place = name.span if isinstance(name, Scalar) else entry.span
    made = _symbol(playbook, shown, kind, place, _joined(entry.span, place))
    called = tool.get("kind") if isinstance(tool, Map) else tool
    made.detail = called.text if isinstance(called, Scalar) else None
    case = entry.get("case")
    rules = case.items if isinstance(case, Seq) else []
    made.children = [_rule(playbook, rule) for rule in rules if isinstance(rule, Map)]
    return made


def _rule(playbook: Playbook, rule: Map) -> types.DocumentSymbol:
    when = rule.get("when")
    shown = " ".join(when.text.split())[:_SHOWN] if isinstance(when, Scalar) else "?"
    place = when.span if isinstance(when, Scalar) else rule.span
    return _symbol(playbook, shown, types.SymbolKind.Event, place, _joined(rule.span, place))


def _symbol(playbook: Playbook, name: str, kind: types.SymbolKind, place: Span, whole: Span) -> types.DocumentSymbol:
    text = playbook.text
    return types.DocumentSymbol(name or '""', kind, text.range(whole), text.range(place))


def _joined(first: Span, second: Span) -> Span:
    """The smallest span that holds both."""
    start = min((first.line, first.column), (second.line, second.column))
    end = max((first.end_line, first.end_column), (second.end_line, second.end_column))
    return Span(*start, *end)
