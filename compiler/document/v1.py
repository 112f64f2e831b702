"""What a v2 playbook must not hold any more: whole documents that are refused, and leftovers of v1 (DOC-1, DOC-6).

Each leftover is reported once, with its v2 spelling, and rewritten as well as can be, so that the checks see the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from noetl.compiler.findings import (
    LOCAL_DIALECT,
    V1_ITERATOR,
    V1_NEXT,
    V1_PLAYBOOK,
    V1_SAVE,
    V1_STEP_WHEN,
    V1_TOOL_STRING,
    V1_TYPE,
    WRONG_API_VERSION,
    WRONG_TYPE,
    Findings,
    described,
    is_null,
    quoted,
    string_of,
)
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.tools import LOCAL_KINDS, tool_kind
from noetl.diagnostics import Span

API: Final = "noetl.io/v2"
V1_API: Final = "noetl.io/v1"
STEP_KEYS: Final = frozenset({"step", "desc", "args", "tool", "loop", "case", "next", "sink", "vars", "join"})
"""DOC-5."""
_MIGRATE: Final = "noetl migrate rewrites v1 playbooks"
_NEXT_KEYS: Final = {
    "when": 'write a rule in "case"',
    "then": 'write a rule in "case"',
    "else": 'write a rule in "case" that comes last',
    "with": 'write "args"',
    "data": 'write "args"',
}
_LOOP_KEYS: Final = {"collection": "in", "element": "iterator"}


def refused_whole(root: Node, findings: Findings) -> bool:
    """Whether the document is no v2 playbook at all; then one diagnostic says why, and nothing else is worth saying."""
    if not isinstance(root, Map):
        message = f"a playbook is a mapping, this document is {described(root)}"
        findings.add(WRONG_TYPE, message, root.span, hint=f'a playbook starts with "apiVersion: {API}"')
        return True
    local = next(_local(root), None)
    if local is not None:
        subject, span = local
        message = f"{subject} belongs to the local shell dialect, which is not the language of {API}"
        findings.add(LOCAL_DIALECT, message, span, hint="run it with the tool that it was written for")
        return True
    api = root.get("apiVersion")
    if string_of(api) == V1_API and api is not None:
        message = f"{quoted(V1_API)} is no longer supported; allowed: {API}"
        findings.add(V1_PLAYBOOK, message, api.span, hint=f'run "noetl migrate" on it: it writes the {API} form')
        return True
    if (
        (string_of(api) or "").startswith("noetl.io/")
        or string_of(root.get("kind")) == "Playbook"
        or root.get("workflow")
    ):
        return False
    key = root.key("apiVersion") or (root.entries[0][0] if root.entries else None)
    shown = f"its apiVersion is {quoted(api.text)}" if isinstance(api, Scalar) else 'it has no key "apiVersion"'
    span = api.span if isinstance(api, Scalar) else key.span if key else root.span
    message = f'this document is not a playbook: {shown}, it has no key "workflow"'
    findings.add(WRONG_API_VERSION, message, span, hint=f'a playbook has "apiVersion: {API}" and "kind: Playbook"')
    return True


def _local(root: Map) -> Iterator[tuple[str, Span]]:
    """Marks of the local shell dialect, as subject and place."""
    executor = root.get("executor")
    profile = executor.get("profile") if isinstance(executor, Map) else None
    if profile is not None and string_of(profile) == "local":
        yield '"profile: local" of "executor"', profile.span
    for key, item in (("workflow", "step"), ("workbook", "name")):
        listed = root.get(key)
        for owner in listed.items if isinstance(listed, Seq) else ():
            if isinstance(owner, Map):
                name = string_of(owner.get(item)) or "?"
                yield from _local_tools(owner, f"step {quoted(name)}" if item == "step" else f"task {quoted(name)}")


def _local_tools(owner: Map, label: str) -> Iterator[tuple[str, Span]]:
    for holder in _tool_holders(owner):
        tool = holder.get("tool")
        kind = tool.get("kind") if isinstance(tool, Map) else tool
        if kind is not None and string_of(kind) in LOCAL_KINDS:
            yield f"the tool kind {quoted(string_of(kind) or '')} of {label}", kind.span


def _tool_holders(owner: Map) -> Iterator[Map]:
    """The step or workbook task itself and every sink in it."""
    yield owner
    sinks = [owner.get("sink")]
    case = owner.get("case")
    for rule in case.items if isinstance(case, Seq) else ():
        then = rule.get("then") if isinstance(rule, Map) else None
        for block in then.items if isinstance(then, Seq) else [then]:
            sinks += [value for key, value in block.entries if key.text == "sink"] if isinstance(block, Map) else []
    yield from (sink for sink in sinks if isinstance(sink, Map))


def v2_owner(owner: Map, label: str, own: frozenset[str], findings: Findings, *, step: bool) -> Map:
    """A step or workbook task without its v1 leftovers: `type`, `save`, and of steps `when` and `tool` as a string."""
    entries: list[tuple[Scalar, Node]] = []
    tool: tuple[Scalar, Scalar] | None = None
    beside = owner.get("tool")
    for key, value in owner.entries:
        name = key.text
        if name == "type" and isinstance(value, Scalar):
            _refuse_type(key, value, label, findings)
            tool = (key, value) if beside is None and string_of(value) is not None else tool
        elif name == "tool" and step and isinstance(value, Scalar) and string_of(value) is not None:
            _refuse_tool(value, label, findings)
            tool = (key, value)
        elif name == "when" and step:
            message = f'"when" in {label} is v1 spelling; v2 has rules in "case", each with "when" and "then"'
            findings.add(V1_STEP_WHEN, message, key.span, hint=_MIGRATE)
        elif name == "save":
            _refuse_save(key, label, findings)
        else:
            entries.append((key, value))
    if tool is None:
        return Map(entries, owner.span)
    # The fields of a v1 tool stand beside it; what is no field of it is part of the v1 form, too.
    known = tool_kind(tool[1].text)
    fields = [(k, v) for k, v in entries if k.text not in own and known.knows(known.canonical(k.text))]
    entries = [(k, v) for k, v in entries if k.text in own]
    if tool[1].text == "iterator":
        return Map([(k, v) for k, v in entries if k.text not in ("loop", "sink")], owner.span)
    kind_key = Scalar("kind", "kind", "plain", tool[1].span)
    entries.append((Scalar("tool", "tool", "plain", tool[0].span), Map([(kind_key, tool[1]), *fields], tool[1].span)))
    return Map(entries, owner.span)


def v2_tool(tool: Map, label: str, findings: Findings) -> Map:
    """A tool without `type` for `kind`, without `save`, and without the kind `iterator`."""
    entries: list[tuple[Scalar, Node]] = []
    for key, value in tool.entries:
        name = key.text
        if name == "type" and tool.get("kind") is None and isinstance(value, Scalar):
            _refuse_type(key, value, f'"tool" of {label}', findings)
            kind = value if string_of(value) is not None else Scalar("", "", "plain", value.span)
            entries.append((Scalar("kind", "kind", key.style, key.span), kind))
        elif name == "save":
            _refuse_save(key, f'"tool" of {label}', findings)
        elif name == "kind" and string_of(value) == "iterator":
            _refuse_iterator(value.span, label, findings)
            entries.append((key, Scalar("", "", "plain", value.span)))
        else:
            entries.append((key, value))
    return Map(entries, tool.span)


def v2_next(value: Node, label: str, findings: Findings) -> Node:
    """A `next` whose entries hold `when`, `then`, `else`, `with` or `data`: their targets as plain entries."""
    items = value.items if isinstance(value, Seq) else [value]
    if not any(isinstance(item, Map) and _v1_key(item) for item in items):
        return value
    targets: list[Node] = []
    for item in items:
        key = _v1_key(item) if isinstance(item, Map) else None
        if key is None or not isinstance(item, Map):
            targets.append(item)
            continue
        name = key.text
        message = f'{quoted(name)} in "next" of {label} is v1 spelling; {_NEXT_KEYS[name]}'
        findings.add(V1_NEXT, message, key.span, hint=_MIGRATE)
        targets += _targets(item)
    return Seq(targets, value.span)


def _v1_key(entry: Map) -> Scalar | None:
    return next((key for key, _ in entry.entries if key.text in _NEXT_KEYS), None)


def _targets(entry: Map) -> list[Node]:
    found: list[Node] = []
    for key, value in entry.entries:
        match key.text:
            case "step":
                args = next((v for k, v in entry.entries if k.text in ("args", "with", "data")), None)
                named = [(Scalar("args", "args", "plain", value.span), args)] if isinstance(args, Map) else []
                found.append(Map([(key, value), *named], entry.span))
            case "then" | "else":
                items = value.items if isinstance(value, Seq) else [value]
                found += [
                    Map([(k, v) for k, v in i.entries if k.text in ("step", "args")], i.span)
                    if isinstance(i, Map)
                    else i
                    for i in items
                    if not is_null(i)
                ]
    return found


def v2_loop(loop: Map, label: str, findings: Findings) -> Map:
    """A loop without the keys of a v1 iterator."""
    entries: list[tuple[Scalar, Node]] = []
    for key, value in loop.entries:
        name = key.text
        new = _LOOP_KEYS.get(name)
        if new and loop.get(new) is None:
            message = f'{quoted(name)} in "loop" of {label} is v1 spelling; write "{new}"'
            findings.add(V1_ITERATOR, message, key.span, hint=_MIGRATE)
            entries.append((Scalar(new, new, key.style, key.span), value))
        else:
            entries.append((key, value))
    return Map(entries, loop.span)


def _refuse_type(key: Scalar, value: Scalar, label: str, findings: Findings) -> None:
    if value.text == "iterator":
        _refuse_iterator(value.span, label, findings)
        return
    spelling = quoted(f"tool: {{kind: {value.text}}}")
    message = f'"type" in {label} is v1 spelling; write {spelling}, the fields beside "kind"'
    findings.add(V1_TYPE, message, key.span, hint=_MIGRATE)


def _refuse_tool(value: Scalar, label: str, findings: Findings) -> None:
    if value.text == "iterator":
        _refuse_iterator(value.span, label, findings)
        return
    message = f'"tool" of {label} is a string, which is v1 spelling; write "tool" as a mapping with "kind"'
    findings.add(V1_TOOL_STRING, message, value.span, hint=_MIGRATE)


def _refuse_iterator(span: Span, label: str, findings: Findings) -> None:
    message = f'the iterator in {label} is v1 spelling; write "loop: {{in, iterator, mode}}" beside "tool"'
    findings.add(V1_ITERATOR, message, span, hint=_MIGRATE)


def _refuse_save(key: Scalar, label: str, findings: Findings) -> None:
    message = f'"save" in {label} is v1 spelling; write "sink"'
    findings.add(V1_SAVE, message, key.span, hint=_MIGRATE)
