"""A target's table of capabilities, held against what its cases came to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from noetl.compiler.frontend import compile_source
from noetl.diagnostics import Severity
from noetl.targets.base import Capability
from noetl.targets.features import used

from .adapters.base import Adapter
from .conform import Judged


def unproven(adapter: Adapter, records: Iterable[Judged]) -> list[str]:
    """A line for each row of the table that the records contradict.

    A row that refuses a feature is contradicted by a case that uses it and was run all the same, and by a refusal
    without its code. That what it carries is carried is what the cases themselves say.
    """
    rows = rows_of(adapter)
    return list(dict.fromkeys(line for one in records for line in contradicted(rows, one)))


def rows_of(adapter: Adapter) -> dict[str, Capability]:
    """The rows of a target's table by feature."""
    return {row.feature: row for row in adapter.table()}


def contradicted(rows: Mapping[str, Capability], one: Judged) -> Iterator[str]:
    """What a case says against the rows of a table."""
    if one.seen is None or one.seen.problem is not None or one.case.expect.refused is not None:
        return
    workflow = compile_source(one.case.text(), one.case.path).workflow
    if workflow is None:
        return
    features = sorted({use.feature for use in used(workflow)} & rows.keys())
    refused = [rows[name] for name in features if rows[name].code is not None]
    codes = {d.code for d in one.seen.diagnostics if d.severity is Severity.ERROR}
    if one.seen.summary is not None:
        for row in refused:
            yield f"the table refuses {row.feature}, and {one.case.id}, which uses it, was run"
        return
    for row in refused:
        if row.code is not None and row.code.code not in codes:
            told = ", ".join(sorted(codes)) or "nothing"
            yield f"the table refuses {row.feature} with {row.code.code}; {one.case.id} was refused with {told}"
