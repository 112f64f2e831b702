"""NTL215: an arg of python code with a `main` that does not take it (TOO-3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from noetl.compiler import ir
from noetl.compiler.calling import code_of, keys
from noetl.compiler.checked import Checked
from noetl.compiler.findings import close_to, quoted
from noetl.compiler.nodes import Map
from noetl.compiler.parts import tools_of_step
from noetl.compiler.passes.names import CODE
from noetl.compiler.signature import Signature
from noetl.diagnostics import Diagnostic, Severity, Span, kind

KIND = kind("NTL215", "unread-argument", Severity.WARNING, "an arg that main() does not take and nothing else reads")
_WHOLE: Final = frozenset(("args", "context", "input_data"))
"""Parameters that get all args, or hold them."""


def check(playbook: Checked) -> Iterator[Diagnostic]:
    """At the name of the arg: of the tool, or of the step where no template reads it either."""
    if not playbook.sound:
        return
    mains = {id(scalar): code.main for scalar, code in playbook.python}
    passed: dict[str, set[str]] = {}
    for (source, _, _), read in playbook.facts.names.edge_reads.items():
        passed.setdefault(source, set()).update(read)
    for step in playbook.workflow.steps:
        main = _closed(mains, step.tool)
        if step.tool is None or main is None:
            continue
        taken = {parameter.name for parameter in main.parameters}
        given = {*(keys(step.tool.fields.get("args")) or ()), *(name for name, _ in step.args.entries)}
        given |= {name for edge in playbook.facts.graph.arriving[step.name] for name, _ in edge.args.entries}
        known = given | ir.RESERVED | playbook.names | ({step.loop.iterator} if step.loop is not None else set())
        if any(parameter.required and parameter.name not in known for parameter in main.parameters):
            continue  # it may get all args
        listed = [*_places(step.tool.fields.get("args"))]
        if not _elsewhere(step, playbook.facts.names.reads[step.name] | passed.get(step.name, set())):
            listed += _places(step.args)
        for name, place in listed:
            if name not in taken:
                hint = close_to(name, taken)
                yield playbook.found(KIND, f"main() does not take the arg {quoted(name)}", place, hint=hint)


def _closed(mains: dict[int, Signature | None], tool: ir.Tool | None) -> Signature | None:
    """The signature of a main that gets nothing but what it names."""
    scalar = None if tool is None else code_of(tool)
    main = None if scalar is None else mains.get(id(scalar))
    if main is None or main.takes_any or any(parameter.name in _WHOLE for parameter in main.parameters):
        return None
    return main


def _elsewhere(step: ir.Step, read: frozenset[str]) -> bool:
    """Whether something besides the tool's code may read the step's args; `read` is what its templates read."""
    sinks = [tool for tool in tools_of_step(step) if tool is not step.tool]
    own = {name for name, _ in step.args.entries}
    return bool(own & read) or "args" in read or any(tool.kind in CODE or tool.kind == "workbook" for tool in sinks)


def _places(args: ir.Value | None) -> Iterator[tuple[str, Span]]:
    if isinstance(args, ir.MapValue) and args.keys:
        yield from zip((name for name, _ in args.entries), args.keys, strict=True)
    elif isinstance(args, ir.Const) and isinstance(args.origin, Map):
        yield from ((key.text, key.span) for key, _ in args.origin.entries)
