"""Which names a template can read where the cursor is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from noetl.compiler import frontend, ir, passes, source
from noetl.compiler.checked import Checked
from noetl.compiler.expr.scan import Read
from noetl.compiler.language import kinds, names
from noetl.compiler.passes.facts import Facts, Site
from noetl.compiler.scoping import Scopes
from noetl.diagnostics import Severity

_MARK: Final = "noetl_cursor"
_IN_WORKLOAD: Final = ("payload", "execution_id", "job", "env")
"""RUN-1."""


@dataclass(frozen=True, slots=True)
class Here:
    """The template at the cursor, in a playbook that can be read."""

    site: Site
    workflow: ir.Workflow
    facts: Facts
    scopes: Scopes

    @property
    def step(self) -> ir.Step | None:
        """The step that the template belongs to."""
        return self.site.step


def here(text: str, start: int, offset: int, path: str) -> Here | None:
    """The template whose last name, from `start` on, is being typed at `offset`; None where that cannot be told."""
    line = text[max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1 : start]
    for closing in _closings(line):
        found = _read(f"{text[:start]}{_MARK}{closing}{text[offset:]}", path)
        if found is not None:
            return found
    return None


def _closings(line: str) -> Iterator[str]:
    """What may be missing behind a template on a line: its braces, its quote, brackets of flow style around it."""
    quote, brackets = "", ""
    for sign, before in zip(line, f" {line}", strict=False):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and before in " [{,:":
            quote = sign
        elif sign in "{[":
            brackets = {"{": "}", "[": "]"}[sign] + brackets
        elif sign in "}]":
            brackets = brackets[1:]
    tried = ((braces, end, outer) for outer in ("", brackets) for end in ("", quote) for braces in ("", " }}"))
    yield from dict.fromkeys("".join(parts) for parts in tried)


def _read(text: str, path: str) -> Here | None:
    parsed = source.parse(text, path)
    if parsed.root is None:
        return None
    compiled = frontend.compile_source(text, path, check=False)
    if compiled.document is None or compiled.workflow is None:
        return None
    facts = passes.analyse(compiled.workflow)
    site = next((s for s in facts.sites if any(read.name == _MARK for read in s.reads)), None)
    if site is None:
        return None
    refused = any(found.severity is Severity.ERROR for found in compiled.diagnostics)
    checked = Checked(path, text, parsed.root, compiled.document, compiled.workflow, facts, refused)
    return Here(site, compiled.workflow, facts, Scopes(checked))


def readable(at: Here) -> Iterator[tuple[str, str]]:
    """Each name that may be bound at the template, with what it is."""
    if at.site.part == "workload":
        for name in _IN_WORKLOAD:
            yield name, (names.ROOTS.get(name) or names.PAYLOAD).about
        return
    for name, about in _candidates(at):
        if name.isidentifier() and _bound(at, name):
            yield name, about


def _candidates(at: Here) -> Iterator[tuple[str, str]]:
    told = {name: root.about for name, root in names.ROOTS.items()}
    for step in at.workflow.steps:
        told.setdefault(step.name, f"The result of step {step.name}.")
        if step is at.step and step.loop is not None:
            told.setdefault(step.loop.iterator, "The item of the loop.")
    for name in sorted(at.facts.names.stored):
        told.setdefault(name, "A name of the store.")
    for name in sorted(args(at)):
        told.setdefault(name, "An entry of args.")
    yield from told.items()


def _bound(at: Here, name: str) -> bool:
    read = Read(name, (), 0, None, True)
    return next(at.scopes.unbound(replace(at.site, reads=(read,))), None) is None


def args(at: Here) -> set[str]:
    """The entries of `args` that the step of the template can have."""
    if at.step is None:
        return set()
    found = {name for name, _ in at.step.args.entries}
    for edge in at.facts.graph.arriving.get(at.step.name, ()):
        found |= {name for name, _ in edge.args.entries}
    return found


def members(at: Here | None, workflow: ir.Workflow | None, path: tuple[str, ...]) -> list[str]:
    """What can follow `path` and a dot, as far as it is known."""
    root, *rest = path
    flow = at.workflow if at is not None else workflow
    if root == "workload" and flow is not None:
        return _keys(flow.workload, rest)
    if rest:
        return []
    if root in ("ctx", "vars") and at is not None:
        return sorted(at.facts.names.stored)
    if root == "args" and at is not None:
        return sorted(args(at))
    if root == "steps" and flow is not None:
        return [step.name for step in flow.steps if step.name.isidentifier()]
    known = names.ROOTS.get(root)
    if known is not None and known.members:
        return list(known.members)
    return _response(at, flow, root)


def _response(at: Here | None, flow: ir.Workflow | None, root: str) -> list[str]:
    step = at.step if at is not None and root in ("response", "result", "this") else None
    if step is None and flow is not None:
        step = next((one for one in flow.steps if one.name == root), None)
    if step is None or step.tool is None or (step.loop is not None and step.name == root):
        return ["results", "stats"] if step is not None and step.loop is not None else []
    text = kinds.TEXTS.get(step.tool.kind)
    return list(text.response) if text is not None else []


def _keys(value: ir.Value, rest: list[str]) -> list[str]:
    if isinstance(value, ir.Const):
        found: ir.Json = value.value
        for name in rest:
            found = found.get(name) if isinstance(found, dict) else None
        return list(found) if isinstance(found, dict) else []
    if not isinstance(value, ir.MapValue):
        return []
    if not rest:
        return [name for name, _ in value.entries]
    inner = value.get(rest[0])
    return _keys(inner, rest[1:]) if inner is not None else []
