"""Facts of small workflows that are written as text."""

from __future__ import annotations

import textwrap

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.compiler.passes.facts import Facts

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: case}\n"


def facts_of(body: str) -> Facts:
    """The facts of the playbook with these parts; it may have errors that leave a workflow."""
    compiled = compile_source(HEAD + textwrap.dedent(body), "playbook.yaml")
    assert compiled.facts is not None
    return compiled.facts


def facts_of_graph(graph: dict[str, list[str]]) -> Facts:
    """The facts of steps without tools, each with one structural `next`."""
    steps = [f"  - step: {name}\n    next: [{', '.join(targets)}]\n" for name, targets in graph.items()]
    return facts_of("workflow:\n" + "".join(steps))


def shown(edges: tuple[ir.Edge, ...]) -> list[str]:
    """Edges as `source>target`, with the rule in brackets."""
    return [f"{e.source}>{e.target}" + ("" if e.rule is None else f"[{e.rule}]") for e in edges]
