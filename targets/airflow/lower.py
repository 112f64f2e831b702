"""From a playbook to a DAG file: refuse, plan, verify, lay out, emit."""

from __future__ import annotations

from noetl.diagnostics import in_order
from noetl.errors import UnsupportedByTarget
from noetl.targets.base import Compiled, Source
from noetl.targets.features import refusals, used
from noetl.targets.plan import plan
from noetl.targets.verify import verify

from .capabilities import TABLE, UNKNOWN_PLAYBOOKS
from .emit import emit
from .explain import explain
from .layout import lay_out

NAME = "airflow"


def compile_playbook(source: Source) -> Compiled:
    """The DAG file of a playbook and the story of each step; UnsupportedByTarget with every reason if there is none."""
    table = TABLE if source.all_playbooks else (*TABLE, UNKNOWN_PLAYBOOKS)
    found = refusals(used(source.workflow), NAME, table, source.path)
    if found:
        raise UnsupportedByTarget(in_order(found))
    made = plan(source.workflow)
    verify(made, source.workflow)
    layout = lay_out(source.workflow, made)
    return Compiled(layout.dag_id, f"{layout.dag_id}.py", emit(source, layout), explain(source, layout))
