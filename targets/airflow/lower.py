"""From a playbook to a DAG file: refuse, plan, verify, lay out, emit."""

from __future__ import annotations

from noetl.compiler.findings import quoted
from noetl.diagnostics import in_order
from noetl.errors import UnsupportedByTarget
from noetl.targets.base import Compiled, Source
from noetl.targets.features import Use, refusal, refusals, used
from noetl.targets.plan import MAX_COPIES, Plan, TooManyCopies, plan
from noetl.targets.verify import verify

from .capabilities import ROWS, TABLE
from .emit import emit
from .explain import explain
from .layout import lay_out

NAME = "airflow"


def compile_playbook(source: Source) -> Compiled:
    """The DAG file of a playbook and the story of each step; UnsupportedByTarget with every reason if there is none."""
    found = refusals(used(source.workflow), NAME, TABLE, source.path)
    if found:
        raise UnsupportedByTarget(in_order(found))
    made = _planned(source)
    verify(made, source.workflow)
    layout = lay_out(source.workflow, made)
    return Compiled(layout.dag_id, f"{layout.dag_id}.py", emit(source, layout), explain(source, layout))


def _planned(source: Source) -> Plan:
    try:
        return plan(source.workflow)
    except TooManyCopies as excess:
        step = excess.step
        subject = f"more than {MAX_COPIES} tokens can be at step {quoted(step.name)} at once"
        use = Use("many-copies", subject, step.span)
        diagnostic = refusal(use, NAME, ROWS[use.feature], source.path)
        raise UnsupportedByTarget([diagnostic] if diagnostic else []) from None
