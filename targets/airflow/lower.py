"""From a playbook to a DAG file: refuse, plan, verify, lay out, emit."""

from __future__ import annotations

from collections.abc import Iterator

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.diagnostics import Diagnostic, in_order
from noetl.errors import UnsupportedByTarget
from noetl.targets.base import Compiled, Source
from noetl.targets.features import refusals, used
from noetl.targets.plan import plan
from noetl.targets.requirements import requirements
from noetl.targets.verify import verify

from .capabilities import TABLE, UNKNOWN_PLAYBOOKS
from .emit import emit
from .explain import explain
from .layout import lay_out

NAME = "airflow"


def compile_playbook(source: Source) -> Compiled:
    """The DAG file of a playbook and the story of each step; UnsupportedByTarget with every reason if there is none."""
    if found := [diagnostic for file, workflow in _carried(source) for diagnostic in _refused(source, file, workflow)]:
        raise UnsupportedByTarget(in_order(found))
    made = plan(source.workflow)
    verify(made, source.workflow)
    layout = lay_out(source.workflow, made)
    needed = requirements(source, NAME).shown()
    return Compiled(layout.dag_id, f"{layout.dag_id}.py", emit(source, layout), explain(source, layout), needed)


def _carried(source: Source) -> Iterator[tuple[str, ir.Workflow]]:
    """The playbook and those that it ships, by file; where all are shipped nobody knows which are meant."""
    yield source.path, source.workflow
    for name, text in () if source.all_playbooks else source.playbooks.items():
        child = compile_source(text, name, check=False).workflow
        if child is not None and text != source.text:
            yield name, child


def _refused(source: Source, file: str, workflow: ir.Workflow) -> list[Diagnostic]:
    table = TABLE if source.all_playbooks else (*TABLE, UNKNOWN_PLAYBOOKS)
    return refusals(used(workflow), NAME, table, file)
